//! The words of a purpose: every language, every key the basis asks for, every element of GDPR art. 13.

use super::super::document::{ControllerRole, NoticeEntry, PurposeFile};
use super::super::finding::Report;
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, CommunicationClass, LegalBasis};

/// The longest short text, and the longest full text, in characters.
const LONGEST: (usize, usize) = (600, 20_000);
const TITLE_WORDS: usize = 8;
const SUMMARY_SENTENCES: usize = 3;

/// An element of a complete notice: its article, and its heading in Dutch and in English.
struct Element {
    article: &'static str,
    nl: &'static str,
    en: &'static str,
}

const fn element(article: &'static str, nl: &'static str, en: &'static str) -> Element {
    Element { article, nl, en }
}

/// GDPR art. 13 and 14, in the order of the article.
const ELEMENTS: [Element; 14] = [
    element("13(1)(a)", "Wie is verantwoordelijk?", "Who is responsible?"),
    element("13(1)(b)", "Wie kun je vragen stellen?", "Who can you ask?"),
    element("13(1)(c)", "Waarom mag dit?", "Why is this allowed?"),
    element("13(1)(d)", "Wat is ons belang?", "What is our interest?"),
    element("14(1)(d)", "Welke gegevens?", "Which data?"),
    element(
        "14(2)(f)",
        "Waar komen de gegevens vandaan?",
        "Where do the data come from?",
    ),
    element("13(1)(e)", "Wie krijgt de gegevens?", "Who gets the data?"),
    element(
        "13(1)(f)",
        "Gaan gegevens naar een ander land?",
        "Do data go to another country?",
    ),
    element(
        "13(2)(a)",
        "Hoe lang bewaren we dit?",
        "How long do we keep this?",
    ),
    element("13(2)(b)", "Welke rechten heb je?", "What rights do you have?"),
    element("13(2)(c)", "Kun je stoppen?", "Can you stop?"),
    element("13(2)(d)", "Niet tevreden?", "Not happy?"),
    element("13(2)(e)", "Moet je meedoen?", "Do you have to take part?"),
    element("13(2)(f)", "Beslist een computer?", "Does a computer decide?"),
];

pub(super) fn check(purpose: &PurposeFile, languages: &[Language], report: &mut Report<'_>) {
    check_variants(purpose, languages, report);
    for (variant, notice) in &purpose.notices {
        let Some((language, child)) = variant_of(variant, languages) else {
            continue;
        };
        check_keys(purpose, variant, notice, report);
        check_texts(variant, notice, report);
        match &notice.full {
            Some(full) => check_full(purpose, variant, language, full, report),
            None if child => {}
            None => {
                let message = "the notice has no full text";
                report.error(
                    format!("notice.{variant}"),
                    "notice-key-missing",
                    message,
                    "add full",
                );
            }
        }
    }
}

fn variant_of(variant: &str, languages: &[Language]) -> Option<(Language, bool)> {
    let (code, child) = variant
        .strip_suffix("-child")
        .map_or((variant, false), |code| (code, true));
    let language = Language::parse(code)?;
    languages.contains(&language).then_some((language, child))
}

fn check_variants(purpose: &PurposeFile, languages: &[Language], report: &mut Report<'_>) {
    let notices = &purpose.notices;
    for variant in notices
        .keys()
        .filter(|variant| variant_of(variant, languages).is_none())
    {
        let message = format!("there is no notice variant {variant}");
        let remedy = "use a language of network.toml, with -child for children";
        report.error(format!("notice.{variant}"), "notice-variant", message, remedy);
    }
    let has_child = languages
        .iter()
        .any(|l| notices.contains_key(&format!("{}-child", l.as_str())));
    for suffix in if has_child {
        ["", "-child"].as_slice()
    } else {
        [""].as_slice()
    } {
        let variants: Vec<String> = languages
            .iter()
            .map(|l| format!("{}{suffix}", l.as_str()))
            .collect();
        for variant in variants.iter().filter(|variant| !notices.contains_key(*variant)) {
            let message = format!("the notice {variant} is missing");
            report.error(
                "notice",
                "notice-missing",
                message,
                format!("add [notice.{variant}]"),
            );
        }
        check_parity(purpose, &variants, report);
    }
}

