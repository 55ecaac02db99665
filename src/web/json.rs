//! JSON read strictly: one meaning or none. UTF-8 only, no member twice, no control characters, bounded nesting, no
//! unknown members; every mistake has the JSON pointer of its place, and nothing of the input is repeated but the
//! names of members that look like names.

use std::fmt;

use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Number, Value};

use crate::service::refusal::Invalid;

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 32;

/// A document as a value.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(bytes: &[u8]) -> Result<Value, Invalid> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Invalid::new("", "invalid-utf-8", "The body is not UTF-8. Encode it as UTF-8."))?;
    let mut found = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Strict {
        found: &mut found,
        place: Place::Root,
        depth: 0,
    };
    let parsed = seed
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    match (parsed, found) {
        (Ok(value), None) => Ok(value),
        (_, Some(mistake)) => Err(mistake),
        (Err(_), None) => Err(Invalid::new(
            "",
            "malformed-json",
            "The body is not one complete JSON document.",
        )),
    }
}

/// A value as a type of the wire.
///
/// # Errors
/// The first member that is unknown, missing or of another type, with its place.
pub fn from_value<T: for<'de> Deserialize<'de>>(value: &Value) -> Result<T, Invalid> {
    T::deserialize(Node(value)).map_err(Mistake::into_invalid)
}

/// A place in a document, from the inside out.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Member(outer, name) => format!("{}/{}", outer.pointer(), shown(name)),
            Self::Item(outer, index) => format!("{}/{index}", outer.pointer()),
        }
    }
}

/// A member's name as it may be shown: a caller could put a person's number or address where a name belongs.
fn shown(name: &str) -> &str {
    let plain = (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'-');
    if plain { name } else { "*" }
}

/// Builds a value and notes the first mistake.
struct Strict<'a, 'p> {
    found: &'a mut Option<Invalid>,
    place: Place<'p>,
    depth: usize,
}

impl Strict<'_, '_> {
    fn refuse<E: de::Error>(&mut self, code: &'static str, detail: &'static str) -> E {
        self.found
            .get_or_insert_with(|| Invalid::new(self.place.pointer(), code, detail));
        E::custom(code)
    }

    fn text<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        if text.chars().any(|c| c.is_ascii_control()) {
            return Err(self.refuse(
                "control-character",
                "Texts may not hold control characters (U+0000 to U+001F, U+007F). Remove them.",
            ));
        }
        Ok(())
    }

    fn deeper<E: de::Error>(&mut self) -> Result<usize, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.refuse("too-deep", "Arrays and objects may be nested 32 deep at most."));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_, '_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: de::Error>(mut self, value: &str) -> Result<Value, E> {
        self.text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut list = Vec::new();
        loop {
            let seed = Strict {
                found: &mut *self.found,
                place: Place::Item(&self.place, list.len()),
                depth,
            };
            match items.next_element_seed(seed)? {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let mut inner = Strict {
                found: &mut *self.found,
                place: Place::Member(&self.place, &name),
                depth,
            };
            inner.text::<A::Error>(&name)?;
            if map.contains_key(&name) {
                return Err(inner.refuse("duplicate-member", "This member is there twice. Send it once."));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

/// A value that knows how to become a type, and says where it cannot.
struct Node<'v>(&'v Value);

/// What is wrong; the pointer grows from the inside out.
#[derive(Debug)]
struct Mistake {
    pointer: String,
    code: &'static str,
    detail: String,
}

impl Mistake {
    fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            pointer: String::new(),
            code,
            detail: detail.into(),
        }
    }

    fn within(mut self, step: &str) -> Self {
        self.pointer = format!("/{step}{}", self.pointer);
        self
    }

    fn into_invalid(self) -> Invalid {
        Invalid::new(self.pointer, self.code, self.detail)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::new(
            "invalid-value",
            "This value is not one that can stand here; see the API document.",
        )
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = expected.to_string();
        let expected = match expected.as_str() {
            text if text.starts_with("struct ") || text == "a map" => "an object",
            "a sequence" => "an array",
            "a boolean" => "true or false",
            "u32" | "u64" | "i64" => "a whole number",
            text => text,
        };
        Self::new("wrong-type", format!("Expected {expected}."))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new("invalid-value", format!("Expected {expected}."))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new(
            "unknown-member",
            "There is no such member here. Check its spelling in the API document, or leave it out.",
        )
        .within(shown(field))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("required", "This member is missing; it has no default.").within(field)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "unknown-word",
            format!("Expected one of: {}.", expected.join(", ")),
        )
    }
}

