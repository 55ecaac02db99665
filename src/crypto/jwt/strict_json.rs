//! JSON in which each member has one value.
//!
//! RFC 8259 leaves open which of two equal members counts. Where a signature is over the text, two
//! readers must not be able to see two things in it (RFC 7515 section 5.2, RFC 8725 section 2.4).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads one JSON value and nothing after it; a member that occurs twice, at any depth, is an
/// error, as is a number that does not fit.
///
/// # Errors
/// The message of the JSON reader, which does not repeat values but may name a member.
pub fn parse_strict(json: &[u8]) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let value = Strict.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Strict)?;
            if object.contains_key(&name) {
                return Err(A::Error::custom("duplicate member"));
            }
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn duplicates_at_any_depth_are_refused() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"a":2}}"#,
            r#"[{"x":[{"a":1,"b":2,"a":null}]}]"#,
        ] {
            assert!(parse_strict(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        let deep = "[".repeat(100_000);
        for json in [
            "",
            "{",
            "{} {}",
            "{}x",
            "\u{feff}{}",
            "1e400",
            "NaN",
            "{'a':1}",
            "{a:1}",
            "[1,]",
            r#""\ud800""#,
            &deep,
        ] {
            assert!(parse_strict(json.as_bytes()).is_err(), "{json:.40}");
        }
        assert!(parse_strict(b"\"\xff\"").is_err());
    }

    proptest! {
        #[test]
        fn the_rest_reads_as_serde_json_reads_it(
            names in proptest::collection::btree_set("[a-z\"é]{0,5}", 0..6), number: i64, real: f64,
        ) {
            let mut object = Map::new();
            for name in names {
                object.insert(name.clone(), serde_json::json!([{name: number}, real, true, null, "t"]));
            }
            let value = Value::Object(object);
            let text = value.to_string();
            let read: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(parse_strict(text.as_bytes()).unwrap(), read);
        }

        #[test]
        fn no_bytes_make_it_fail_otherwise(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse_strict(&bytes);
        }
    }
}
