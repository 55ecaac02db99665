//! A form body (`application/x-www-form-urlencoded`), read strictly: each name once, every escape whole, all of it UTF-8.

use zeroize::Zeroizing;

/// Why a text is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8 or a control character.
    #[error("a name or value is not correctly encoded")]
    Encoding,
    /// The same name twice.
    #[error("a parameter is there twice")]
    Twice,
    /// More parameters than any request has.
    #[error("there are too many parameters")]
    TooMany,
}

/// Most parameters that are read.
const MOST: usize = 64;

/// The parameters of a form. Values may be secrets: they are wiped when dropped and not printed.
pub struct Form(Vec<(String, Zeroizing<String>)>);

impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Form(… {} parameters)", self.0.len())
    }
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut found: Vec<(String, Zeroizing<String>)> = Vec::new();
        for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
            if found.len() >= MOST {
                return Err(FormError::TooMany);
            }
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if found.iter().any(|(other, _)| *other == *name) {
                return Err(FormError::Twice);
            }
            found.push((name.to_string(), value));
        }
        Ok(Self(found))
    }

    /// A parameter; one without a value counts as absent (RFC 6749 §3.2).
    pub fn value(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(other, _)| other == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }
}

/// A name or value in clear.
///
/// # Errors
/// [`FormError::Encoding`].
pub fn decode(text: &[u8]) -> Result<Zeroizing<String>, FormError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.copied().and_then(nibble));
                let [Some(high), Some(low)] = digits else {
                    return Err(FormError::Encoding);
                };
                high << 4 | low
            }
            other => *other,
        });
    }
    let clear = std::str::from_utf8(&bytes).map_err(|_| FormError::Encoding)?;
    if clear.chars().any(char::is_control) {
        return Err(FormError::Encoding);
    }
    Ok(Zeroizing::new(clear.to_owned()))
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read() {
        let form =
            Form::parse(b"grant_type=client_credentials&scope=a%3Ab+c&empty=&bare&&d=%C3%A9=x").unwrap();
        assert_eq!(form.value("grant_type"), Some("client_credentials"));
        assert_eq!(form.value("scope"), Some("a:b c"));
        assert_eq!(form.value("d"), Some("é=x"));
        for absent in ["empty", "bare", "nothing", "Scope"] {
            assert_eq!(form.value(absent), None, "{absent}");
        }
        assert!(Form::parse(b"").unwrap().value("").is_none());
        assert_eq!(format!("{form:?}"), "Form(… 5 parameters)");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for body in [
            "a=%", "a=%4", "a=%zz", "a=%+1", "%=a", "a=%ff", "a=%00", "a=%0a", "a=b\r\n",
        ] {
            assert_eq!(
                Form::parse(body.as_bytes()).unwrap_err(),
                FormError::Encoding,
                "{body}"
            );
        }
        assert_eq!(Form::parse(b"\xff=a").unwrap_err(), FormError::Encoding);
        for body in ["a=1&a=1", "a=1&%61=2", "a&a"] {
            assert_eq!(
                Form::parse(body.as_bytes()).unwrap_err(),
                FormError::Twice,
                "{body}"
            );
        }
        let many: Vec<String> = (0..65).map(|n| format!("p{n}=1")).collect();
        assert_eq!(
            Form::parse(many.join("&").as_bytes()).unwrap_err(),
            FormError::TooMany
        );
    }
}
