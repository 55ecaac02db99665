//! How one library looks: `themes/<organisation>.css`, a file of NL Design System custom properties and nothing else. It
//! is read strictly, and refused when somebody could not read the page it makes: the contrast of every pair of colours
//! that meet is computed (WCAG 2.2, 1.4.3 and 1.4.11).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::finding::Finding;
use super::load::Files;
use crate::domain::ids::OrganisationId;

/// The style sheet of every page; its first rule holds the value of each property that a theme leaves as it is.
pub const STYLE_SHEET: &str = include_str!("../../assets/akkoord.css");

/// Longest theme file, in bytes.
const LONGEST: usize = 5 * 1024;

/// The properties of one library that differ from the style sheet's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Theme(BTreeMap<String, String>);

impl Theme {
    /// As a style sheet.
    pub fn css(&self) -> String {
        let lines: String = self
            .0
            .iter()
            .map(|(name, value)| format!("  {name}: {value};\n"))
            .collect();
        format!(":root {{\n{lines}}}\n")
    }

    /// A property, its own or the style sheet's.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).or_else(|| USUAL.get(name)).map(String::as_str)
    }

    fn colour(&self, name: &str) -> Option<Colour> {
        Colour::parse(self.value(name)?)
    }
}

/// The values of the style sheet.
static USUAL: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let mut found = BTreeMap::new();
    if let Ok(declarations) = declarations(STYLE_SHEET, Rest::Ignored) {
        found.extend(declarations.into_iter().map(|d| (d.name, d.value)));
    }
    found
});

/// The themes of a folder that can be used. Mistakes are for [`check`]; a theme with one is left out as a whole, so that a
/// version once applied loads in every later release.
pub(super) fn readable(files: &Files) -> BTreeMap<OrganisationId, Theme> {
    themes(files)
        .filter_map(|(file, id, text)| {
            let mut found = Vec::new();
            let theme = read(file, text, &mut found);
            Some((id.parse().ok()?, theme?)).filter(|_| found.is_empty())
        })
        .collect()
}

/// Checks every theme.
pub(super) fn check(files: &Files, organisations: &[&OrganisationId], found: &mut Vec<Finding>) {
    for (file, id, text) in themes(files) {
        if !organisations.iter().any(|known| known.as_str() == id) {
            let known: Vec<&str> = organisations.iter().map(|id| id.as_str()).collect();
            found.push(Finding::error(
                file,
                1,
                "theme-organisation",
                format!("there is no library {id}"),
                format!("name the file after one of: {}", known.join(", ")),
            ));
        }
        read(file, text, found);
    }
}

fn themes(files: &Files) -> impl Iterator<Item = (&str, &str, &str)> {
    files.iter().filter_map(|(file, text)| {
        let name = file.strip_prefix("themes/")?;
        Some((file, name.strip_suffix(".css").unwrap_or(name), text))
    })
}

fn read(file: &str, text: &str, found: &mut Vec<Finding>) -> Option<Theme> {
    let mut wrong = |line, code, message: String, remedy: &str| {
        found.push(Finding::error(file, line, code, message, remedy));
    };
    if text.len() > LONGEST {
        let message = format!("a theme has at most {LONGEST} bytes, this one {}", text.len());
        wrong(
            1,
            "theme-size",
            message,
            "keep the properties that differ, leave out the rest",
        );
        return None;
    }
    let declarations = match declarations(text, Rest::Refused) {
        Ok(declarations) => declarations,
        Err((line, message)) => {
            let remedy = "write one rule, `:root { --name: value; … }`, with custom properties only";
            wrong(line, "theme-syntax", message, remedy);
            return None;
        }
    };
    let mut theme = Theme::default();
    let mut lines = BTreeMap::new();
    for Declaration { name, value, line } in declarations {
        let Some(usual) = USUAL.get(&name) else {
            let remedy = "use a property of the first rule of assets/akkoord.css";
            wrong(line, "theme-property", format!("no page uses {name}"), remedy);
            continue;
        };
        let kind = Kind::of(&name, usual);
        if !kind.accepts(&value) {
            wrong(
                line,
                "theme-value",
                format!("{name} cannot be {value}"),
                kind.remedy(),
            );
            continue;
        }
        if lines.insert(name.clone(), line).is_some() {
            wrong(
                line,
                "theme-property",
                format!("{name} is there twice"),
                "keep one of them",
            );
        }
        theme.0.insert(name, value);
    }
    for pair in PAIRS {
        let (Some(on), Some(under)) = (theme.colour(pair.on), theme.colour(pair.under)) else {
            continue;
        };
        let ratio = on.contrast(under);
        if ratio < pair.least {
            let line = [pair.on, pair.under]
                .iter()
                .filter_map(|name| lines.get(*name))
                .max();
            // Rounded down, so that 4.499 is not said to be 4.5.
            let shown = (ratio * 100.0).floor() / 100.0;
            let message = format!(
                "{} ({}) on {} ({}) has a contrast of {shown:.2}",
                pair.on,
                theme.value(pair.on).unwrap_or_default(),
                pair.under,
                theme.value(pair.under).unwrap_or_default()
            );
            let remedy = format!(
                "reach at least {} with a darker or a lighter colour (WCAG 2.2)",
                pair.least
            );
            wrong(line.copied().unwrap_or(1), "theme-contrast", message, &remedy);
        }
    }
    Some(theme)
}

