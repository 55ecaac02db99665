//! Every finding code has a row: what is spoiled in a folder without mistakes, and on which line it is found.

use super::super::finding::Severity;
use super::super::fixture::{findings, folder, hash, spoiled};
use super::super::load::{Files, inspect};
use super::{is_term, nearest};

const NETWORK: &str = "network.toml";
const SCOPES: &str = "data-scopes.toml";
const SYSTEMS: &str = "systems.toml";
const TIPS: &str = "purposes/tips.toml";
const NOTICES: &str = "purposes/notices.toml";
const OFFERS: &str = "purposes/offers.toml";

/// The code, the file, the passage and what it becomes, and a passage of the line that is named.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

// One row a line: the table is read, not the code.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    // form
    ("syntax", TIPS, "version = 2", "version = = 2", "version = = 2"),
    ("unknown-key", TIPS, "material = true", "matrial = true", "matrial"),
    ("missing-key", SYSTEMS, "recipient = \"Klantzorg BV\"\n", "", "[[system]]"),
    ("unknown-word", TIPS, "status = \"active\"", "status = \"live\"", "status"),
    ("wrong-type", TIPS, "version = 2", "version = \"2\"", "version ="),
    ("wrong-value", TIPS, "validity = \"P24M\"", "validity = \"24 months\"", "validity"),
    ("wrong-value", TIPS, "\"loan-history\"]\nenrich", "\"Loan History\"]\nenrich", "Loan History"),
    ("unknown-word", TIPS, "reason = \"deny-no-consent\"", "reason = \"deny-because\"", "deny-because"),
    ("file-name", TIPS, "id = \"tips\"", "id = \"tip\"", "id = \"tip\""),
    // network
    ("wrong-value", NETWORK, "id = \"netwerk\"", "id = \"Net werk\"", "id = \"Net werk\""),
    ("empty-text", NETWORK, "legal_name = \"Stichting De Linde\"", "legal_name = \" \"", "legal_name = \" \""),
    ("version-date", NETWORK, "2026-11-01", "november", "november"),
    ("time-zone", NETWORK, "Europe/Amsterdam", "Europe/Lindehove", "Lindehove"),
    ("languages", NETWORK, "languages = [\"nl\", \"en\"]", "languages = []", "languages"),
    ("duplicate-id", NETWORK, "[\"nl\", \"en\"]", "[\"nl\", \"en\", \"nl\"]", "languages"),
    ("duplicate-id", NETWORK, "id = \"kompas\"", "id = \"linde\"", "id = \"linde\"\nname = \"Het Kompas\""),
    ("email-address", NETWORK, "email = \"privacy@kompas.example\"", "email = \"kompas\"", "email = \"kompas\""),
    ("web-address", NETWORK, "https://kompas.example", "kompas.example", "website = \"kompas"),
    ("kvk", NETWORK, "00000002", "2", "kvk = \"2\""),
    ("reserved-scheme", NETWORK, "id = \"member-number\"", "id = \"test\"", "id = \"test\""),
    ("citizen-number", NETWORK, "nl = \"Lidnummer\"", "nl = \"BSN\"", "id = \"member-number\""),
    ("max-length", NETWORK, "max_length = 20", "max_length = 0", "max_length"),
    ("title-language", NETWORK, "{ nl = \"Lidnummer\", en = \"Member number\" }", "{ nl = \"Lidnummer\" }", "title"),
    // data scopes
    ("duplicate-id", SCOPES, "id = \"health\"", "id = \"email\"", "id = \"email\"\nterm = \"pd:Health\""),
    ("citizen-number", SCOPES, "id = \"health\"", "id = \"bsn\"", "id = \"bsn\""),
    ("citizen-number", SCOPES, "term = \"pd:Health\"", "term = \"lib:Burgerservicenummer\"", "id = \"health\""),
    ("dpv-term", SCOPES, "pd:EmailAddress", "EmailAddress", "EmailAddress"),
    ("broader-term", SCOPES, "broader = \"pd:ServiceConsumptionBehaviour\"\n", "", "[[data_scope]]\nid = \"loan-history\""),
    ("broader-term", SCOPES, "\"pd:ServiceConsumptionBehaviour\"", "\"lib:Thing\"", "broader = \"lib:Thing\""),
    ("title-language", SCOPES, ", en = \"Your health\"", "", "title = { nl = \"Je gezondheid\" }"),
    // systems
    ("duplicate-id", SYSTEMS, "id = \"portal\"", "id = \"crm\"", "id = \"crm\"\ntitle = { nl = \"Portaal\""),
    ("organisations", SYSTEMS, "[\"*\"]", "[\"*\", \"linde\"]", "organisations"),
    ("unknown-organisation", SYSTEMS, "[\"linde\"]", "[\"lindo\"]", "\"lindo\""),
    ("unknown-scheme", SYSTEMS, "[\"member-number\"]", "[\"card-number\"]", "card-number"),
    ("limits", SYSTEMS, "burst = 20", "burst = 0", "burst = 0"),
    ("unknown-purpose", SYSTEMS, "purposes = [\"offers\"]", "purposes = [\"offer\"]", "\"offer\""),
    ("unknown-scope", SYSTEMS, "[\"email\", \"loan-history\"]", "[\"email\", \"loans\"]", "\"loans\""),
    ("grant-empty", SYSTEMS, "purposes = [\"offers\"]", "purposes = []", "purposes = []"),
    ("grant-channels", SYSTEMS, "actions = [\"enrich\"]", "actions = [\"enrich\"]\nchannels = [\"email\"]", "channels = [\"email\"]\ndata_scopes = [\"loan-history\"]"),
    ("grant-channels", SYSTEMS, "channels = [\"email\"]\n", "", "[[system.may]]"),
    ("grant-action", SYSTEMS, "actions = [\"enrich\"]", "actions = [\"share\"]", "\"share\""),
    ("grant-channel", SYSTEMS, "channels = [\"email\"]", "channels = [\"email\", \"sms\"]", "\"sms\""),
    ("grant-scope", SYSTEMS, "data_scopes = [\"email\"]", "data_scopes = [\"email\", \"health\"]", "\"health\""),
    ("undisclosed-recipient", NOTICES, "recipients = [\"crm\"]", "recipients = [\"portal\"]", ""),
    // purposes
    ("unknown-scope", TIPS, "data_scopes = [\"email\", \"loan-history\"]", "data_scopes = [\"email\", \"loan-history\", \"loans\"]", "\"loans\""),
    ("unknown-system", TIPS, "recipients = [\"crm\"]", "recipients = [\"crm\", \"crn\"]", "\"crn\""),
    ("empty-text", TIPS, "\"A tip is an invitation.\"", "\"\"", "class_motivation"),
    ("version-zero", NOTICES, "version = 1", "version = 0", "version = 0"),
    ("no-actions", NOTICES, "actions = [\"contact\"]", "actions = []", "actions = []"),
    ("dpv-term", TIPS, "dpv:ProvideProductRecommendations", "tips", "dpv = \"tips\""),
    ("retention", TIPS, "retention = \"P13M\"", "retention = \"13 months\"", "13 months"),
    ("retention", NOTICES, "membership-end+P1Y", "membership-end+1Y", "membership-end+1Y"),
    ("approval-date", TIPS, "on = 2026-10-01", "on = 10:00:00", "10:00:00"),
    ("basis-reference", OFFERS, "basis_reference = \"LIA-1\"\n", "", "legal_basis"),
    ("customer-exception", OFFERS, "[customer_exception]\nsimilar_offer = \"Only other kinds of membership.\"\nafter_membership = \"P6M\"\n", "", "legal_basis"),
    ("customer-exception", OFFERS, "\"Only other kinds of membership.\"", "\"\"", "similar_offer"),
    ("customer-exception", OFFERS, "\"customer-exception\"", "\"legitimate-interest\"", "[customer_exception]"),
    ("solely-automated", OFFERS, "automated_decision = \"none\"", "automated_decision = \"solely-automated\"", "automated_decision"),
    ("restriction-exempt", TIPS, "fail_mode", "restriction_exempt = true\nfail_mode", "restriction_exempt"),
    ("validity-missing", TIPS, "validity = \"P24M\"\n", "", "legal_basis"),
    ("consent-only-key", NOTICES, "fail_mode", "validity = \"P1Y\"\nfail_mode", "validity"),
    ("consent-only-key", NOTICES, "fail_mode", "explicit = true\nfail_mode", "explicit"),
    ("class-missing", NOTICES, "communication_class = \"service\"\n", "", "actions"),
    ("class-motivation", NOTICES, "class_motivation = \"Members need these to bring books back in time.\"\n", "", "communication_class"),
    ("channels-missing", NOTICES, "channels = [\"email\"]\n", "", "actions"),
    ("advertising-basis", OFFERS, "channels = [\"email\"]", "channels = [\"email\", \"phone\"]", "\"phone\""),
    ("fail-mode", TIPS, "\"closed\"", "\"service\"", "fail_mode"),
    ("enrichment-sources", TIPS, "enrichment_sources = [\"lending-system\"]\n", "", "actions"),
    ("enrichment-sources", NOTICES, "fail_mode", "enrichment_sources = [\"crm\"]\nfail_mode", "enrichment_sources"),
    ("explicit-missing", TIPS, "explicit = true\n", "", "data_scopes"),
    ("special-category-basis", NOTICES, "data_scopes = [\"email\"]", "data_scopes = [\"email\", \"health\"]", "health"),
    ("dpia-missing", TIPS, "dpia = \"DPIA-1\"\n", "", "actions"),
    ("age-missing", TIPS, "age = {", "#", "legal_basis"),
    ("age-of-consent", TIPS, "self_from = 16", "self_from = 12", "self_from = 12"),
    ("age-minimum", TIPS, "self_from = 16", "self_from = 16, minimum = 180", "minimum = 180"),
    ("child-withdrawal", TIPS, "self_from = 16", "self_from = 16, child_may_withdraw = false", "child_may_withdraw"),
    ("reconfirm-within", TIPS, ", reconfirm_within = \"P60D\"", "", "require-reconfirm"),
    ("joint-arrangement", TIPS, "\"controller\"", "\"joint-controller\"", "controller_role"),
    ("joint-arrangement", TIPS, "fail_mode", "joint_arrangement = \"x\"\nfail_mode", "joint_arrangement"),
    // notices
    ("notice-variant", TIPS, "[notice.en-child]", "[notice.fr]", "[notice.fr]"),
    ("notice-missing", TIPS, "[notice.en-child]", "[notice.fr]", "[notice.nl]"),
    ("notice-parity", TIPS, "[notice.en-child]\n", "[notice.en-child]\nfull = \"x\"\n", "[notice.nl-child]"),
    ("notice-key-missing", TIPS, "question = \"Mogen we je leestips sturen?\"\n", "", "[notice.nl]"),
    ("notice-key-missing", TIPS, "if_no = \"Dan verandert er niets.\"\n", "", "[notice.nl]"),
    ("notice-key-missing", NOTICES, "why_no_choice = \"Dit hoort bij lenen.\"\n", "", "[notice.nl]"),
    ("notice-key-missing", OFFERS, "object = \"Nee, stop met deze mail\"\n", "", "[notice.nl]"),
    ("notice-key", NOTICES, "why_no_choice = \"Dit", "object = \"Nee\"\nwhy_no_choice = \"Dit", "object = \"Nee\""),
    ("notice-key", NOTICES, "why_no_choice = \"Dit", "yes = \"Ja\"\nwhy_no_choice = \"Dit", "yes = \"Ja\""),
    ("empty-text", TIPS, "\"We kijken welke boeken je leent.\"", "\"\"", "summary = \"\""),
    ("control-character", TIPS, "We kijken welke", "We kijken\\u0007 welke", "We kijken\\u0007"),
    ("markup", TIPS, "We kijken welke", "We <b>kijken</b> welke", "<b>kijken"),
    ("title-length", TIPS, "\"Leestips\"", "\"Leestips die wij voor jou en je gezin kiezen\"", "title"),
    ("summary-length", TIPS, "We kijken welke boeken je leent.", "Een. Twee. Drie. Vier.", "Een. Twee."),
    ("unequal-choice", TIPS, "no = \"Nee, stuur me geen leestips\"", "no = \"Nee\"", "no = \"Nee\""),
    ("notice-element", TIPS, "### Welke rechten heb je?\n", "", "full = \"\"\""),
    ("notice-element", OFFERS, "### What is our interest?\n", "", "full = \"\"\"\n### Who"),
    ("notice-element-empty", TIPS, "Je mag het zien.\n", "", "### Welke rechten heb je?"),
    ("notice-heading", TIPS, "### Kun je stoppen?", "### Kun je ophouden?", "### Kun je ophouden?"),
    ("notice-heading", TIPS, "### Kun je stoppen?", "### Kun je stoppen?\nJa.\n### Kun je stoppen?", "### Kun je stoppen?\nJa.\n### Niet"),
    // plain language
    ("long-sentence", TIPS, "We kijken welke boeken je leent.", "We kijken dan elke keer weer naar wat je leent en wat je las.", "We kijken dan"),
    ("long-sentence", TIPS, "Dat staat in de wet.", "Dat staat\nin de wet.\nEn a b c d e f g h i j k l m n o p q r.", "En a b c"),
    ("long-sentence", TIPS, "We look at the books you borrow.", "We look at a b c d e f g h i j k l m n o p q r s.", "We look at a"),
    ("hard-word", TIPS, "Dat staat in de wet.", "Dat staat\ner reeds in.", "er reeds in."),
    ("hard-word", TIPS, "Dat staat in de wet.", "Dat is met betrekking\ntot jou.", "Dat is met"),
    ("hard-word", TIPS, "We look at the books you borrow.", "We look pursuant to the law.", "pursuant"),
    ("reading-ease", TIPS, "Dat staat in de wet.", "Privacyverklaringen, bibliotheekautomatiseringssystemen, identificatienummers, gegevensverzamelingsactiviteiten, communicatievoorkeuren, leesbevorderingsactiviteiten.", "full = \"\"\""),
    ("average-sentence", TIPS, "We kijken welke boeken je leent.", "We kijken welk boek je leent en dat lees je dan ook.\"\nxx = \"", "[notice.nl]"),
    // the lock
    ("version-not-locked", TIPS, "version = 2", "version = 3", "version = 3"),
    ("version-lower", TIPS, "version = 2", "version = 1", "version = 1"),
    ("material-changed", TIPS, "material = true", "material = false", "material = false"),
    ("meaning-changed", TIPS, "Mogen we je leestips sturen?", "Mogen we je tips sturen?", "version = 2"),
    ("lock-broken", "versions.lock", "version = 2", "version = 0", "version = 0"),
    // examples
    ("examples-few", TIPS, "[[example]]\nname = \"no choice yet\"\nwhen = { age = 40 }\nask = { system = \"crm\", action = \"contact\", channel = \"email\", data_scopes = [\"email\"] }\nthen = { decision = \"deny\", reason = \"deny-no-consent\" }\n", "", "[[example]]"),
    ("example-contradiction", TIPS, "decision = \"deny\", reason = \"deny-no", "decision = \"permit\", reason = \"deny-no", "decision = \"permit\", reason = \"deny"),
    ("unknown-system", TIPS, "ask = { system = \"crm\"", "ask = { system = \"crn\"", "system = \"crn\""),
    ("unknown-organisation", NOTICES, "member_of = \"kompas\"", "member_of = \"kompass\"", "kompass"),
    ("unknown-purpose", OFFERS, "[\"direct-marketing\"]", "[\"marketing\"]", "\"marketing\""),
    ("unknown-scope", TIPS, "data_scopes = [\"email\"] }", "data_scopes = [\"mail\"] }", "\"mail\""),
    ("empty-text", TIPS, "name = \"no choice yet\"", "name = \"\"", "name = \"\""),
    ("example-failed", TIPS, "when = { age = 40 }", "when = { age = 40, state = \"given\" }", "deny-no-consent"),
    ("example-failed", TIPS, "\"permit-consent\", data_scopes = [\"email\"]", "\"permit-consent\", data_scopes = []", "permit-consent"),
    ("example-failed", OFFERS, "missing = [\"contact-from-sale\", \"adult\"]", "missing = [\"adult\"]", "missing"),
];

