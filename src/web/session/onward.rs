//! Where somebody goes after signing in: a page of ours and nothing else (ASVS V3.7.2).

/// Where pages begin that somebody may be led back to.
const PLACES: [&str; 5] = ["/mijn", "/balie", "/fg", "/k", "/instellingen"];

/// The path, if it is one of our pages. No host, no scheme, no step upwards, and only plain letters.
pub fn local(path: &str) -> Option<&str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./?=&%~,+".contains(&b);
    let (place, _) = path.split_once('?').unwrap_or((path, ""));
    let known = PLACES.iter().any(|known| {
        place
            .strip_prefix(known)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let steps = place.split('/').skip(1).any(|part| part == "." || part == "..");
    let fits = known && path.len() <= 400 && path.bytes().all(plain) && !place.contains("//") && !steps;
    // A `%` in the path itself may hide any of these.
    (fits && !place.contains('%')).then_some(path)
}

/// Where staff goes: the console for officers, else the desk.
pub fn is_of_staff(path: &str) -> bool {
    ["/balie", "/fg"].iter().any(|place| path.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_to() {
        for path in [
            "/mijn",
            "/mijn/",
            "/mijn/keuzes/newsletter?taal=en",
            "/balie",
            "/fg/verzoeken?na=%3D",
            "/k/abc-_",
        ] {
            assert_eq!(local(path), Some(path), "{path}");
        }
        for path in [
            "",
            "mijn",
            "https://evil.example/mijn",
            "//evil.example/mijn",
            "///mijn",
            "/\\evil.example",
            "/mijn//evil",
            "/mijn/../v1",
            "/mijn/%2e%2e/v1",
            "/mijn/./x",
            "/mijnevil.example",
            "/mijn@evil.example",
            "/mijn\r\nSet-Cookie: x",
            "/mijn/é",
            "/v1/people",
            "/inloggen",
            "/uitloggen",
            "javascript:alert(1)",
            "/mijn?x=<script>",
        ] {
            assert_eq!(local(path), None, "{path}");
        }
        assert_eq!(local(&format!("/mijn/{}", "x".repeat(400))), None);
    }
}
