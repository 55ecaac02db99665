//! Whether notices are easy to read (GDPR art. 12(1), language level B1): length of sentences, hard words and, for Dutch,
//! the reading ease of Douma. A measure of words is no reader; it only catches what readers trip over most.

use super::document::{NoticeEntry, PurposeFile};
use super::finding::{Finding, Report};
use super::hard_words;
use super::load::Documents;
use super::source::{Lines, Parsed};
use crate::domain::preference::Language;

/// What a text may be at most, and its reading ease at least.
struct Limits {
    /// Words of one sentence.
    sentence: usize,
    /// Words of a sentence on average, and the least reading ease.
    dutch: Option<(f64, f64)>,
}

const SHORT_NL: Limits = Limits {
    sentence: 12,
    dutch: Some((10.0, 70.0)),
};
const FULL_NL: Limits = Limits {
    sentence: 16,
    dutch: Some((12.0, 60.0)),
};
const SHORT_EN: Limits = Limits {
    sentence: 16,
    dutch: None,
};
const FULL_EN: Limits = Limits {
    sentence: 20,
    dutch: None,
};

/// Checks the words of every purpose.
pub(super) fn check(documents: &Documents, found: &mut Vec<Finding>) {
    for parsed in documents.purposes.values() {
        for (variant, notice) in &parsed.value.notices {
            check_notice(parsed, variant, notice, found);
        }
    }
}

fn check_notice(parsed: &Parsed<PurposeFile>, variant: &str, notice: &NoticeEntry, found: &mut Vec<Finding>) {
    let report = &mut Report {
        file: &parsed.file,
        lines: &parsed.lines,
        found,
    };
    let (short, full, hard) = match variant.strip_suffix("-child").unwrap_or(variant) {
        "nl" => (&SHORT_NL, &FULL_NL, hard_words::NL),
        "en" => (&SHORT_EN, &FULL_EN, hard_words::EN),
        _ => return,
    };
    let mut short_sentences = Vec::new();
    for (key, text) in notice.texts() {
        let place = format!("notice.{variant}.{key}");
        let first_line = report.lines.of_text(&place);
        let sentences = sentences(text);
        let limits = if key == "full" { full } else { short };
        for sentence in &sentences {
            check_sentence(sentence, first_line, limits, hard, report);
        }
        if key == "full" {
            check_ease(&sentences, limits, &place, report);
        } else {
            short_sentences.extend(sentences);
        }
    }
    check_ease(&short_sentences, short, &format!("notice.{variant}"), report);
}

fn check_sentence(
    sentence: &Sentence<'_>,
    first_line: usize,
    limits: &Limits,
    hard: &[(&str, &str)],
    report: &mut Report<'_>,
) {
    let words: Vec<String> = sentence.0.iter().map(|word| word.text.to_lowercase()).collect();
    if words.len() > limits.sentence {
        let opening: Vec<&str> = sentence.0.iter().take(4).map(|word| word.text).collect();
        let message = format!(
            "the sentence \"{} …\" has {} words",
            opening.join(" "),
            words.len()
        );
        let remedy = format!("use at most {}, or make two sentences of it", limits.sentence);
        report.error_on_line(first_line + sentence.line(), "long-sentence", message, remedy);
    }
    for (phrase, plain) in hard {
        let parts: Vec<&str> = phrase.split(' ').collect();
        let at = words
            .windows(parts.len())
            .position(|window| window.iter().eq(parts.iter()));
        if let Some(word) = at.and_then(|at| sentence.0.get(at)) {
            let message = format!("\"{phrase}\" is hard to read");
            let remedy = format!("write \"{plain}\" or something like it");
            report.error_on_line(first_line + word.line, "hard-word", message, remedy);
        }
    }
}

