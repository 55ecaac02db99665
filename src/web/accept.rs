//! Which of our media types a caller likes best.

/// The media type an `Accept` header likes best (RFC 9110 §12.5.1); the first of ours on a tie, `None` when it takes none.
pub fn best_of<'m>(accept: &str, ours: &[&'m str]) -> Option<&'m str> {
    let mut best: Option<(&str, f32)> = None;
    for media in ours {
        let q = quality(accept, media);
        if q > 0.0 && best.is_none_or(|(_, before)| q > before) {
            best = Some((media, q));
        }
    }
    best.map(|(media, _)| media)
}

fn quality(accept: &str, media: &str) -> f32 {
    let (kind, _) = media.split_once('/').unwrap_or((media, ""));
    let specificity = |range: &str| match range {
        range if range.eq_ignore_ascii_case(media) => Some(3),
        range if range.eq_ignore_ascii_case(&format!("{kind}/*")) => Some(2),
        "*/*" => Some(1),
        _ => None,
    };
    accept
        .split(',')
        .filter_map(|part| {
            let mut parameters = part.split(';').map(str::trim);
            let specific = specificity(parameters.next().unwrap_or_default())?;
            let q = parameters
                .find_map(|p| p.strip_prefix("q="))
                .map_or(Ok(1.0), str::parse::<f32>);
            Some((specific, q.unwrap_or(0.0)))
        })
        .max_by_key(|(specific, _)| *specific)
        .map_or(0.0, |(_, q)| q)
}
