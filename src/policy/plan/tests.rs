use super::super::fixture::{compiled, folder, hash, replace};
use super::super::meaning::update_lock;
use super::*;

const TIPS: &str = "purposes/tips.toml";

fn changed(changes: &[(&str, &str, &str)]) -> Checked {
    let mut files = folder();
    for (file, from, to) in changes {
        replace(&mut files, file, from, to);
    }
    let lock = update_lock(&files, &hash).unwrap();
    files.insert(LOCK, lock);
    compiled(&files)
}

fn plan(changes: &[(&str, &str, &str)]) -> Plan {
    Plan::between(Some(&compiled(&folder())), &changed(changes), &hash).unwrap()
}

#[test]
fn the_first_plan_is_all_new() {
    let plan = Plan::between(None, &compiled(&folder()), &hash).unwrap();
    assert_eq!(plan.base, None);
    assert!(plan.changes.iter().all(|change| change.sort == Sort::New));
    assert_eq!(
        plan.changes
            .iter()
            .filter(|change| change.what == "purpose")
            .count(),
        3
    );
    assert!(
        plan.to_string()
            .contains("  + purpose tips\n      version 2, consent\n"),
        "{plan}"
    );
}

#[test]
fn nothing_changed_is_nothing_to_apply() {
    let same = compiled(&folder());
    let plan = Plan::between(Some(&same), &same, &hash).unwrap();
    assert!(plan.is_empty());
    assert_eq!(
        plan.to_string(),
        "From catalogue 2026-11-01.1 to 2026-11-01:\n  nothing changes\n"
    );
}

#[test]
fn a_material_change_asks_members_again_and_denies_until_then() {
    let plan = plan(&[
        (TIPS, "version = 2", "version = 3"),
        (TIPS, "Mogen we je leestips", "Mogen we je boekentips"),
    ]);
    assert_eq!(plan.choose_again().collect::<Vec<_>>(), ["tips"]);
    let text = plan.to_string();
    assert!(text.contains("  ~ purpose tips\n      version: 2 -> 3\n      words: nl\n      members who said yes must choose again\n"), "{text}");
    assert!(
        text.contains("crm contact tips by email: permit (permit-consent) -> deny (deny-notice-outdated), with consent\n"),
        "{text}"
    );
}

#[test]
fn a_change_of_words_asks_nobody_again() {
    let plan = plan(&[
        (TIPS, "version = 2", "version = 3"),
        (TIPS, "material = true", "material = false"),
        (TIPS, "Mogen we je leestips", "Mogen we je boekentips"),
    ]);
    assert_eq!(plan.choose_again().count(), 0);
    assert!(plan.flips.is_empty(), "{plan}");
}

#[test]
fn a_grant_that_is_taken_away_shows_which_questions_stop() {
    let grant = "[[system.may]]\npurposes = [\"offers\"]\nactions = [\"contact\"]\nchannels = [\"email\"]\ndata_scopes = [\"email\"]\n";
    let mut files = folder();
    replace(&mut files, "systems.toml", grant, "");
    let plan = Plan::between(Some(&compiled(&folder())), &compiled(&files), &hash).unwrap();
    let text = plan.to_string();
    assert!(
        text.contains("  ~ system crm\n      may: - contact for offers by email with email\n"),
        "{text}"
    );
    assert!(
        text.contains(
            "crm contact offers by email: permit (permit-customer-exception) -> deny (deny-controller)"
        ),
        "{text}"
    );
}

#[test]
fn what_is_new_and_what_is_gone_is_named() {
    let second = "id = \"kompas\"\nname = \"Het Kompas\"";
    let plan = plan(&[
        ("network.toml", second, "id = \"haven\"\nname = \"De Haven\""),
        ("network.toml", "name = \"Netwerk\"", "name = \"Het netwerk\""),
        (
            "purposes/notices.toml",
            "member_of = \"kompas\"",
            "member_of = \"haven\"",
        ),
    ]);
    let lines: Vec<String> = plan
        .changes
        .iter()
        .map(|c| format!("{:?} {} {}", c.sort, c.what, c.id))
        .collect();
    assert_eq!(
        lines,
        [
            "Changed network netwerk",
            "New organisation haven",
            "Removed organisation kompas"
        ]
    );
}

#[test]
fn only_examples_or_comments_are_a_plan_too() {
    let plan = plan(&[(TIPS, "name = \"with consent\"", "name = \"said yes\"")]);
    assert_eq!(
        plan.changes[0].details,
        ["purposes/tips.toml: comments, examples or order"]
    );
    assert!(!plan.is_empty());
}

#[test]
fn history_is_never_rewritten() {
    let running = changed(&[(TIPS, "version = 2", "version = 3")]);
    let found = Plan::between(Some(&running), &compiled(&folder()), &hash).unwrap_err();
    assert_eq!(
        found.iter().map(|f| f.code).collect::<Vec<_>>(),
        ["lock-rewritten", "version-lower"]
    );
}

#[test]
fn a_plan_survives_being_written_down_and_shows_tampering() {
    let plan = plan(&[(TIPS, "validity = \"P24M\"", "validity = \"P12M\"")]);
    let text = serde_json::to_string(&plan).unwrap();
    let mut read: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(read, plan);
    assert!(read.is_intact(&hash));
    read.files.insert("network.toml", "");
    assert!(!read.is_intact(&hash));
}
