use proptest::prelude::*;

use super::super::fixture::{compiled, folder, hash, replace, spoiled, unlocked};
use super::super::meaning::update_lock;
use super::*;
use crate::domain::preference::Language;

#[test]
fn a_folder_becomes_a_catalogue() {
    let catalogue = compiled(&folder()).catalogue;
    assert_eq!(catalogue.version, "2026-11-01.1");
    assert_eq!(catalogue.organisations.len(), 2);
    assert_eq!(
        catalogue.systems["portal"]
            .organisations
            .as_ref()
            .map(BTreeSet::len),
        Some(1)
    );
    assert!(catalogue.systems["crm"].organisations.is_none());
    let tips = &catalogue.purposes["tips"];
    assert_eq!((tips.purpose.version, tips.purpose.consent_valid_from), (2, 2));
    assert_eq!(tips.purpose.age.self_from, 16);
    assert_eq!(tips.register.approved_on.to_string(), "2026-10-01");
    assert_eq!(tips.notices.len(), 4);
}

#[test]
fn a_notice_is_served_as_compact_json_in_a_fixed_order() {
    let catalogue = compiled(&folder()).catalogue;
    let child = catalogue.purposes["tips"].notice(Language::Nl, true).unwrap();
    let expected = r#"{"title":"Leestips","question":"Mogen we je leestips sturen?","summary":"Vraag het samen met je ouder.","yes":"Ja, stuur me leestips","no":"Nee, stuur me geen leestips","if_no":"Dan verandert er niets."}"#;
    assert_eq!(std::str::from_utf8(&child.bytes).unwrap(), expected);
    assert_eq!(child.hash, hash(expected.as_bytes()));
    assert_eq!(child.full, "");
    let adult = catalogue.purposes["offers"].notice(Language::En, false).unwrap();
    let text = std::str::from_utf8(&adult.bytes).unwrap();
    assert!(text.starts_with(r#"{"title":"Our offers","summary":"We mail you about what is like what you have.","object":"No, stop these mails","full":"#));
}

#[test]
fn consents_count_from_the_newest_material_version() {
    let mut files = unlocked();
    let mut from = Vec::new();
    for (version, material) in [(2, true), (3, false), (4, false), (5, true), (6, false)] {
        let text = files.text("purposes/tips.toml").unwrap();
        let rest = text.splitn(4, '\n').nth(3).unwrap();
        let text = format!("id = \"tips\"\nversion = {version}\nmaterial = {material}\n{rest}");
        files.insert("purposes/tips.toml", text);
        let lock = update_lock(&files, &hash).unwrap();
        files.insert("versions.lock", lock);
        from.push(
            compiled(&files).catalogue.purposes["tips"]
                .purpose
                .consent_valid_from,
        );
    }
    assert_eq!(from, [2, 2, 2, 5, 5]);
    let never = spoiled("purposes/notices.toml", "material = true", "material = false");
    let never = compile(
        &never,
        "v",
        &VersionHistory::default(),
        CompileOptions::default(),
        &hash,
    )
    .unwrap();
    assert_eq!(never.purposes["notices"].purpose.consent_valid_from, 1);
}

#[test]
fn test_subjects_are_known_to_every_system_only_when_asked_for() {
    assert!(!compiled(&folder()).catalogue.schemes.contains_key("test"));
    let options = CompileOptions { test_subjects: true };
    let catalogue = compile(&folder(), "v", &VersionHistory::default(), options, &hash).unwrap();
    assert_eq!(
        catalogue.schemes["test"].normalise(" Given "),
        Some("given".to_owned())
    );
    assert!(
        catalogue
            .systems
            .values()
            .all(|system| system.schemes.contains("test"))
    );
}

#[test]
fn wording_does_not_stop_a_version_that_was_applied_before() {
    let mut files = spoiled(
        "purposes/tips.toml",
        "Dan verandert er niets.",
        "Derhalve verandert er niets.",
    );
    assert!(!inspect(&files, None, &hash).is_clean());
    compiled(&files);
    replace(
        &mut files,
        "purposes/tips.toml",
        "recipients = [\"crm\"]",
        "recipients = [\"crn\"]",
    );
    let found = compile(
        &files,
        "v",
        &VersionHistory::default(),
        CompileOptions::default(),
        &hash,
    )
    .unwrap_err();
    assert!(found.iter().any(|f| f.code == "unknown-system"));
}

#[test]
fn a_folder_is_read_as_it_is_written() {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir(place.path().join("purposes")).unwrap();
    for (file, text) in folder().iter() {
        std::fs::write(place.path().join(file), text).unwrap();
    }
    std::fs::write(place.path().join("purposes/.swap"), [0xff]).unwrap();
    std::fs::write(place.path().join("purposes/tips.toml~"), "old").unwrap();
    std::fs::write(place.path().join("README.md"), "text").unwrap();
    let files = read_folder(place.path()).unwrap();
    assert_eq!(files, folder());
    assert_eq!(files.sha256(&hash), folder().sha256(&hash));
    assert_ne!(files.sha256(&hash), unlocked().sha256(&hash));
    assert_eq!(files.date().as_deref(), Some("2026-11-01"));
    assert_eq!(Files::default().date(), None);
    let stored = serde_json::to_string(&files).unwrap();
    assert_eq!(serde_json::from_str::<Files>(&stored).unwrap(), files);

    std::fs::write(place.path().join("purposes/bytes.toml"), [0xff]).unwrap();
    assert!(matches!(
        read_folder(place.path()),
        Err(LoadError::NotText { .. })
    ));
    let long = vec![b' '; usize::try_from(LONGEST_FILE).unwrap() + 1];
    std::fs::write(place.path().join("purposes/bytes.toml"), long).unwrap();
    assert!(matches!(
        read_folder(place.path()),
        Err(LoadError::TooLong { .. })
    ));
    assert!(matches!(
        read_folder(&place.path().join("nowhere")),
        Err(LoadError::Read { .. })
    ));
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(read_folder(empty.path()).unwrap(), Files::default());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever somebody types, the check answers with findings on lines that exist.
    #[test]
    fn mutilated_files_never_stop_the_check(
        which in 0_usize..7,
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..60, "[ -~\n\"\\[\\]={}é]{0,12}"), 1..4),
    ) {
        let mut files = folder();
        let name = files.iter().map(|(file, _)| file.to_owned()).nth(which).unwrap();
        let mut text: Vec<char> = files.text(&name).unwrap().chars().collect();
        for (at, length, new) in &cuts {
            let start = at.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, new.chars());
        }
        let text: String = text.into_iter().collect();
        let lines = text.lines().count() + 1;
        files.insert(name.clone(), text);
        let inspection = inspect(&files, None, &hash);
        for finding in inspection.findings.iter().filter(|f| f.file == name) {
            prop_assert!((1..=lines).contains(&finding.line), "{}", finding);
        }
        let _ = update_lock(&files, &hash);
        if let Ok(earlier) = VersionHistory::of(&files) {
            let _ = compile(&files, "v", &earlier, CompileOptions::default(), &hash);
        }
    }
}