/// What is said in one language is said in every language.
fn check_parity(purpose: &PurposeFile, variants: &[String], report: &mut Report<'_>) {
    let there: Vec<(&String, &NoticeEntry)> = variants
        .iter()
        .filter_map(|v| Some((v, purpose.notices.get(v)?)))
        .collect();
    for (variant, notice) in &there {
        let lacks = |key: &str| notice.texts().all(|(own, _)| own != key);
        for (other, with) in there.iter().filter(|(other, _)| other != variant) {
            for (key, _) in with.texts().filter(|(key, _)| lacks(key)) {
                let message = format!("notice.{other} has {key}, notice.{variant} has not");
                report.error(
                    format!("notice.{variant}"),
                    "notice-parity",
                    message,
                    format!("add {key}"),
                );
            }
        }
    }
}

/// Which keys a notice must have and may not have depends on what members can do.
fn check_keys(purpose: &PurposeFile, variant: &str, notice: &NoticeEntry, report: &mut Report<'_>) {
    let basis = purpose.legal_basis;
    let promotional = purpose.communication_class == Some(CommunicationClass::Promotional);
    // With a school the objection is made there; whoever writes the notice says which of the two it is.
    let processor = purpose.controller_role == ControllerRole::Processor;
    let (asks, objects) = (
        basis == LegalBasis::Consent,
        promotional || basis.allows_objection(),
    );
    let one_way_out = notice.object.is_some() != notice.why_no_choice.is_some();
    let keys = [
        ("question", &notice.question, asks),
        ("yes", &notice.yes, asks),
        ("no", &notice.no, asks),
        ("if_no", &notice.if_no, asks),
        ("object", &notice.object, !asks && objects),
        ("why_no_choice", &notice.why_no_choice, !asks && !objects),
    ];
    for (key, text, wanted) in keys {
        if processor && one_way_out && matches!(key, "object" | "why_no_choice") {
            continue;
        }
        let place = format!("notice.{variant}.{key}");
        match text {
            None if wanted => {
                let message = format!("the notice of a purpose on the basis {basis} needs {key}");
                report.error(place, "notice-key-missing", message, format!("add {key}"));
            }
            Some(_) if !wanted => {
                let message = format!("{key} has no place in the notice of a purpose on the basis {basis}");
                report.error(place, "notice-key", message, "remove the key");
            }
            _ => {}
        }
    }
}

fn check_texts(variant: &str, notice: &NoticeEntry, report: &mut Report<'_>) {
    for (key, text) in notice.texts() {
        let place = format!("notice.{variant}.{key}");
        let longest = if key == "full" { LONGEST.1 } else { LONGEST.0 };
        if text.trim().is_empty() {
            report.error(&place, "empty-text", format!("{key} is empty"), "fill it in");
        }
        if text.chars().count() > longest {
            let message = format!("{key} is longer than {longest} characters");
            report.error(&place, "text-too-long", message, "say less");
        }
        let line_breaks = key == "full";
        if text
            .chars()
            .any(|c| c.is_control() && !(line_breaks && c == '\n'))
        {
            let message = format!("{key} holds a line break, tab or other control character");
            report.error(
                &place,
                "control-character",
                message,
                "write it on one line, with spaces",
            );
        }
        let tag = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!');
        if text.split('<').skip(1).any(tag) {
            report.error(
                &place,
                "markup",
                format!("{key} holds an HTML tag"),
                "write plain text",
            );
        }
    }
    let words = notice.title.split_whitespace().count();
    if words > TITLE_WORDS {
        let message = format!("the title has {words} words");
        let remedy = format!("use at most {TITLE_WORDS}");
        report.error(format!("notice.{variant}.title"), "title-length", message, remedy);
    }
    let sentences = super::super::plain_language::sentences(&notice.summary).len();
    if sentences > SUMMARY_SENTENCES {
        let message = format!("the summary has {sentences} sentences");
        let remedy = format!("use at most {SUMMARY_SENTENCES}");
        report.error(
            format!("notice.{variant}.summary"),
            "summary-length",
            message,
            remedy,
        );
    }
    if let (Some(yes), Some(no)) = (&notice.yes, &notice.no) {
        check_equal_weight(variant, yes, no, report);
    }
}

