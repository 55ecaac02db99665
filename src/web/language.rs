//! The language somebody reads: the header `Accept-Language` (RFC 9110 §12.5.4).

use actix_web::HttpRequest;
use actix_web::http::header::ACCEPT_LANGUAGE;

use crate::domain::preference::Language;

/// The best of our languages for a request; Dutch when it says nothing we know.
pub fn of(request: &HttpRequest) -> Language {
    request
        .headers()
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .and_then(best)
        .unwrap_or_default()
}

fn best(header: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for range in header.split(',') {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = match parameters.trim().strip_prefix("q=") {
            Some(q) => q.trim().parse::<f32>().unwrap_or(0.0),
            None => 1.0,
        };
        let primary = tag
            .trim()
            .split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if let Some(language) = Language::parse(&primary)
            && quality > 0.0
            && best.is_none_or(|(_, q)| quality > q)
        {
            best = Some((language, quality));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_read_best_wins() {
        for (header, language) in [
            ("en", Some(Language::En)),
            ("en-GB,en;q=0.9,nl;q=0.8", Some(Language::En)),
            ("de, nl-BE;q=0.5, en;q=0.4", Some(Language::Nl)),
            ("en;q=0, nl;q=0.1", Some(Language::Nl)),
            ("fy", None),
            ("", None),
            ("*;q=x", None),
        ] {
            assert_eq!(best(header), language, "{header}");
        }
    }
}
