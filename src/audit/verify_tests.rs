//! Exports that are in order, and exports that are not in every way there is.

use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::audit::checkpoint::tests::{key, verifier};
use crate::audit::leaf::EntryId;
use crate::audit::private::{AuditKeys, PrivatePlace};
use crate::audit::tree::Node;
use crate::crypto::note::NoteError;
use crate::crypto::{PersonKeys, Secret32, SecretBytes};

const ORIGIN: &str = "akkoord.example/log/decision";

/// The files of an export.
#[derive(Clone)]
struct Export {
    checkpoint: String,
    from: u64,
    end: u64,
    left: Vec<Hash>,
    right: Vec<Hash>,
    leaves: Vec<u8>,
    hashes: Vec<u8>,
    openings: Vec<u8>,
}

fn person() -> AuditKeys {
    AuditKeys::derive(&PersonKeys::derive(&Secret32::from_bytes([5; 32])))
}

fn id(index: u64) -> EntryId {
    let mut bytes = [7; 16];
    bytes[..8].copy_from_slice(&index.to_be_bytes());
    EntryId::from_bytes(bytes)
}

fn private(index: u64) -> Vec<u8> {
    format!(r#"{{"member":{index}}}"#).into_bytes()
}

fn line(index: u64) -> Vec<u8> {
    let place = PrivatePlace {
        tenant: "net",
        log: "decision",
        person: &[1; 16],
        key_version: 1,
    };
    let made = person()
        .make(&place, id(index), [0; 12], &private(index))
        .unwrap();
    let mut leaf = Leaf::new(
        "decision",
        id(index),
        1_795_300_000_000,
        "crm",
        "node-1",
        "2027-03#4",
    );
    leaf.subject = Some(made.st);
    leaf.commitment = Some(made.pc);
    leaf.encode()
}

/// An export of a part of a log, with openings of every third entry.
fn export(size: u64, part: Range<u64>) -> Export {
    let hashes: Vec<Hash> = (0..size).map(|index| leaf_hash(&line(index))).collect();
    let root_of = |node: Node| {
        let from = (node.index << node.level) as usize;
        let mut tree = CompactRange::new();
        hashes[from..from + (1 << node.level)]
            .iter()
            .for_each(|hash| tree.append(*hash));
        tree.root()
    };
    let mut whole = CompactRange::new();
    hashes.iter().for_each(|hash| whole.append(*hash));
    let checkpoint = Checkpoint {
        origin: ORIGIN.into(),
        size,
        root: whole.root(),
    };
    let opening = |index| Opening {
        index,
        id: id(index),
        private: SecretBytes::new(private(index)),
        salt: person().salt_for(id(index)),
    };
    let rows = |lines: Vec<Vec<u8>>| {
        lines
            .into_iter()
            .flat_map(|line| [line, vec![b'\n']])
            .flatten()
            .collect()
    };
    Export {
        checkpoint: checkpoint.sign(&key(1)).unwrap(),
        from: part.start,
        end: part.end,
        left: cover(0, part.start).into_iter().map(root_of).collect(),
        right: cover(part.end, size).into_iter().map(root_of).collect(),
        leaves: rows(part.clone().map(line).collect()),
        hashes: hashes[part.start as usize..part.end as usize]
            .as_flattened()
            .to_vec(),
        openings: rows(
            part.filter(|i| i % 3 == 0)
                .map(|i| opening(i).encode().unwrap())
                .collect(),
        ),
    }
}

fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split_inclusive(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

impl Export {
    fn verifier(&self) -> Result<Verifier, Break> {
        Verifier::new(&self.checkpoint, &verifier(ORIGIN, 1))?.part(
            self.from,
            self.end,
            self.left.clone(),
            self.right.clone(),
        )
    }

    fn verify(&self) -> Result<Verified, Break> {
        let mut verifier = self.verifier()?;
        let mut openings = lines(&self.openings);
        let mut hashes = self.hashes.as_chunks::<32>().0.iter();
        for line in lines(&self.leaves) {
            if verifier.wants_opening() {
                openings
                    .next()
                    .map_or(Ok(()), |opening| verifier.opening(opening))?;
            }
            verifier.leaf(line, hashes.next())?;
        }
        hashes.try_for_each(|hash| verifier.hash_without_line(hash))?;
        openings.try_for_each(|opening| verifier.opening(opening))?;
        verifier.finish()
    }

    fn verify_without_list(&self, inspect: bool) -> Result<Verified, Break> {
        let mut verifier = self.verifier()?;
        if inspect {
            verifier = verifier.inspecting();
        }
        lines(&self.leaves).try_for_each(|line| verifier.leaf(line, None))?;
        verifier.finish()
    }

    /// The number, from 1, and the offset of the line that holds a byte.
    fn line_at(file: &[u8], byte: usize) -> Position {
        let before = &file[..byte];
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let line = before.iter().filter(|b| **b == b'\n').count() + 1;
        Position {
            line: line as u64,
            byte: start as u64,
        }
    }

    /// The offsets at which lines begin, and the end.
    fn starts(&self) -> Vec<usize> {
        let ends = self
            .leaves
            .iter()
            .enumerate()
            .filter(|(_, b)| **b == b'\n')
            .map(|(at, _)| at + 1);
        std::iter::once(0).chain(ends).collect()
    }
}

#[test]
fn an_export_in_order_verifies() {
    let verified = export(20, 0..20).verify().unwrap();
    assert_eq!((verified.from, verified.to, verified.openings), (0, 20, 7));
    assert_eq!(
        (verified.checkpoint.origin.as_str(), verified.checkpoint.size),
        (ORIGIN, 20)
    );
    assert!(export(0, 0..0).verify().is_ok());
}

#[test]
fn every_part_of_a_log_verifies() {
    for size in [1, 2, 3, 7, 8, 13] {
        for from in 0..=size {
            for end in from..=size {
                let part = export(size, from..end);
                assert_eq!(
                    part.verify().map(|v| v.to - v.from),
                    Ok(end - from),
                    "{from}..{end} of {size}"
                );
                assert!(part.verify_without_list(true).is_ok());
            }
        }
    }
}

#[test]
fn wrong_hashes_beside_a_part_do_not_lead_to_the_root() {
    let part = export(13, 3..6);
    for at in 0..part.left.len() {
        let mut changed = part.clone();
        changed.left[at][0] ^= 1;
        assert!(changed.verify().is_err());
    }
    for at in 0..part.right.len() {
        let mut changed = part.clone();
        changed.right[at][31] ^= 1;
        assert!(changed.verify().is_err());
    }
    let mut short = part.clone();
    short.right.pop();
    assert!(matches!(short.verify(), Err(Break::Beside(_))));
    let mut shifted = part.clone();
    (shifted.from, shifted.end) = (5, 8);
    assert!(shifted.verify().is_err());
    let mut reversed = part;
    (reversed.from, reversed.end) = (6, 3);
    assert!(matches!(reversed.verify(), Err(Break::Beside(_))));
}

#[test]
fn lines_left_out_put_in_or_swapped_are_named() {
    let whole = export(9, 0..9);
    let starts = whole.starts();
    let row = |at: usize| whole.leaves[starts[at]..starts[at + 1]].to_vec();
    let named = |at: usize| {
        let at_line = Position {
            line: at as u64 + 1,
            byte: starts[at] as u64,
        };
        Err(Break::Leaf {
            at: at_line,
            index: at as u64,
        })
    };
    for at in 0..9 {
        let mut out = whole.clone();
        out.leaves.drain(starts[at]..starts[at + 1]);
        out.openings.clear();
        if at == 8 {
            let end = Position {
                line: 9,
                byte: starts[8] as u64,
            };
            assert_eq!(out.verify(), Err(Break::Missing { at: end, missing: 1 }));
        } else {
            assert_eq!(out.verify(), named(at));
        }
        assert!(matches!(
            out.verify_without_list(true),
            Err(Break::Missing { missing: 1, .. })
        ));

        let mut doubled = whole.clone();
        doubled.leaves.splice(starts[at]..starts[at], row(at));
        doubled.openings.clear();
        if at == 8 {
            let extra = Position {
                line: 10,
                byte: starts[9] as u64,
            };
            assert_eq!(doubled.verify(), Err(Break::Extra { at: extra }));
        } else {
            // The first of the two is the entry; the second stands in the next one's place.
            assert_eq!(doubled.verify(), named(at + 1));
        }

        if at < 8 {
            let mut swapped = whole.clone();
            let both = [row(at + 1), row(at)].concat();
            swapped.leaves.splice(starts[at]..starts[at + 2], both);
            swapped.openings.clear();
            let found = swapped.verify();
            assert!(
                matches!(found, Err(Break::Leaf { index, .. }) if index == at as u64),
                "{found:?}"
            );
            assert_eq!(
                swapped.verify_without_list(true),
                Err(Break::Root { suspect: None })
            );
        }
    }
    let mut none = whole.clone();
    none.leaves.clear();
    none.openings.clear();
    let start = Position { line: 1, byte: 0 };
    assert_eq!(
        none.verify(),
        Err(Break::Missing {
            at: start,
            missing: 9
        })
    );
}

#[test]
fn a_list_of_hashes_of_another_length_is_named() {
    let whole = export(9, 0..9);
    let mut short = whole.clone();
    short.hashes.truncate(32 * 8);
    assert_eq!(short.verify(), Err(Break::HashCount { byte: 256 }));
    let mut long = whole;
    long.hashes.extend([0; 32]);
    assert_eq!(long.verify(), Err(Break::HashCount { byte: 288 }));
}

#[test]
fn when_lines_and_list_are_both_changed_neither_is_believed() {
    let mut export = export(9, 0..9);
    let at = export.starts()[4];
    export.leaves[at + 10] ^= 1;
    export.hashes.clear();
    let changed: Vec<u8> = lines(&export.leaves).flat_map(leaf_hash).collect();
    export.hashes = changed;
    export.openings.clear();
    assert_eq!(export.verify(), Err(Break::Root { suspect: None }));
    export.hashes[40] ^= 1;
    assert!(matches!(
        export.verify(),
        Err(Break::Root {
            suspect: Some(Position { line: 2, .. })
        })
    ));
}

#[test]
fn another_key_or_log_is_refused() {
    let export = export(3, 0..3);
    let refused = |name, seed| Verifier::new(&export.checkpoint, &verifier(name, seed)).unwrap_err();
    let unsigned = Break::Checkpoint(CheckpointError::Note(NoteError::Unsigned));
    assert_eq!(refused(ORIGIN, 2), unsigned);
    assert_eq!(refused("akkoord.example/log/consent", 1), unsigned);
}

#[test]
fn openings_of_other_entries_are_refused() {
    let whole = export(9, 0..9);
    let rows: Vec<Vec<u8>> = lines(&whole.openings).map(<[u8]>::to_vec).collect();
    let with = |rows: &[&[u8]]| {
        Export {
            openings: rows.join(&b'\n'),
            ..whole.clone()
        }
        .verify()
    };
    assert_eq!(with(&[&rows[1]]).unwrap().openings, 1);
    for wrong in [[&rows[1][..], &rows[0]], [&rows[1], &rows[1]]] {
        assert!(matches!(
            with(&wrong),
            Err(Break::OpeningOrder {
                at: Position { line: 2, .. }
            })
        ));
    }
    let text = String::from_utf8(rows[1].clone()).unwrap();
    let moved = text.replace(r#""i":3"#, r#""i":4"#);
    let at = Position { line: 1, byte: 0 };
    let other = Break::Opening {
        at,
        error: OpeningError::OtherEntry,
    };
    assert_eq!(with(&[moved.as_bytes()]), Err(other));
    let beyond = text.replace(r#""i":3"#, r#""i":9"#);
    assert_eq!(with(&[beyond.as_bytes()]), Err(Break::OpeningOrder { at }));
    let lie = text.replace(":3}", ":4}");
    let lied = Break::Opening {
        at,
        error: OpeningError::Commitment,
    };
    assert_eq!(with(&[lie.as_bytes()]), Err(lied));
}

#[test]
fn a_break_is_told_in_words() {
    let told = Break::Leaf {
        at: Position { line: 4, byte: 912 },
        index: 3,
    }
    .to_string();
    assert_eq!(told, "leaves, line 4 (byte 912): not entry 3 of the log");
    let told = Break::Root {
        suspect: Some(Position { line: 1, byte: 5 }),
    }
    .to_string();
    assert!(
        told.ends_with("; line 1 (byte 5) is the first that looks wrong"),
        "{told}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_flipped_bit_in_the_leaves_is_found_in_its_line(
        size in 1_u64..12, a: proptest::sample::Index, b: proptest::sample::Index, at: proptest::sample::Index,
        bit in 0_u8..8,
    ) {
        let (a, b) = (a.index(size as usize) as u64, b.index(size as usize) as u64);
        let mut export = export(size, a.min(b)..a.max(b) + 1);
        let at = at.index(export.leaves.len());
        let expected = Export::line_at(&export.leaves, at);
        export.leaves[at] ^= 1 << bit;
        match export.verify() {
            Err(Break::Leaf { at: found, index }) => {
                prop_assert_eq!(found.line, expected.line);
                prop_assert_eq!(index, export.from + expected.line - 1);
                let line = lines(&export.leaves).nth(found.line as usize - 1).unwrap();
                let within = expected.byte..=expected.byte + line.len() as u64;
                prop_assert!(within.contains(&found.byte), "{:?}", found);
            }
            other => prop_assert!(false, "{:?}", other),
        }
        prop_assert!(export.verify_without_list(true).is_err());
        prop_assert!(export.verify_without_list(false).is_err());
    }

    #[test]
    fn a_flipped_bit_in_the_hashes_is_found(size in 1_u64..12, at: proptest::sample::Index, bit in 0_u8..8) {
        let mut export = export(size, 0..size);
        let at = at.index(export.hashes.len());
        export.hashes[at] ^= 1 << bit;
        let index = at as u64 / 32;
        prop_assert_eq!(export.verify(), Err(Break::HashList { byte: index * 32, index }));
    }

    #[test]
    fn a_flipped_bit_in_the_openings_is_found(size in 1_u64..12, at: proptest::sample::Index, bit in 0_u8..8) {
        let mut export = export(size, 0..size);
        let at = at.index(export.openings.len());
        let expected = Export::line_at(&export.openings, at);
        export.openings[at] ^= 1 << bit;
        match export.verify() {
            Err(Break::Opening { at, .. }) => prop_assert_eq!(at, expected),
            // A changed position may be that of an entry already passed, or make the next one out of order.
            Err(Break::OpeningOrder { at }) => prop_assert!((expected.line..=expected.line + 1).contains(&at.line)),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_flipped_bit_in_the_checkpoint_is_found(at: proptest::sample::Index, bit in 0_u8..7) {
        let mut export = export(5, 0..5);
        let mut bytes = export.checkpoint.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(text) = String::from_utf8(bytes) {
            export.checkpoint = text;
            prop_assert!(matches!(export.verify(), Err(Break::Checkpoint(_))));
        }
    }

    #[test]
    fn a_cut_export_is_found(size in 1_u64..12, at: proptest::sample::Index) {
        let mut export = export(size, 0..size);
        let at = at.index(export.leaves.len());
        // Where only the newline is cut off, the line is whole, and the next one is missing.
        let expected = Export::line_at(&export.leaves, at).line + u64::from(export.leaves[at] == b'\n');
        export.leaves.truncate(at);
        export.openings.clear();
        match export.verify() {
            Err(Break::Leaf { at, .. } | Break::Missing { at, .. }) => prop_assert_eq!(at.line, expected),
            // Only the last newline is gone: every byte of every entry is there.
            Ok(_) => prop_assert_eq!(expected, size + 1),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