/// Two colours that meet on a page, and how much they must differ.
struct Pair {
    on: &'static str,
    under: &'static str,
    least: f64,
}

/// Text (WCAG 1.4.3).
const TEXT: f64 = 4.5;
/// Borders of controls, pictograms and lines of charts (WCAG 1.4.11).
const SHAPE: f64 = 3.0;
/// The two rings of the focus: then one of them shows on whatever colour lies under it (technique C40).
const RINGS: f64 = 9.0;

const fn pair(on: &'static str, under: &'static str, least: f64) -> Pair {
    Pair { on, under, least }
}

const PAGE: &str = "--utrecht-document-background-color";
const CARD: &str = "--akkoord-card-background-color";
const PRIMARY: &str = "--utrecht-button-primary-action-background-color";
const SECONDARY: &str = "--utrecht-button-secondary-action-background-color";
const CONTROL: &str = "--utrecht-form-control-background-color";

const PAIRS: &[Pair] = &[
    pair("--utrecht-document-color", PAGE, TEXT),
    pair("--utrecht-document-color", CARD, TEXT),
    pair("--utrecht-heading-color", PAGE, TEXT),
    pair("--utrecht-heading-color", CARD, TEXT),
    pair("--utrecht-link-color", PAGE, TEXT),
    pair("--utrecht-link-color", CARD, TEXT),
    pair("--utrecht-link-hover-color", PAGE, TEXT),
    pair("--utrecht-link-hover-color", CARD, TEXT),
    pair("--akkoord-quiet-color", PAGE, TEXT),
    pair("--akkoord-quiet-color", CARD, TEXT),
    pair(
        "--akkoord-quiet-color",
        "--utrecht-radio-button-checked-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-page-header-color",
        "--utrecht-page-header-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-page-footer-color",
        "--utrecht-page-footer-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-navigation-color",
        "--utrecht-navigation-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-navigation-current-border-color",
        "--utrecht-navigation-background-color",
        SHAPE,
    ),
    pair("--utrecht-button-primary-action-color", PRIMARY, TEXT),
    pair(
        "--utrecht-button-primary-action-color",
        "--utrecht-button-primary-action-hover-background-color",
        TEXT,
    ),
    pair("--utrecht-button-primary-action-border-color", PAGE, SHAPE),
    pair("--utrecht-button-primary-action-border-color", CARD, SHAPE),
    pair("--utrecht-button-secondary-action-color", SECONDARY, TEXT),
    pair(
        "--utrecht-button-secondary-action-color",
        "--utrecht-button-secondary-action-hover-background-color",
        TEXT,
    ),
    pair("--utrecht-button-secondary-action-border-color", PAGE, SHAPE),
    pair("--utrecht-button-secondary-action-border-color", CARD, SHAPE),
    pair("--utrecht-form-control-color", CONTROL, TEXT),
    pair(
        "--utrecht-form-control-color",
        "--utrecht-radio-button-checked-background-color",
        TEXT,
    ),
    pair("--utrecht-form-control-border-color", PAGE, SHAPE),
    pair("--utrecht-form-control-border-color", CARD, SHAPE),
    pair("--utrecht-form-control-border-color", CONTROL, SHAPE),
    pair(
        "--utrecht-radio-button-checked-color",
        "--utrecht-radio-button-checked-background-color",
        SHAPE,
    ),
    pair("--utrecht-radio-button-checked-color", PAGE, SHAPE),
    pair(
        "--utrecht-badge-status-neutral-color",
        "--utrecht-badge-status-neutral-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-alert-ok-color",
        "--utrecht-alert-ok-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-alert-info-color",
        "--utrecht-alert-info-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-alert-warning-color",
        "--utrecht-alert-warning-background-color",
        TEXT,
    ),
    pair(
        "--utrecht-alert-error-color",
        "--utrecht-alert-error-background-color",
        TEXT,
    ),
    pair("--utrecht-alert-error-border-color", PAGE, TEXT), // what is wrong with a field is said in this colour
    pair("--utrecht-alert-error-border-color", CARD, TEXT),
    pair(
        "--utrecht-focus-outline-color",
        "--utrecht-focus-inverse-outline-color",
        RINGS,
    ),
    pair(
        "--akkoord-pictogram-color",
        "--akkoord-pictogram-background-color",
        SHAPE,
    ),
    pair("--akkoord-pictogram-color", PAGE, SHAPE),
    pair("--akkoord-chart-color", CARD, SHAPE),
    pair("--akkoord-chart-second-color", CARD, SHAPE),
    pair("--akkoord-chart-third-color", CARD, SHAPE),
];

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Colour,
    Length,
    Fonts,
}

