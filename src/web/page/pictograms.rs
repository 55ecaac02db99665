//! Pictograms: our own, drawn with the colour of the text, hidden from screen readers because words say the same.

macro_rules! drawn {
    ($inside:literal) => {
        concat!(
            "<svg viewBox=\"0 0 24 24\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.9\" stroke-linecap=\"round\" ",
            "stroke-linejoin=\"round\" aria-hidden=\"true\" focusable=\"false\">",
            $inside,
            "</svg>"
        )
    };
}

/// The pictogram with a name; a leaf for an unknown one.
pub fn named(name: &str) -> &'static str {
    match name {
        "book" => drawn!(
            "<path d=\"M12 6.500C9.500 4.800 6.500 4.600 3 5.500v13c3.500-.9 6.500-.7 9 1 2.500-1.700 5.500-1.900 9-1v-13c-3.500-.9-6.500-.7-9 1zM12 6.500v13\"/>"
        ),
        "agreed" => drawn!(
            "<path d=\"M12 6.500C9.500 4.800 6.500 4.600 3 5.500v13c3.500-.9 6.500-.7 9 1 2.500-1.700 5.500-1.900 9-1v-13c-3.500-.9-6.500-.7-9 1z\"/><path d=\"M8.500 12.200l2.500 2.500 4.700-5\"/>"
        ),
        "mail" => drawn!(
            "<rect x=\"3\" y=\"5.500\" width=\"18\" height=\"13\" rx=\"2\"/><path d=\"M3.500 7l8.500 6.500L20.500 7\"/>"
        ),
        "tips" => drawn!(
            "<path d=\"M9 18h6M10 21h4M12 3a6 6 0 0 0-3.600 10.800c.7.600 1.100 1.400 1.100 2.200h5c0-.8.400-1.600 1.100-2.200A6 6 0 0 0 12 3z\"/>"
        ),
        "share" => drawn!(
            "<circle cx=\"6\" cy=\"12\" r=\"2.500\"/><circle cx=\"18\" cy=\"6\" r=\"2.500\"/><circle cx=\"18\" cy=\"18\" r=\"2.500\"/><path d=\"M8.300 10.900l7.400-3.700M8.300 13.100l7.400 3.700\"/>"
        ),
        "figures" => drawn!("<path d=\"M4 20V10M10 20V4M16 20v-7M21 20H3\"/>"),
        "card" => drawn!(
            "<rect x=\"3\" y=\"5.500\" width=\"18\" height=\"13\" rx=\"2\"/><path d=\"M3 10h18M7 15h4\"/>"
        ),
        "clock" => drawn!("<circle cx=\"12\" cy=\"12\" r=\"8.500\"/><path d=\"M12 7.500V12l3 2\"/>"),
        "eye" => drawn!(
            "<path d=\"M2.500 12s3.500-6.500 9.500-6.500 9.500 6.500 9.500 6.500-3.500 6.500-9.500 6.500S2.500 12 2.500 12z\"/><circle cx=\"12\" cy=\"12\" r=\"2.800\"/>"
        ),
        "stop" => drawn!(
            "<circle cx=\"12\" cy=\"12\" r=\"8.500\"/><rect x=\"9\" y=\"9\" width=\"6\" height=\"6\" rx=\"1\"/>"
        ),
        "folder" => drawn!(
            "<path d=\"M3 7.500a2 2 0 0 1 2-2h4l2 2.500h8a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2z\"/>"
        ),
        "bin" => drawn!(
            "<path d=\"M4.500 7h15M9.500 7V4.500h5V7M6.500 7l.8 12.500h9.400L17.500 7M10.500 11v5M13.500 11v5\"/>"
        ),
        "hand" => drawn!(
            "<path d=\"M8 12V5.500a1.500 1.500 0 0 1 3 0V11M11 10V4.500a1.500 1.500 0 0 1 3 0V11M14 11V6a1.500 1.500 0 0 1 3 0v8.500c0 3.600-2.200 6-5.500 6-2.800 0-4.200-1.300-5.500-3.700L4 13.300c-.5-1 .9-2.300 2-1.200l2 2\"/>"
        ),
        "people" => drawn!(
            "<circle cx=\"9\" cy=\"8\" r=\"3.200\"/><path d=\"M3 19.500c.4-3.500 2.700-5.500 6-5.500s5.600 2 6 5.500M16 5.200a3.200 3.200 0 0 1 0 5.800M17.500 14.500c2 .7 3.200 2.400 3.500 5\"/>"
        ),
        "receipt" => drawn!(
            "<path d=\"M6 3.500h12v17l-2.500-1.500-2 1.500-1.500-1.500-1.500 1.500-2-1.500L6 20.500zM9 8h6M9 12h6\"/>"
        ),
        "question" => drawn!(
            "<circle cx=\"12\" cy=\"12\" r=\"8.500\"/><path d=\"M9.700 9.500a2.400 2.400 0 1 1 3.500 2.200c-.8.400-1.200.9-1.200 1.800M12 16.500v.1\"/>"
        ),
        "yes" => drawn!("<path d=\"M5 12.500l4.500 4.500L19 7.500\"/>"),
        "no" => drawn!("<path d=\"M6.500 6.500l11 11M17.500 6.500l-11 11\"/>"),
        "lock" => drawn!(
            "<rect x=\"5\" y=\"10.500\" width=\"14\" height=\"9.500\" rx=\"2\"/><path d=\"M8 10.500V8a4 4 0 0 1 8 0v2.500\"/>"
        ),
        "letter" => drawn!("<path d=\"M6 3.500h8l4 4v13H6zM14 3.500v4h4M9 12h6M9 16h6\"/>"),
        "calendar" => drawn!(
            "<rect x=\"4\" y=\"5.500\" width=\"16\" height=\"15\" rx=\"2\"/><path d=\"M4 10h16M8.500 3.500v4M15.500 3.500v4\"/>"
        ),
        "gift" => drawn!(
            "<rect x=\"4\" y=\"9\" width=\"16\" height=\"4\" rx=\"1\"/><path d=\"M6 13v7h12v-7M12 9v11M12 9c-3.500 0-5-1.200-5-2.700S8.500 4 9.700 4.800C11 5.600 12 9 12 9zM12 9c3.500 0 5-1.200 5-2.700S15.500 4 14.300 4.800C13 5.600 12 9 12 9z\"/>"
        ),
        _ => drawn!(
            "<path d=\"M5 19c0-8 4.500-13.500 14.500-14C20 14.500 15 19.500 7.500 18M5 19c2-4.500 4.800-7 8.500-8.500\"/>"
        ),
    }
}
