//! Others' vectors and others' code: the test vectors of transparency-dev/merkle, and the crates `tlog_tiles` and
//! `signed_note` (Cloudflare) beside ours.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde::Deserialize;
use tlog_tiles::HashReader;

use super::checkpoint::Checkpoint;
use super::checkpoint::tests::{key, verifier};
use super::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use super::tile::{Content, Tile};
use super::tree::{CompactRange, Hash, Node};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inclusion {
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consistency {
    size1: u64,
    size2: u64,
    root1: String,
    root2: String,
    proof: Option<Vec<String>>,
    want_err: bool,
}

fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

/// `None` if one is no hash, which no reader of ours would have taken.
fn hashes(proof: Option<&Vec<String>>) -> Option<Vec<Hash>> {
    proof
        .into_iter()
        .flatten()
        .map(|text| bytes(text).try_into().ok())
        .collect()
}

impl Inclusion {
    fn holds(&self) -> bool {
        let (Ok(leaf), Some(proof)) = (bytes(&self.leaf_hash).try_into(), hashes(self.proof.as_ref())) else {
            return false;
        };
        verify_inclusion(self.leaf_idx, self.tree_size, &leaf, &proof, &bytes(&self.root)).is_ok()
    }
}

impl Consistency {
    fn holds(&self) -> bool {
        let Some(proof) = hashes(self.proof.as_ref()) else {
            return false;
        };
        verify_consistency(
            self.size1,
            self.size2,
            &proof,
            &bytes(&self.root1),
            &bytes(&self.root2),
        )
        .is_ok()
    }
}

/// Two numbers, two hashes, the proof, and whether it holds.
type Row = (
    u64,
    u64,
    &'static str,
    &'static str,
    &'static [&'static str],
    bool,
);

// Some of the vectors, so that they are checked wherever the tests run.

const R1: &str = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=";
const R2: &str = "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=";
const R3: &str = "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=";
const R5: &str = "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=";
const R6: &str = "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=";
const R7: &str = "3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=";
const R8: &str = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=";
const EMPTY: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const L1: &str = "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=";
const L2: &str = "ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=";
const L4: &str = "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=";
const L5: &str = "QnGia+DYqE8L1UyMMC58s6O10fpngKQLzOKHNHfatlg=";
const L6: &str = "sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=";
const N1_1: &str = "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=";
const N1_2: &str = "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=";
const N1_3: &str = "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=";
const N2_0: &str = "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=";
const N2_1: &str = "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=";
const NO_HASH: &str = "ZG9uJ3QgY2FyZSAx";

#[test]
fn transcribed_inclusion_vectors() {
    let vectors: [Row; 10] = [
        (0, 1, R1, R1, &[], true),
        (0, 8, R8, R1, &[L1, N1_1, N2_1], true),
        (5, 8, R8, L5, &[L4, N1_3, N2_0], true),
        (2, 3, R3, L2, &[R2], true),
        (1, 5, R5, L1, &[R1, N1_1, L4], true),
        (2, 1, R1, R1, &[], false),
        (0, 1, EMPTY, R1, &[], false),
        (0, 0, R1, R1, &[], false),
        (5, 8, R8, L5, &[L4, N1_3, N2_0, N2_0], false),
        (5, 8, R8, L5, &[L4, N1_3], false),
    ];
    for (leaf_idx, tree_size, root, leaf, proof, holds) in vectors {
        let proof = Some(proof.iter().map(ToString::to_string).collect());
        let (root, leaf_hash) = (root.to_owned(), leaf.to_owned());
        let vector = Inclusion {
            leaf_idx,
            tree_size,
            root,
            leaf_hash,
            proof,
            want_err: !holds,
        };
        assert_eq!(vector.holds(), !vector.want_err, "{leaf_idx} of {tree_size}");
    }
}