impl Kind {
    fn of(name: &str, usual: &str) -> Self {
        if name.ends_with("-font-family") {
            Self::Fonts
        } else if Colour::parse(usual).is_some() {
            Self::Colour
        } else {
            Self::Length
        }
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Colour => Colour::parse(value).is_some(),
            Self::Length => length(value),
            Self::Fonts => value.split(',').all(|name| {
                let name = name.trim();
                let inner = name
                    .strip_prefix('"')
                    .and_then(|n| n.strip_suffix('"'))
                    .unwrap_or(name);
                !inner.is_empty()
                    && inner
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == ' ')
            }),
        }
    }

    const fn remedy(self) -> &'static str {
        match self {
            Self::Colour => "write a colour as #rrggbb",
            Self::Length => "write a length from 0rem to 2rem, such as 0.5rem",
            Self::Fonts => "write names of fonts that computers have, with commas between; nothing is loaded",
        }
    }
}

fn length(value: &str) -> bool {
    value
        .strip_suffix("rem")
        .filter(|number| number.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
        .and_then(|number| number.parse::<f64>().ok())
        .is_some_and(|number| (0.0..=2.0).contains(&number))
}

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Colour([u8; 3]);

impl Colour {
    /// `#rrggbb`.
    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let channel = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self([channel(0)?, channel(2)?, channel(4)?]))
    }

    /// Relative luminance (WCAG 2.2, definitions).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let share = f64::from(channel) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// Contrast ratio, from 1 to 21.
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }
}

struct Declaration {
    name: String,
    value: String,
    line: usize,
}

/// What may stand behind the first rule.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Refused,
    Ignored,
}

