//! Query parameters, read as strictly as bodies: none unknown, none twice.

use std::future::{Ready, ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::json;
use super::problem::Problem;
use crate::service::refusal::Invalid;

/// Parameters as a type whose members are all texts, `Option` where they may be absent.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse(request.query_string()).map(Self).map_err(Problem::from))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Invalid> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if value
            .chars()
            .chain(name.chars())
            .any(|c| c.is_ascii_control() || c == char::REPLACEMENT_CHARACTER)
        {
            return Err(Invalid::new(
                "?",
                "control-character",
                "A parameter holds a control character or no UTF-8.",
            ));
        }
        if members
            .insert(name.into_owned(), Value::String(value.into_owned()))
            .is_some()
        {
            return Err(Invalid::new(
                "?",
                "duplicate-parameter",
                "A parameter is there twice. Send it once.",
            ));
        }
    }
    json::from_value(&Value::Object(members)).map_err(|mistake| Invalid {
        pointer: format!("?{}", mistake.pointer.trim_start_matches('/')),
        ..mistake
    })
}

/// A page size between 1 and 100; 50 when absent.
///
/// # Errors
/// 400 for anything else.
pub fn limit(text: Option<&str>) -> Result<usize, Problem> {
    let Some(text) = text else { return Ok(50) };
    text.parse()
        .ok()
        .filter(|n| (1..=100).contains(n))
        .ok_or_else(|| Invalid::new("?limit", "invalid-value", "Give a whole number from 1 to 100.").into())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "camelCase")]
    struct Paging {
        cursor: Option<String>,
        page_limit: Option<String>,
    }

    #[test]
    fn parameters_are_read_once_and_by_name() {
        let paging: Paging = parse("cursor=a%20b&pageLimit=5").unwrap();
        assert_eq!(
            (paging.cursor.as_deref(), paging.page_limit.as_deref()),
            (Some("a b"), Some("5"))
        );
        for (query, pointer, code) in [
            ("cursr=1", "?cursr", "unknown-member"),
            ("cursor=1&cursor=2", "?", "duplicate-parameter"),
            ("cursor=%00", "?", "control-character"),
            ("cursor=%ff", "?", "control-character"),
        ] {
            let mistake = parse::<Paging>(query).unwrap_err();
            assert_eq!(
                (mistake.pointer.as_str(), mistake.code),
                (pointer, code),
                "{query}"
            );
        }
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(limit(None).unwrap(), 50);
        assert_eq!(limit(Some("100")).unwrap(), 100);
        for bad in ["0", "101", "-1", "x", ""] {
            assert!(limit(Some(bad)).is_err());
        }
    }
}
