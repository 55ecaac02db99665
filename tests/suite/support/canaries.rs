//! Canaries: personal data that no other text holds, and the search for them in whatever form they could have got out.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What somebody could be known by, new for every run.
#[derive(Debug, Clone)]
pub struct Canaries {
    pub name: String,
    pub email: String,
    pub other_email: String,
    pub member_number: String,
    pub child_number: String,
    pub guardian_number: String,
    pub birth_date: String,
    pub child_birth_date: String,
    pub evidence: String,
    pub reference: String,
    pub topic: String,
    pub frequency: String,
    pub staff: String,
    pub idempotency_key: String,
    pub trace: String,
}

impl Canaries {
    /// A new set.
    pub fn new() -> Canaries {
        let random = || RandomState::new().build_hasher().finish();
        let word = format!("{:012x}", random() & 0xffff_ffff_ffff);
        let number = |first: u64| (first * 10_000_000_000 + random() % 10_000_000_000).to_string();
        Canaries {
            name: format!("Kanarie van {word}"),
            email: format!("kanarie.{word}@vogel.example"),
            other_email: format!("kanarie2.{word}@vogel.example"),
            member_number: number(81),
            child_number: number(82),
            guardian_number: number(83),
            birth_date: "1987-11-23".to_owned(),
            child_birth_date: "2018-12-29".to_owned(),
            evidence: format!("bewijs-{word}"),
            reference: format!("verwijzing-{word}"),
            topic: format!("onderwerp-{word}"),
            frequency: format!("hoe-vaak-{word}"),
            staff: format!("medewerker-{word}"),
            idempotency_key: format!("sleutel-{word}"),
            // The random part of a trace context that the caller made.
            trace: format!("{:016x}{:016x}", random() | 1 << 63, random()),
        }
    }

    /// All of them that may be found nowhere. The caller's trace id is in the log line of its request by design, and
    /// says nothing about a person; everywhere else it is searched for like the rest.
    pub fn all(&self) -> Vec<&str> {
        vec![
            &self.name,
            &self.email,
            &self.other_email,
            &self.member_number,
            &self.child_number,
            &self.guardian_number,
            &self.birth_date,
            &self.child_birth_date,
            &self.evidence,
            &self.reference,
            &self.topic,
            &self.frequency,
            &self.staff,
            &self.idempotency_key,
        ]
    }
}

/// The forms in which a text could stand somewhere: other case, backwards, hexadecimal, base64 at each of the three
/// places it can have in a longer text, percent-encoded.
pub fn forms(text: &str) -> Vec<String> {
    let backwards: String = text.chars().rev().collect();
    let mut plain = vec![
        text.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
        backwards,
    ];
    plain.dedup();
    let mut all = vec![percent_encoded(text)];
    for text in &plain {
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        all.push(hex.chars().rev().collect());
        all.push(hex.to_uppercase());
        all.push(hex);
        for offset in 0..3 {
            let padded = [vec![0; offset], text.as_bytes().to_vec()].concat();
            // The first and last characters hold bits of whatever stands beside it.
            let whole = padded.len() * 8 / 6;
            let first = (offset * 8).div_ceil(6);
            for encoded in [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
                all.push(encoded.get(first..whole).unwrap().to_owned());
            }
        }
    }
    all.extend(plain);
    all.sort();
    all.dedup();
    all
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Where any form of these texts stands below these places: lines of `path:form`. `folder` is for the list of forms.
pub fn search(texts: &[&str], places: &[PathBuf], folder: &Path) -> Vec<String> {
    let list = folder.join("forms");
    let forms: Vec<String> = texts.iter().flat_map(|text| forms(text)).collect();
    std::fs::write(&list, forms.join("\n")).unwrap();
    let found = Command::new("grep")
        .args(["-r", "-a", "-o", "-F", "-f"])
        .arg(&list)
        .args(places)
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    // 0: found, 1: not found; anything else means that something was not read.
    let why = String::from_utf8_lossy(&found.stderr);
    assert!(matches!(found.status.code(), Some(0 | 1)), "grep: {why}");
    String::from_utf8_lossy(&found.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

mod tests {
    use super::*;

    #[test]
    fn a_canary_is_found_in_every_form_it_was_hidden_in() {
        let (place, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let canaries = Canaries::new();
        let places = [place.path().to_owned()];
        let texts = canaries.all();
        assert_eq!(search(&texts, &places, folder.path()), Vec::<String>::new());
        let mail = canaries.email.as_bytes();
        let hex: String = mail.iter().map(|byte| format!("{byte:02x}")).collect();
        let hidden: Vec<Vec<u8>> = vec![
            mail.to_vec(),
            canaries.email.to_uppercase().into_bytes(),
            canaries.email.chars().rev().collect::<String>().into_bytes(),
            hex.clone().into_bytes(),
            hex.chars().rev().collect::<String>().into_bytes(),
            STANDARD_NO_PAD.encode(mail).into_bytes(),
            STANDARD_NO_PAD
                .encode([b"{\"email\":\"", mail, b"\"}"].concat())
                .into_bytes(),
            URL_SAFE_NO_PAD
                .encode([b"x", mail, b"??>>"].concat())
                .into_bytes(),
            URL_SAFE_NO_PAD.encode([b"xy", mail].concat()).into_bytes(),
            percent_encoded(&canaries.email).into_bytes(),
        ];
        for (number, bytes) in hidden.iter().enumerate() {
            let file = place.path().join("nested").join(format!("{number}.db"));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            // In the middle of a binary page.
            let page = [vec![0, 255, 10, 7], bytes.clone(), vec![0, 200, 13]].concat();
            std::fs::write(&file, page).unwrap();
            assert!(
                !search(&texts, &places, folder.path()).is_empty(),
                "form {number} was not found"
            );
            std::fs::remove_file(file).unwrap();
        }
        std::fs::write(place.path().join("log"), format!("born {}", canaries.birth_date)).unwrap();
        assert_eq!(search(&texts, &places, folder.path()).len(), 1);
    }
}