#[test]
fn a_good_folder_has_no_findings() {
    let found = findings(&folder());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_mistake_is_found_on_its_line_with_a_remedy() {
    for (code, file, from, to, line) in ROWS {
        // A mark that is no key makes the average too long without breaking the file.
        let files = if *code == "average-sentence" {
            long_winded()
        } else {
            spoiled(file, from, to)
        };
        let found = findings(&files);
        let hit = found.iter().find(|finding| finding.code == *code);
        let finding = hit.unwrap_or_else(|| panic!("{code} after {to:?}: {found:#?}"));
        assert_eq!(finding.severity, Severity::Error);
        assert!(
            !finding.message.is_empty() && !finding.remedy.is_empty(),
            "{finding}"
        );
        if line.is_empty() {
            continue;
        }
        assert_eq!(finding.file, *file, "{finding}");
        let text = files.text(file).unwrap();
        let lines: Vec<usize> = text
            .match_indices(line)
            .map(|(at, _)| text.split_at(at).0.matches('\n').count() + 1)
            .collect();
        assert!(
            lines.contains(&finding.line),
            "{finding}, but {line:?} is on {lines:?}"
        );
    }
}

fn long_winded() -> Files {
    let long = "Een twee drie vier vijf zes zeven acht negen tien elf.";
    let mut files = folder();
    for (key, from) in [
        ("title", "title = \"Leestips\""),
        ("question", "question = \"Mogen we je leestips sturen?\""),
        ("summary", "summary = \"We kijken welke boeken je leent.\""),
        ("yes", "yes = \"Ja, stuur me leestips\""),
        ("no", "no = \"Nee, stuur me geen leestips\""),
        ("if_no", "if_no = \"Dan verandert er niets.\""),
    ] {
        super::super::fixture::replace(&mut files, TIPS, from, &format!("{key} = \"{long}\""));
    }
    files
}

#[test]
fn every_missing_file_is_named() {
    for file in [NETWORK, SCOPES, SYSTEMS] {
        let mut files = folder();
        files.remove(file);
        let found = findings(&files);
        assert!(
            found.iter().any(|f| f.code == "missing-file" && f.file == file),
            "{found:#?}"
        );
    }
    let mut files = folder();
    for file in [TIPS, NOTICES, OFFERS] {
        files.remove(file);
    }
    assert!(
        findings(&files)
            .iter()
            .any(|f| f.code == "missing-file" && f.file == "purposes")
    );
}

#[test]
fn a_file_that_is_no_purpose_is_not_passed_over() {
    let mut files = folder();
    files.insert("purposes/extra.tml", "");
    assert_eq!(
        findings(&files).iter().map(|f| f.code).collect::<Vec<_>>(),
        ["unexpected-file"]
    );
}

#[test]
fn a_purpose_that_cannot_be_read_is_one_mistake_and_not_a_chain_of_them() {
    let found = findings(&spoiled(TIPS, "version = 2", "version = = 2"));
    assert_eq!(
        found.iter().map(|f| f.code).collect::<Vec<_>>(),
        ["syntax"],
        "{found:#?}"
    );
}

#[test]
fn no_libraries_and_no_denials_are_mistakes() {
    let mut files = folder();
    let text = files.text(NETWORK).unwrap();
    let start = text.find("[[organisation]]").unwrap();
    let end = text.find("[[identifier_scheme]]").unwrap();
    let text = format!("{}{}", text.split_at(start).0, text.split_at(end).1);
    files.insert(NETWORK, text);
    assert!(findings(&files).iter().any(|f| f.code == "no-organisations"));

    let mut files = folder();
    let text = files.text(NOTICES).unwrap();
    let text = text
        .replace("deny-unknown-subject", "permit-contract")
        .replace("deny-channel", "permit-contract")
        .replace("decision = \"deny\"", "decision = \"permit\"");
    files.insert(NOTICES, text);
    assert!(
        findings(&files)
            .iter()
            .any(|f| f.code == "examples-few" && f.message.contains("denial"))
    );
}

#[test]
fn texts_have_a_length() {
    let long = "We lezen. ".repeat(70);
    let found = findings(&spoiled(TIPS, "Dan verandert er niets.", &long));
    assert!(found.iter().any(|f| f.code == "text-too-long"));
}

#[test]
fn terms_are_looked_up_when_there_is_a_list() {
    let all = [
        "pd:EmailAddress",
        "pd:ServiceConsumptionBehaviour",
        "pd:Health",
        "dpv:ProvideProductRecommendations",
        "dpv:CommunicationForCustomerCare",
        "dpv:DirectMarketing",
    ];
    let mut terms = all.map(str::to_owned).into_iter().collect();
    assert!(inspect(&folder(), Some(&terms), &hash).is_clean());
    terms.remove("pd:Health");
    terms.remove("dpv:DirectMarketing");
    let found = inspect(&folder(), Some(&terms), &hash).findings;
    let places: Vec<_> = found.iter().map(|f| (f.code, f.file.as_str(), f.line)).collect();
    assert_eq!(
        places,
        [("unknown-dpv-term", SCOPES, 15), ("unknown-dpv-term", OFFERS, 5)]
    );
}

#[test]
fn a_finding_reads_as_place_mistake_and_remedy() {
    let found = findings(&spoiled(
        TIPS,
        "recipients = [\"crm\"]",
        "recipients = [\"crm\", \"crn\"]",
    ));
    assert_eq!(
        found
            .iter()
            .find(|f| f.code == "unknown-system")
            .unwrap()
            .to_string(),
        "purposes/tips.toml:14: error[unknown-system]: there is no system crn — did you mean crm?"
    );
}

#[test]
fn the_computer_may_decide_alone_only_on_a_ground_of_article_22() {
    let from = "automated_decision = \"none\"";
    let to = "automated_decision = \"solely-automated\"";
    let refused = |files: &Files| findings(files).iter().any(|f| f.code == "solely-automated");
    assert!(!refused(&spoiled(TIPS, from, to)), "explicit consent");
    assert!(!refused(&spoiled(NOTICES, from, to)), "contract");
    let mut files = spoiled(TIPS, from, to);
    super::super::fixture::replace(&mut files, TIPS, "explicit = true\n", "");
    assert!(refused(&files), "consent that is not explicit");
}

#[test]
fn the_nearest_word_is_offered_only_when_it_is_near() {
    let known = ["newsletter".to_owned(), "lending".to_owned()];
    assert_eq!(nearest("newsleter", &known), Some(&known[0]));
    assert_eq!(nearest("donations", &known), None);
}

#[test]
fn terms_have_a_known_prefix_and_a_name() {
    assert!(is_term("eu-gdpr:A6-1-a", &["dpv", "eu-gdpr"]));
    assert!(!is_term("dpv:", &["dpv"]));
    assert!(!is_term("schema:Thing", &["dpv"]));
    assert!(!is_term("DirectMarketing", &["dpv"]));
}