fn check_ease(sentences: &[Sentence<'_>], limits: &Limits, place: &str, report: &mut Report<'_>) {
    let Some((longest_average, least_ease)) = limits.dutch else {
        return;
    };
    let Some(measure) = Measure::of(sentences) else {
        return;
    };
    if measure.average > longest_average {
        let message = format!("sentences have {:.1} words on average", measure.average);
        report.error(
            place,
            "average-sentence",
            message,
            format!("use at most {longest_average:.0}"),
        );
    }
    let ease = measure.ease();
    if ease < least_ease {
        let message = format!("the reading ease (Flesch-Douma) is {ease:.0}");
        let remedy = format!("reach {least_ease:.0} with shorter words and sentences");
        report.error(place, "reading-ease", message, remedy);
    }
}

/// What is hard to read in a text of a page: sentences of more than so many words, and hard words.
pub fn mistakes(text: &str, language: Language, longest: usize) -> Vec<String> {
    let mut found = Vec::new();
    let limits = Limits {
        sentence: longest,
        dutch: None,
    };
    let hard = match language {
        Language::Nl => hard_words::NL,
        Language::En => hard_words::EN,
    };
    let report = &mut Report {
        file: "",
        lines: &Lines::default(),
        found: &mut found,
    };
    for sentence in sentences(text) {
        check_sentence(&sentence, 1, &limits, hard, report);
    }
    found
        .into_iter()
        .map(|finding| format!("{}: {}", finding.message, finding.remedy))
        .collect()
}

/// Words a sentence on average, and the reading ease (Flesch-Douma) of a Dutch text; `None` without words.
pub fn measure(text: &str) -> Option<(f64, f64)> {
    let measure = Measure::of(&sentences(text))?;
    Some((measure.average, measure.ease()))
}

/// A word and its line inside the text, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word<'a> {
    text: &'a str,
    line: usize,
}

/// The words of one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sentence<'a>(Vec<Word<'a>>);

impl Sentence<'_> {
    fn line(&self) -> usize {
        self.0.first().map_or(0, |word| word.line)
    }
}

/// The sentences of a text. Headings are left out; an empty line, a heading and an item of a list end a sentence, the end
/// of a line does not.
pub(super) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let mut paragraphs: Vec<Vec<Word<'_>>> = vec![Vec::new()];
    for (line, content) in text.lines().enumerate() {
        let content = content.trim();
        let heading = content.starts_with('#');
        if content.is_empty() || heading || content.starts_with("- ") || content.starts_with("* ") {
            paragraphs.push(Vec::new());
        }
        if let Some(paragraph) = paragraphs.last_mut().filter(|_| !heading) {
            paragraph.extend(content.split_whitespace().map(|text| Word { text, line }));
        }
    }
    paragraphs
        .iter()
        .flat_map(|tokens| split_sentences(tokens))
        .collect()
}

fn split_sentences<'a>(tokens: &[Word<'a>]) -> Vec<Sentence<'a>> {
    let mut sentences = Vec::new();
    let mut current = Sentence::default();
    let next = tokens.iter().skip(1).map(Some).chain([None]);
    for (token, next) in tokens.iter().zip(next) {
        let word = token.text.trim_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            current.0.push(Word {
                text: word,
                line: token.line,
            });
        }
        let closed = token.text.trim_end_matches(['"', '\'', ')', '”', '’', '*', '_']);
        let stops = closed.ends_with(['.', '!', '?', '…']);
        let initial =
            closed.ends_with('.') && word.chars().count() == 1 && word.chars().all(char::is_uppercase);
        // After an abbreviation (`bijv.`) the sentence goes on in lower case.
        let goes_on = next.is_some_and(|next| {
            next.text
                .chars()
                .find(|c| c.is_alphanumeric())
                .is_some_and(char::is_lowercase)
                || initial
        });
        if stops && !goes_on && !current.0.is_empty() {
            sentences.push(std::mem::take(&mut current));
        }
    }
    if !current.0.is_empty() {
        sentences.push(current);
    }
    sentences
}

/// How heavy a text is.
struct Measure {
    /// Words a sentence.
    average: f64,
    /// Syllables per hundred words.
    syllables: f64,
}