/// EDPB 03/2022: no is as easy to read and to press as yes.
fn check_equal_weight(variant: &str, yes: &str, no: &str, report: &mut Report<'_>) {
    let (yes, no) = (yes.chars().count(), no.chars().count());
    let (short, long) = (yes.min(no), yes.max(no));
    if long > short * 3 / 2 + 6 {
        let message = format!("yes has {yes} characters and no has {no}");
        let remedy = "make them about as long, so that both buttons weigh the same";
        report.error(format!("notice.{variant}.no"), "unequal-choice", message, remedy);
    }
}

fn check_full(purpose: &PurposeFile, variant: &str, language: Language, full: &str, report: &mut Report<'_>) {
    let place = format!("notice.{variant}.full");
    let first_line = report.lines.of_text(&place);
    let sections = sections(full);
    for element in &ELEMENTS {
        let heading = match language {
            Language::Nl => element.nl,
            Language::En => element.en,
        };
        let article = element.article;
        match sections.iter().find(|section| section.heading == heading) {
            None if applies(article, purpose) => {
                let message = format!("the heading \"{heading}\" is missing (GDPR art. {article})");
                report.error(
                    &place,
                    "notice-element",
                    message,
                    format!("add a line \"### {heading}\" and the text"),
                );
            }
            Some(section) if !section.has_text => {
                let message = format!("there is no text under \"{heading}\" (GDPR art. {article})");
                report.error_on_line(
                    first_line + section.line,
                    "notice-element-empty",
                    message,
                    "write it",
                );
            }
            _ => {}
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for section in &sections {
        let known = ELEMENTS
            .iter()
            .any(|e| section.heading == e.nl || section.heading == e.en);
        if !known {
            let message = format!("{:?} is no heading of a notice", section.heading);
            let remedy = "use the headings of policies/README.md, each after ###";
            report.error_on_line(first_line + section.line, "notice-heading", message, remedy);
        } else if seen.contains(&section.heading) {
            let message = format!("the heading \"{}\" is there twice", section.heading);
            report.error_on_line(
                first_line + section.line,
                "notice-heading",
                message,
                "join the two",
            );
        }
        seen.push(section.heading);
    }
}

/// Elements that are only asked for where they have a meaning.
fn applies(article: &str, purpose: &PurposeFile) -> bool {
    match article {
        "13(1)(d)" => {
            matches!(
                purpose.legal_basis,
                LegalBasis::LegitimateInterest | LegalBasis::CustomerException
            )
        }
        "14(2)(f)" => purpose.actions.contains(&Action::Enrich),
        _ => true,
    }
}

struct Section<'a> {
    heading: &'a str,
    line: usize,
    has_text: bool,
}

fn sections(full: &str) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (line, text) in full.lines().enumerate() {
        if text.starts_with('#') {
            // `## x` and `#x` are mistakes that must not pass for text.
            let heading = text.strip_prefix("### ").unwrap_or(text).trim();
            sections.push(Section {
                heading,
                line,
                has_text: false,
            });
        } else if let Some(section) = sections.last_mut().filter(|_| !text.trim().is_empty()) {
            section.has_text = true;
        }
    }
    sections
}
