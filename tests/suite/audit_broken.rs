//! Whatever is changed in a bundle is found, and told with its place. Who changes it puts a faultless ZIP together again.

use std::io::Cursor;
use std::path::Path;

use akkoord::cli::audit_verify::VerifyError;
use zip::ZipArchive;

use crate::audit_exports::{broken, small_bundle, with};
use crate::support::bundle::{Files, kept, verified, verified_files, zipped};
use crate::support::engine::Engine;
use crate::support::http::Api;
use crate::support::program::run;

/// Of which line a byte of a file is, from 1, and where that line begins.
fn line_of(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begins = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    (line, begins)
}

/// Every byte of every file, changed.
fn each_byte(folder: &Path, files: &Files, vkey: &str) {
    for (name, bytes) in files {
        // Of a file that is known by its hash alone, some bytes are as good as all.
        let known_by_hash = name.starts_with("entries.") || name == "erasures.ndjson";
        for at in (0..bytes.len()).step_by(if known_by_hash { 37 } else { 1 }) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let said = broken(folder, &with(files, name, changed.clone()), vkey);
            let (line, _) = line_of(bytes, at);
            match name.as_str() {
                // A newline that is changed joins two lines, and one that comes into being parts a line.
                "leaves.ndjson" if bytes[at] == b'\n' || changed[at] == b'\n' => {
                    assert!(
                        said.starts_with("leaves") && said.contains(&format!("line {line} ")),
                        "{at}: {said}"
                    );
                }
                "leaves.ndjson" => {
                    let told = format!("leaves, line {line} (byte ");
                    let byte = said
                        .strip_prefix(&told)
                        .unwrap_or_else(|| panic!("byte {at}: {said}"));
                    let byte: usize = byte.split(')').next().unwrap().parse().unwrap();
                    let (_, begins) = line_of(bytes, at);
                    let ends = begins + bytes[begins..].iter().position(|b| *b == b'\n').unwrap();
                    assert!((begins..=ends).contains(&byte), "byte {at}: {said}");
                }
                "hashes" => assert!(
                    said.starts_with(&format!("hashes, byte {}:", at / 32 * 32)),
                    "byte {at}: {said}"
                ),
                "openings.ndjson" => {
                    let place = format!("openings, line {line} ");
                    let last = bytes[at] == b'\n' && at + 1 == bytes.len();
                    assert!(
                        said.contains(&place) || last && said.starts_with("openings.ndjson"),
                        "byte {at}: {said}"
                    );
                }
                _ => assert!(said.contains(name), "{name}, byte {at}: {said}"),
            }
        }
    }
}

#[actix_web::test]
async fn a_changed_byte_anywhere_is_told_with_its_place() {
    let api = Api::start(Engine::Sqlite).await;
    let (files, vkey) = small_bundle(&api, false).await;
    let folder = tempfile::tempdir().unwrap();
    verified_files(folder.path(), &files, &vkey).unwrap();
    each_byte(folder.path(), &files, &vkey);
}

#[actix_web::test]
async fn the_same_in_a_part_of_a_log() {
    let api = Api::start(Engine::Sqlite).await;
    let (files, vkey) = small_bundle(&api, true).await;
    let folder = tempfile::tempdir().unwrap();
    let report = verified_files(folder.path(), &files, &vkey).unwrap();
    assert_eq!((report.verified().from, report.verified().to), (1, 5));
    each_byte(folder.path(), &files, &vkey);
}

