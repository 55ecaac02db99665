//! The explanation of a purpose as HTML: the little Markdown of the policy files (`###` headings, lists, paragraphs).

use askama::filters::{Escaper, Html};

/// HTML of a text. Headings become those of a level; everything is escaped.
pub fn html(text: &str, level: u8) -> String {
    let mut out = String::new();
    let mut paragraph: Vec<&str> = Vec::new();
    let mut list = false;
    for line in text.lines().map(str::trim).chain([""]) {
        let item = line.strip_prefix("- ").or_else(|| line.strip_prefix("* "));
        let heading = line.starts_with('#').then(|| line.trim_start_matches('#').trim());
        if !paragraph.is_empty() && (line.is_empty() || item.is_some() || heading.is_some()) {
            close(&mut out, &mut paragraph, list);
        }
        if list && item.is_none() && paragraph.is_empty() {
            out.push_str("</ul>\n");
            list = false;
        }
        if let Some(heading) = heading {
            out.push_str(&format!("<h{level}>{}</h{level}>\n", escaped(heading)));
        } else if let Some(item) = item {
            if !list {
                out.push_str("<ul>\n");
                list = true;
            }
            paragraph.push(item);
        } else if !line.is_empty() {
            paragraph.push(line);
        }
    }
    if list {
        out.push_str("</ul>\n");
    }
    out
}

fn close(out: &mut String, lines: &mut Vec<&str>, list: bool) {
    let tag = if list { "li" } else { "p" };
    out.push_str(&format!("<{tag}>{}</{tag}>\n", escaped(&lines.join(" "))));
    lines.clear();
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // Writing to a `String` cannot fail.
    let _ = Html.write_escaped_str(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_lists_and_paragraphs_are_made_and_markup_is_text() {
        assert_eq!(
            html("### A & b\nOne\ntwo.\n\nThree <i>.\n- x\n  y\n- z\n\nEnd", 4),
            "<h4>A &amp; b</h4>\n<p>One two.</p>\n<p>Three &lt;i&gt;.</p>\n<ul>\n<li>x y</li>\n<li>z</li>\n</ul>\n<p>End</p>\n"
                .replace("&amp;", &escaped("&"))
                .replace("&lt;", &escaped("<"))
                .replace("&gt;", &escaped(">"))
        );
        assert_eq!(html("", 4), "");
    }
}