/// The declarations of the first rule, which must be `:root`. The mistake has its line.
fn declarations(text: &str, rest: Rest) -> Result<Vec<Declaration>, (usize, String)> {
    let text = without_comments(text)?;
    let line_of = |at: usize| {
        text.get(..at)
            .map_or(1, |before| before.matches('\n').count() + 1)
    };
    let open = text.find('{').ok_or((1, "there is no rule".to_owned()))?;
    let selector = text.get(..open).unwrap_or_default().trim();
    if selector != ":root" {
        return Err((line_of(open), format!("the rule is for `{selector}`")));
    }
    let close = text
        .find('}')
        .ok_or_else(|| (line_of(text.len()), "the rule is not closed".to_owned()))?;
    let behind = text.get(close + 1..).unwrap_or_default();
    if rest == Rest::Refused && !behind.trim().is_empty() {
        let at = close + 1 + behind.len() - behind.trim_start().len();
        return Err((line_of(at), "there is more than one rule".to_owned()));
    }
    let mut found = Vec::new();
    let mut at = open + 1;
    for part in text.get(at..close).unwrap_or_default().split(';') {
        let start = at + part.len() - part.trim_start().len();
        at += part.len() + 1;
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let line = line_of(start);
        let declared = part.split_once(':').filter(|(name, _)| {
            name.starts_with("--")
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
        let (name, value) = declared.ok_or_else(|| (line, format!("`{part}` is no custom property")))?;
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        found.push(Declaration {
            name: name.to_owned(),
            value,
            line,
        });
    }
    Ok(found)
}

/// The text with every comment replaced by the newlines in it.
fn without_comments(text: &str) -> Result<String, (usize, String)> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        let line = out.matches('\n').count() + 1;
        let (comment, behind) = after
            .split_once("*/")
            .ok_or((line, "a comment is not closed".to_owned()))?;
        out.extend(std::iter::repeat_n('\n', comment.matches('\n').count()));
        rest = behind;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<(usize, &'static str)> {
        let mut found = Vec::new();
        read("themes/x.css", text, &mut found);
        found.iter().map(|finding| (finding.line, finding.code)).collect()
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        let ratio = |one, two| Colour::parse(one).unwrap().contrast(Colour::parse(two).unwrap());
        assert!((ratio("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((ratio("#777777", "#ffffff") - 4.478).abs() < 0.001);
        assert!((ratio("#767676", "#ffffff") - 4.542).abs() < 0.001);
        assert!((ratio("#123456", "#123456") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_style_sheet_itself_is_a_good_theme() {
        let declared =
            declarations(STYLE_SHEET, Rest::Ignored).unwrap_or_else(|mistake| panic!("{mistake:?}"));
        let text: String = declared
            .iter()
            .map(|d| format!("{}: {};", d.name, d.value))
            .collect();
        assert_eq!(findings(&format!(":root {{{text}}}")), []);
        for pair in PAIRS {
            for name in [pair.on, pair.under] {
                assert!(USUAL.contains_key(name), "{name}");
            }
        }
    }

    #[test]
    fn every_property_is_used_and_every_used_one_is_there() {
        let mut used = std::collections::BTreeSet::new();
        for part in STYLE_SHEET.split("var(").skip(1) {
            used.insert(part.split(')').next().unwrap());
        }
        let charts = |name: &&str| !name.starts_with("--akkoord-chart-"); // drawn by the pages with figures
        let here: std::collections::BTreeSet<&str> =
            USUAL.keys().map(String::as_str).filter(charts).collect();
        used.retain(|name| charts(name));
        assert_eq!(used, here);
        assert!(STYLE_SHEET.len() <= 25_000, "{} bytes", STYLE_SHEET.len());
    }

    #[test]
    fn what_nobody_could_read_is_refused_with_its_line() {
        let pale = "/* pale\n   on white */\n:root {\n  --utrecht-document-color: #aaaaaa;\n}\n";
        let found = findings(pale);
        assert!(
            !found.is_empty() && found.iter().all(|f| *f == (4, "theme-contrast")),
            "{found:?}"
        );
        assert_eq!(findings(":root { --utrecht-document-color: #000000; }"), []);
    }

    #[test]
    fn anything_but_known_properties_is_refused() {
        for (text, line, code) in [
            ("", 1, "theme-syntax"),
            ("body { color: red }", 1, "theme-syntax"),
            (":root { color: red; }", 1, "theme-syntax"),
            (
                ":root { --utrecht-link-color: #000000; }\n@import url(x);",
                2,
                "theme-syntax",
            ),
            (":root {\n--utrecht-link-color: #000000", 2, "theme-syntax"),
            ("/* open\n:root { }", 1, "theme-syntax"),
            (":root {\n\n--utrecht-lnk-color: #000000; }", 3, "theme-property"),
            (
                ":root { --utrecht-link-color: url(https://x.example); }",
                1,
                "theme-value",
            ),
            (":root { --utrecht-link-color: black; }", 1, "theme-value"),
            (
                ":root { --utrecht-button-border-radius: 9rem; }",
                1,
                "theme-value",
            ),
            (
                ":root { --utrecht-button-border-radius: calc(1rem); }",
                1,
                "theme-value",
            ),
            (
                ":root { --utrecht-document-font-family: \"A\", url(x); }",
                1,
                "theme-value",
            ),
            (
                ":root { --utrecht-button-border-radius: 0rem;\n--utrecht-button-border-radius: 1rem; }",
                2,
                "theme-property",
            ),
        ] {
            assert_eq!(findings(text), [(line, code)], "{text}");
        }
        let long = format!(":root {{ }} /*{}*/", "x".repeat(LONGEST));
        assert_eq!(findings(&long), [(1, "theme-size")]);
    }
}
