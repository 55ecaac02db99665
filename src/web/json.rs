//! JSON read strictly: one meaning or none. UTF-8 only, no member twice, no control characters, bounded nesting, no
//! unknown members; every mistake has the JSON pointer of its place, and nothing of the input is repeated but the
//! names of members that look like names.

mod typed;

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
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
    typed::read(value)
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