#[test]
fn transcribed_consistency_vectors() {
    let vectors: [Row; 13] = [
        (1, 1, R1, R1, &[], true),
        (1, 8, R1, R8, &[L1, N1_1, N2_1], true),
        (6, 8, R6, R8, &[N1_2, N1_3, N2_0], true),
        (2, 5, R2, R5, &[N1_1, L4], true),
        (6, 7, R6, R7, &[N1_2, L6, N2_0], true),
        // Equal sizes: roots are compared as they stand.
        (1, 1, NO_HASH, NO_HASH, &[], true),
        (1, 1, EMPTY, EMPTY, &[EMPTY], false),
        // With the empty tree everything is consistent, so it proves nothing.
        (0, 0, EMPTY, EMPTY, &[], false),
        (0, 1, EMPTY, EMPTY, &[EMPTY], false),
        (2, 1, NO_HASH, NO_HASH, &[], false),
        (1, 2, NO_HASH, NO_HASH, &[], false),
        (2, 5, R5, R2, &[N1_1, L4], false),
        (2, 2, R2, R5, &[N1_1, L4], false),
    ];
    for (size1, size2, root1, root2, proof, holds) in vectors {
        let proof = Some(proof.iter().map(ToString::to_string).collect());
        let (root1, root2) = (root1.to_owned(), root2.to_owned());
        let vector = Consistency {
            size1,
            size2,
            root1,
            root2,
            proof,
            want_err: !holds,
        };
        assert_eq!(vector.holds(), !vector.want_err, "{size1} to {size2}");
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found)
        } else {
            found.push(path)
        }
    }
}

/// Checks all vectors of a folder, if it is there.
fn all<V: for<'de> Deserialize<'de>>(kind: &str, right: impl Fn(&V) -> bool) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data/merkle-vectors")
        .join(kind);
    let mut found = Vec::new();
    files(&folder, &mut found);
    if found.is_empty() {
        println!("no {kind} vectors of transparency-dev/merkle here; only the transcribed ones were checked");
        return;
    }
    for path in &found {
        let vector: V = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(right(&vector), "{}", path.display());
    }
    println!("{} {kind} vectors of transparency-dev/merkle hold", found.len());
}

#[test]
fn all_inclusion_vectors() {
    all("inclusion", |vector: &Inclusion| {
        vector.holds() != vector.want_err
    });
}

#[test]
fn all_consistency_vectors() {
    all("consistency", |vector: &Consistency| {
        vector.holds() != vector.want_err
    });
}

/// A tree as `tlog_tiles` stores it: all hashes in one row.
#[derive(Default)]
struct Theirs(RefCell<Vec<tlog_tiles::Hash>>);

impl Theirs {
    fn new(entries: &[Vec<u8>]) -> Self {
        let theirs = Self::default();
        for (index, entry) in (0..).zip(entries) {
            let hashes = tlog_tiles::stored_hashes(index, entry, &theirs).unwrap();
            theirs.0.borrow_mut().extend(hashes);
        }
        theirs
    }

    fn read(&self, node: Node) -> Result<Hash, tlog_tiles::Error> {
        let index = tlog_tiles::stored_hash_index(node.level, node.index);
        self.read_hashes(&[index]).map(|hashes| hashes[0].0)
    }
}

impl HashReader for Theirs {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog_tiles::Hash>, tlog_tiles::Error> {
        let stored = self.0.borrow();
        Ok(indexes
            .iter()
            .map(|index| stored[usize::try_from(*index).unwrap()])
            .collect())
    }
}

fn plain(proof: Vec<tlog_tiles::Hash>) -> Vec<Hash> {
    proof.into_iter().map(|hash| hash.0).collect()
}