impl<'de> de::Deserializer<'de> for Node<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(value), _, _) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, value) => visitor.visit_f64(value.unwrap_or_default()),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(Items(items.iter().enumerate())),
            Value::Object(members) => visitor.visit_map(Members {
                rest: members.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    /// An object only: serde would also take an array, member by member in their order.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.0 {
            Value::Object(_) => self.deserialize_any(visitor),
            _ => Err(Mistake::new("wrong-type", "Expected an object.")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(Word(word)),
            _ => Err(Mistake::new("wrong-type", "Expected a string.")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'v>(std::iter::Enumerate<std::slice::Iter<'v, Value>>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some((index, value)) = self.0.next() else {
            return Ok(None);
        };
        seed.deserialize(Node(value))
            .map(Some)
            .map_err(|mistake| mistake.within(&index.to_string()))
    }
}

struct Members<'v> {
    rest: serde_json::map::Iter<'v>,
    value: Option<(&'v str, &'v Value)>,
}

impl<'de> MapAccess<'de> for Members<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some((name, value));
        seed.deserialize(Node::name(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let (name, value) = self.value.take().unwrap_or(("", &Value::Null));
        seed.deserialize(Node(value))
            .map_err(|mistake| mistake.within(shown(name)))
    }
}

impl Node<'_> {
    fn name(name: &str) -> de::value::StrDeserializer<'_, Mistake> {
        name.into_deserializer()
    }
}

/// A string that names a variant.
struct Word<'v>(&'v str);

impl<'de> EnumAccess<'de> for Word<'de> {
    type Error = Mistake;
    type Variant = Unit;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Unit), Mistake> {
        seed.deserialize(Node::name(self.0)).map(|value| (value, Unit))
    }
}

/// A variant without content; the wire has no other.
struct Unit;

impl<'de> VariantAccess<'de> for Unit {
    type Error = Mistake;

    fn unit_variant(self) -> Result<(), Mistake> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Mistake> {
        Err(Mistake::new("wrong-type", "Expected an object."))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Mistake> {
        Err(Mistake::new("wrong-type", "Expected an array."))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Mistake> {
        Err(Mistake::new("wrong-type", "Expected an object."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Outer {
        purpose: String,
        data_scopes: Option<Vec<String>>,
        inner: Option<Inner>,
        version: Option<u32>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        scheme: String,
    }

    fn mistake(body: &str) -> (String, &'static str) {
        let found = parse(body.as_bytes())
            .and_then(|value| from_value::<Outer>(&value))
            .unwrap_err();
        assert!(!found.detail.contains("SECRET"), "{}", found.detail);
        assert!(!found.pointer.contains("SECRET9"), "{}", found.pointer);
        (found.pointer, found.code)
    }

    #[test]
    fn a_good_document_is_read() {
        let value =
            parse(br#" {"purpose": "newsletter", "dataScopes": ["email"], "inner": null, "version": 3} "#)
                .unwrap();
        let outer: Outer = from_value(&value).unwrap();
        assert_eq!(outer.purpose, "newsletter");
        assert_eq!(outer.data_scopes, Some(vec!["email".to_owned()]));
        assert_eq!((outer.inner, outer.version), (None, Some(3)));
    }

    #[test]
    fn each_mistake_names_its_place_and_repeats_nothing() {
        for (body, pointer, code) in [
            (
                r#"{"purpose":"a","purpos":"SECRET"}"#,
                "/purpos",
                "unknown-member",
            ),
            (r#"{"purpose":"a","SECRET99":"x"}"#, "/*", "unknown-member"),
            (
                r#"{"purpose":"a","inner":{"scheme":"b","valu":1}}"#,
                "/inner/valu",
                "unknown-member",
            ),
            (r#"{"inner":{"scheme":"b"}}"#, "/purpose", "required"),
            (r#"{"purpose":"a","inner":{}}"#, "/inner/scheme", "required"),
            (r#"{"purpose":7}"#, "/purpose", "wrong-type"),
            (r#"{"purpose":null}"#, "/purpose", "wrong-type"),
            (
                r#"{"purpose":"a","dataScopes":["b",{}]}"#,
                "/dataScopes/1",
                "wrong-type",
            ),
            (r#"{"purpose":"a","version":-1}"#, "/version", "invalid-value"),
            (r#"{"purpose":"a","version":1.5}"#, "/version", "wrong-type"),
            (r#"{"purpose":"a","inner":"SECRET"}"#, "/inner", "wrong-type"),
            (r#"["SECRET"]"#, "", "wrong-type"),
            (
                r#"{"purpose":"a","inner":{"scheme":"b","scheme":"c"}}"#,
                "/inner/scheme",
                "duplicate-member",
            ),
            (
                r#"{"purpose":"a","x":{"y":[{"z":1,"z":2}]}}"#,
                "/x/y/0/z",
                "duplicate-member",
            ),
            (r#"{"purpose":"a\u0000SECRET"}"#, "/purpose", "control-character"),
            ("{\"purpose\":\"a\\u007f\"}", "/purpose", "control-character"),
            (r#"{"purpose":"a"} SECRET"#, "", "malformed-json"),
            (r#"{"purpose":"SECRET"#, "", "malformed-json"),
            ("", "", "malformed-json"),
        ] {
            assert_eq!(mistake(body), (pointer.to_owned(), code), "{body}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused_anywhere() {
        let found = parse(b"{\"purpose\":\"a\",\"x\":\"\xff\"}").unwrap_err();
        assert_eq!(found.code, "invalid-utf-8");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(MAX_DEPTH + 1).as_bytes()).unwrap_err().code,
            "too-deep"
        );
        assert_eq!(parse(nested(100_000).as_bytes()).unwrap_err().code, "too-deep");
    }
}