#[actix_web::test]
async fn lines_left_out_put_in_and_moved_are_told_with_their_place() {
    let api = Api::start(Engine::Sqlite).await;
    let (files, vkey) = small_bundle(&api, false).await;
    let folder = tempfile::tempdir().unwrap();
    let text = String::from_utf8(files["leaves.ndjson"].clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let say = |lines: &[&str]| {
        let bytes = lines
            .iter()
            .flat_map(|line| [line.as_bytes(), b"\n"].concat())
            .collect();
        broken(folder.path(), &with(&files, "leaves.ndjson", bytes), &vkey)
    };
    let byte = |line: usize| lines[..line].iter().map(|line| line.len() + 1).sum::<usize>();
    for at in 0..lines.len() {
        let place = format!("line {} (byte {})", at + 1, byte(at));
        let mut fewer = lines.clone();
        fewer.remove(at);
        let said = say(&fewer);
        assert!(said.contains(&place), "left out {at}: {said}");
        let mut twice = lines.clone();
        twice.insert(at, lines[(at + 2) % lines.len()]);
        let said = say(&twice);
        assert!(said.contains(&place), "put in {at}: {said}");
        if at > 0 {
            let mut moved = lines.clone();
            moved.swap(at - 1, at);
            let said = say(&moved);
            assert!(
                said.contains(&format!("line {at} (byte {})", byte(at - 1))),
                "moved {at}: {said}"
            );
        }
        let said = say(&lines[..at]);
        assert!(
            said.contains(&format!("leaves end at {place}")),
            "cut {at}: {said}"
        );
    }
    // In the order of another log, with the list of hashes to match: then the root says no.
    let mut moved = lines.clone();
    moved.swap(0, 1);
    let bytes: Vec<u8> = moved
        .iter()
        .flat_map(|line| [line.as_bytes(), b"\n"].concat())
        .collect();
    let mut both = with(&files, "leaves.ndjson", bytes);
    let (first, rest) = files["hashes"].split_at(32);
    let (second, rest) = rest.split_at(32);
    both.insert("hashes".to_owned(), [second, first, rest].concat());
    let said = broken(folder.path(), &both, &vkey);
    assert!(said.contains("do not lead to the root"), "{said}");
    // Openings in another order, twice, and of another entry.
    let text = String::from_utf8(files["openings.ndjson"].clone()).unwrap();
    let mut openings: Vec<&str> = text.lines().collect();
    openings.swap(2, 3);
    let joined = |lines: &[&str]| (lines.join("\n") + "\n").into_bytes();
    let said = broken(
        folder.path(),
        &with(&files, "openings.ndjson", joined(&openings)),
        &vkey,
    );
    assert!(said.starts_with("openings, line 4 "), "{said}");
    openings.swap(2, 3);
    openings.insert(1, openings[0]);
    let said = broken(
        folder.path(),
        &with(&files, "openings.ndjson", joined(&openings)),
        &vkey,
    );
    assert!(said.starts_with("openings, line 2 "), "{said}");
}

#[actix_web::test]
async fn files_left_out_put_in_and_of_another_bundle_are_told() {
    let (one, two) = (Api::start(Engine::Sqlite).await, Api::start(Engine::Sqlite).await);
    let (files, vkey) = small_bundle(&one, false).await;
    let (theirs, their_key) = small_bundle(&two, false).await;
    let folder = tempfile::tempdir().unwrap();
    for name in files.keys() {
        let mut fewer = files.clone();
        fewer.remove(name);
        let said = broken(folder.path(), &fewer, &vkey);
        assert_eq!(said, format!("{name}: not in the bundle"));
        if theirs[name] == files[name] {
            continue;
        }
        let said = broken(folder.path(), &with(&files, name, theirs[name].clone()), &vkey);
        // The same name, the same key name: a log of another database.
        assert!(
            said.contains(name.split('.').next().unwrap()) || said.contains("signed"),
            "{name}: {said}"
        );
    }
    let said = broken(folder.path(), &with(&files, "more.txt", Vec::new()), &vkey);
    assert_eq!(said, "more.txt: not named in the manifest");
    let said = broken(folder.path(), &theirs, &vkey);
    assert!(said.starts_with("manifest.json: "), "{said}");
    verified_files(folder.path(), &theirs, &their_key).unwrap();
}

#[actix_web::test]
async fn a_damaged_zip_is_told_and_never_taken() {
    let api = Api::start(Engine::Sqlite).await;
    let (files, vkey) = small_bundle(&api, false).await;
    let folder = tempfile::tempdir().unwrap();
    let zip = zipped(&files);
    for length in (0..zip.len()).step_by(97) {
        let error = verified(folder.path(), &zip[..length], &vkey).unwrap_err();
        assert!(!error.is_unreadable(), "{length}: {error}");
    }
    // A byte of a line changed in the ZIP itself, whose checksum then says no: the line is named all the same.
    let mut archive = ZipArchive::new(Cursor::new(zip.as_slice())).unwrap();
    let begins = archive.by_name("leaves.ndjson").unwrap().data_start().unwrap() as usize;
    let (_, second) = {
        let leaves = &files["leaves.ndjson"];
        (0, leaves.iter().position(|byte| *byte == b'\n').unwrap() + 1)
    };
    let mut changed = zip.clone();
    changed[begins + second + 9] ^= 1;
    let said = verified(folder.path(), &changed, &vkey).unwrap_err().to_string();
    assert!(said.starts_with("leaves, line 2 "), "{said}");
    let csv = archive.by_name("entries.csv").unwrap().data_start().unwrap() as usize;
    let mut changed = zip.clone();
    changed[csv + 5] ^= 1;
    let error = verified(folder.path(), &changed, &vkey).unwrap_err();
    assert!(
        matches!(&error, VerifyError::Damaged { file, .. } if file == "entries.csv"),
        "{error}"
    );
}

#[actix_web::test]
async fn the_program_says_it_with_its_exit_code() {
    let api = Api::start(Engine::Sqlite).await;
    let (files, vkey) = small_bundle(&api, false).await;
    let folder = tempfile::tempdir().unwrap();
    let good = kept(folder.path(), &zipped(&files));
    let ended = run(&["audit", "verify", good.to_str().unwrap(), "--key", &vkey]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(
        ended
            .stdout
            .starts_with("In order: 7 entries of akkoord.example/"),
        "{}",
        ended.stdout
    );
    let key_file = folder.path().join("vkey");
    std::fs::write(&key_file, format!("{vkey}\n")).unwrap();
    let ended = run(&[
        "audit",
        "verify",
        good.to_str().unwrap(),
        "--key",
        key_file.to_str().unwrap(),
    ]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);

    let unreadable = run(&["audit", "verify", "/nowhere/bundle.zip", "--key", &vkey]);
    assert_eq!(unreadable.code, 2, "{}", unreadable.stderr);
    let no_key = run(&["audit", "verify", good.to_str().unwrap(), "--key", "nonsense"]);
    assert_eq!(no_key.code, 2);
    assert!(no_key.stderr.contains("/log/NAME/vkey"), "{}", no_key.stderr);

    let mut leaves = files["leaves.ndjson"].clone();
    leaves[20] ^= 1;
    let bad = kept(folder.path(), &zipped(&with(&files, "leaves.ndjson", leaves)));
    let ended = run(&["audit", "verify", bad.to_str().unwrap(), "--key", &vkey]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.starts_with("akkoord: NOT in order: leaves, line 1 "),
        "{}",
        ended.stderr
    );
    assert_eq!(ended.stdout, "");
}