impl Measure {
    fn of(sentences: &[Sentence<'_>]) -> Option<Self> {
        let words: usize = sentences.iter().map(|sentence| sentence.0.len()).sum();
        let syllables: usize = sentences
            .iter()
            .flat_map(|s| &s.0)
            .map(|word| syllables(word.text))
            .sum();
        // Texts are far below 2^52 words.
        let [words, syllables, count] = [words, syllables, sentences.len()].map(|n| n as f64);
        (words > 0.0).then(|| Self {
            average: words / count,
            syllables: 100.0 * syllables / words,
        })
    }

    /// W. H. Douma, De leesbaarheid van landbouwbladen (1960): Flesch for Dutch, 0 (very hard) to 100 (very easy).
    fn ease(&self) -> f64 {
        206.84 - 0.77 * self.syllables - 0.93 * self.average
    }
}

/// Vowels that sound as one, longest first.
const ONE_SOUND: [&str; 27] = [
    "eeuw", "ieuw", "aai", "ooi", "oei", "eau", "eeu", "ieu", "aa", "ee", "oo", "uu", "ie", "oe", "eu", "ui",
    "ij", "ei", "ou", "au", "ai", "oi", "ey", "ay", "éé", "óó", "áá",
];

/// An estimate of the syllables of a Dutch word: its vowel sounds. A diaeresis begins a sound of its own (`ruïne`). Numbers
/// and addresses count as one: nobody spells them out.
fn syllables(word: &str) -> usize {
    if word.contains(['@', '.']) || word.contains(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    let word = word.to_lowercase().replace("qu", "kw");
    let mut rest = word.as_str();
    let mut count = 0;
    while let Some(first) = rest.chars().next() {
        let sound = ONE_SOUND.iter().find(|sound| rest.starts_with(**sound));
        let vowel = matches!(
            first,
            'a' | 'e'
                | 'i'
                | 'o'
                | 'u'
                | 'y'
                | 'á'
                | 'à'
                | 'ä'
                | 'é'
                | 'è'
                | 'ë'
                | 'ê'
                | 'í'
                | 'ï'
                | 'ó'
                | 'ö'
                | 'ú'
                | 'ü'
        );
        count += usize::from(sound.is_some() || vowel);
        let length = sound.map_or(first.len_utf8(), |sound| sound.len());
        rest = rest.get(length..).unwrap_or_default();
    }
    count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<usize> {
        sentences(text).iter().map(|sentence| sentence.0.len()).collect()
    }

    #[test]
    fn syllables_of_common_words() {
        let cases = [
            ("boek", 1),
            ("bibliotheek", 4),
            ("leestips", 2),
            ("lidmaatschap", 3),
            ("geeuwen", 2),
            ("nieuwsbrief", 2),
            ("ruïne", 3),
            ("ideeën", 3),
            ("theater", 3),
            ("bureau", 2),
            ("jij", 1),
            ("gegevens", 3),
            ("e-mail", 2),
            ("kwaliteit", 3),
            ("quiz", 1),
            ("mooie", 2),
            ("studio", 3),
            ("één", 1),
            ("info@linde.example", 1),
            ("088-1805250", 1),
        ];
        for (word, count) in cases {
            assert_eq!(syllables(word), count, "{word}");
        }
    }

    #[test]
    fn sentences_end_where_a_reader_stops() {
        assert_eq!(lengths("Wij kijken. Dan kiezen we!"), [2, 3]);
        assert_eq!(lengths("Een regel die\ndoorloopt op de volgende."), [7]);
        assert_eq!(lengths("### Kop\nTekst eronder.\n\nNog een"), [2, 2]);
        assert_eq!(lengths("Je krijgt bijv. een brief. Of niet?"), [5, 2]);
        assert_eq!(lengths("Kijk op linde.example. Of bel."), [3, 2]);
        assert_eq!(lengths("- een\n- twee drie"), [1, 2]);
        assert_eq!(lengths("A. Jansen leest (graag.) Zij ook."), [4, 2]);
        assert_eq!(lengths(" … - "), Vec::<usize>::new());
    }

    #[test]
    fn lines_are_those_of_the_text() {
        let found = sentences("een\ntwee. Drie\n\nvier");
        assert_eq!(found.iter().map(Sentence::line).collect::<Vec<_>>(), [0, 1, 3]);
    }

    #[test]
    fn easy_text_scores_higher_than_official_text() {
        let ease = |text| Measure::of(&sentences(text)).unwrap().ease();
        assert!(ease("We kijken dan welke boeken je leent. Daarmee kiezen we tips voor jou.") > 80.0);
        assert!(
            ease(
                "De verwerkingsverantwoordelijke verstrekt persoonsgegevens uitsluitend overeenkomstig bovengenoemde bepalingen."
            ) < 0.0
        );
    }
}
