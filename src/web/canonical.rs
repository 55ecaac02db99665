//! JSON in one form, so that it can be signed.

use serde_json::Value;

/// RFC 8785: members sorted by name, no spaces, shortest numbers. Receipts have whole numbers only, for which the
/// shortest form is the plain one; our member names are ASCII, for which bytes sort as UTF-16 does.
pub fn canonical(value: &Value) -> String {
    let mut text = String::with_capacity(1_024);
    write(value, &mut text);
    text
}

fn write(value: &Value, into: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            into.push('{');
            for (at, (name, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                write_text(name, into);
                into.push(':');
                write(value, into);
            }
            into.push('}');
        }
        Value::Array(items) => {
            into.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    into.push(',');
                }
                write(item, into);
            }
            into.push(']');
        }
        Value::String(text) => write_text(text, into),
        Value::Null | Value::Bool(_) | Value::Number(_) => into.push_str(&value.to_string()),
    }
}

/// Between quotes, with what JSON does not allow there escaped.
fn write_text(text: &str, into: &mut String) {
    let plain = text
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if plain {
        into.push('"');
        into.push_str(text);
        into.push('"');
    } else {
        into.push_str(&Value::from(text).to_string());
    }
}