#[test]
fn proofs_and_roots_are_those_of_tlog_tiles() {
    let entries: Vec<Vec<u8>> = (0_u8..70).map(|n| vec![n; n.into()]).collect();
    let theirs = Theirs::new(&entries);
    let mut ours = CompactRange::new();
    for (size, entry) in (1_u64..).zip(&entries) {
        ours.append(super::leaf::leaf_hash(entry));
        let root = tlog_tiles::tree_hash(size, &theirs).unwrap();
        assert_eq!(ours.root(), root.0);
        for index in 0..size {
            let proof = inclusion(index, size)
                .unwrap()
                .prove(|node| theirs.read(node))
                .unwrap();
            assert_eq!(
                proof,
                plain(tlog_tiles::prove_record(size, index, &theirs).unwrap())
            );
            let old = index + 1;
            let proof = consistency(old, size)
                .unwrap()
                .prove(|node| theirs.read(node))
                .unwrap();
            assert_eq!(proof, plain(tlog_tiles::prove_tree(size, old, &theirs).unwrap()));
        }
    }
}

#[test]
fn tiles_are_those_of_tlog_tiles() {
    let sizes = [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000];
    let pairs = sizes.into_iter().flat_map(|old| sizes.map(|new| (old, new)));
    for (old, new) in pairs.chain([(16_777_000, 16_777_300)]) {
        let ours: Vec<String> = Tile::between(old, new).iter().map(Tile::path).collect();
        // `tlog_tiles` keeps the height in the path, as the Go checksum database does.
        let theirs = tlog_tiles::Tile::new_tiles(8, old, new);
        let theirs: Vec<String> = theirs
            .iter()
            .map(|tile| tile.path().replacen("tile/8/", "tile/", 1))
            .collect();
        if old <= new {
            assert_eq!(ours, theirs, "{old} to {new}");
        }
    }
}

proptest! {
    #[test]
    fn paths_are_those_of_tlog_tiles(level in 0_u8..64, index in 0..u64::MAX / 256, width in 1_u16..=256) {
        let ours = Tile { content: Content::Hashes(level), index, width }.path();
        let theirs = tlog_tiles::Tile::new(8, level, index, width.into(), false).path();
        prop_assert_eq!(ours, theirs.replacen("tile/8/", "tile/", 1));
    }

    #[test]
    fn signed_note_and_tlog_tiles_accept_our_checkpoints(
        size: u64, root: Hash, origin in "[a-z]{1,9}\\.example/log/[a-z]{1,9}",
    ) {
        let checkpoint = Checkpoint { origin: origin.clone(), size, root };
        let note = checkpoint.sign(&key(3)).unwrap();
        let read = signed_note::Note::from_bytes(note.as_bytes()).unwrap();
        let vkey = verifier(&origin, 3).to_text();
        let known = signed_note::StandardVerifier::new(&vkey).unwrap();
        let (verified, others) = read.verify(&signed_note::VerifierList::new(vec![Box::new(known)])).unwrap();
        prop_assert_eq!((verified.len(), others.len()), (1, 0));
        let theirs = tlog_tiles::Checkpoint::from_bytes(read.text()).unwrap();
        prop_assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), (&*origin, size, root));
        prop_assert_eq!(theirs.to_bytes(), checkpoint.body().into_bytes());
    }

    #[test]
    fn what_signed_note_refuses_we_refuse(at: proptest::sample::Index, with: char, cut: bool) {
        let checkpoint = Checkpoint { origin: "akkoord.example/log".into(), size: 9, root: [4; 32] };
        let mut note: Vec<char> = checkpoint.sign(&key(3)).unwrap().chars().collect();
        let at = at.index(note.len());
        if cut { note.truncate(at) } else { note[at] = with }
        let note: String = note.into_iter().collect();
        let vkey = verifier("akkoord.example/log", 3);
        let known = signed_note::StandardVerifier::new(&vkey.to_text()).unwrap();
        let list = signed_note::VerifierList::new(vec![Box::new(known)]);
        let theirs = signed_note::Note::from_bytes(note.as_bytes())
            .ok()
            .and_then(|read| read.verify(&list).ok().map(|_| read.text().to_vec()))
            .and_then(|text| tlog_tiles::Checkpoint::from_bytes(&text).ok());
        let ours = Checkpoint::open(&note, &[vkey]).ok();
        prop_assert_eq!(ours.is_some(), theirs.is_some(), "{:?}", note);
    }
}
