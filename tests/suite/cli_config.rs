//! `akkoord config`, as an operator uses it; and the samples in the documentation.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use akkoord::config::Config;
use tempfile::TempDir;

use crate::support::program::{Ended, akkoord, run};
use crate::support::source::files;

fn written() -> (TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("new");
    let ended = run(&["config", "init", "--dir", folder.to_str().unwrap()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let file = folder.join("akkoord.toml").to_str().unwrap().to_owned();
    (directory, file)
}

#[test]
fn what_init_writes_passes_the_check() {
    let (directory, file) = written();
    let key = directory.path().join("new/root.key");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        directory
            .path()
            .join("new/policies/purposes/newsletter.toml")
            .exists()
    );
    let Ended { code, stdout, stderr } = run(&["config", "check", &file]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(!stdout.contains("WRONG"), "{stdout}");
}

#[test]
fn init_overwrites_nothing() {
    let (directory, _) = written();
    let folder = directory.path().join("new");
    let before = std::fs::read(folder.join("root.key")).unwrap();
    let ended = run(&["config", "init", "--dir", folder.to_str().unwrap()]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("nothing is overwritten"),
        "{}",
        ended.stderr
    );
    assert_eq!(std::fs::read(folder.join("root.key")).unwrap(), before);
}

#[test]
fn two_folders_have_two_keys() {
    let ((one, _), (two, _)) = (written(), written());
    let key = |directory: &TempDir| std::fs::read(directory.path().join("new/root.key")).unwrap();
    assert_ne!(key(&one), key(&two));
}

#[test]
fn a_root_key_that_others_can_read_is_found() {
    let (directory, file) = written();
    let key = directory.path().join("new/root.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ended = run(&["config", "check", &file]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stdout.contains("WRONG root key") && ended.stdout.contains("chmod 600"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_root_key_of_the_environment_wins() {
    let (directory, file) = written();
    std::fs::remove_file(directory.path().join("new/root.key")).unwrap();
    assert_eq!(run(&["config", "check", &file]).code, 1);
    let with = |key: String| -> Ended {
        let mut command = akkoord(&["config", "check", &file]);
        command.env("AKKOORD_ROOT_KEY", key).output().unwrap().into()
    };
    assert_eq!(with("ab".repeat(32)).code, 0);
    let wrong = with("hunter2".to_owned());
    assert_eq!(wrong.code, 1);
    assert!(!format!("{}{}", wrong.stdout, wrong.stderr).contains("hunter2"));
}

#[test]
fn no_password_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("akkoord.toml");
    let text = "database = \"postgres://akkoord:hunter2@127.0.0.1:1/akkoord\"\npublic_base = \"https://p.example\"\n";
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let shown = run(&["config", "show", file]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(
        shown.stdout.contains("postgres://akkoord:…@127.0.0.1:1/akkoord"),
        "{}",
        shown.stdout
    );
    let checked = run(&["config", "check", file]);
    assert_eq!(checked.code, 1);
    std::fs::write(file, text.replace("database", "databse")).unwrap();
    let refused = run(&["config", "show", file]);
    assert_eq!(refused.code, 78);
    assert!(
        refused.stderr.contains("akkoord.toml:1: unknown field `databse`"),
        "{}",
        refused.stderr
    );
    for ended in [shown, checked, refused] {
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("hunter2"));
    }
}

#[test]
fn ways_in_are_checked_and_their_secrets_are_not_shown() {
    let (directory, file) = written();
    let folder = directory.path().join("new");
    let secret = folder.join("members.secret");
    std::fs::write(&secret, "hunter2\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let sections = "\n[login]\nmail_links = true\n[login.members.provider]\nissuer = \"https://accounts.example\"\n\
                    client_id = \"akkoord\"\nclient_secret = { file = \"members.secret\" }\n\
                    [mail]\nfrom = \"privacy@p.example\"\nfolder = \"outbox\"\n";
    std::fs::write(&file, format!("{text}{sections}")).unwrap();
    let checked = run(&["config", "check", &file]);
    assert!(
        checked.stdout.contains("WRONG login") && checked.stdout.contains("chmod 600"),
        "{}",
        checked.stdout
    );
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let checked = run(&["config", "check", &file]);
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    for words in [
        "members with an account, members with a link by mail",
        "sent from privacy@p.example",
    ] {
        assert!(checked.stdout.contains(words), "{}", checked.stdout);
    }
    let shown = run(&["config", "show", &file]);
    assert!(shown.stdout.contains("members.secret"), "{}", shown.stdout);
    assert!(!shown.stdout.contains("hunter2") && !checked.stdout.contains("hunter2"));
}

#[test]
fn a_missing_file_is_named() {
    let ended = run(&["config", "check", "/nowhere/akkoord.toml"]);
    assert_eq!(ended.code, 78);
    assert!(ended.stderr.contains("/nowhere/akkoord.toml"), "{}", ended.stderr);
}

#[test]
fn the_samples_can_be_read() {
    let samples = files("docs/samples");
    assert!(samples.len() >= 2, "{}", samples.len());
    for (path, text) in samples {
        Config::parse(&text, Path::new(&path)).unwrap_or_else(|error| panic!("{error}"));
    }
}
