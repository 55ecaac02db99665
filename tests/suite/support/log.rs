//! A verifier of audit logs that trusts nothing but the key: it fetches everything and computes the rest.

use std::collections::BTreeMap;

use akkoord::audit::bundle;
use akkoord::audit::checkpoint::Checkpoint;
use akkoord::audit::edge::Edge;
use akkoord::audit::leaf::leaf_hash;
use akkoord::audit::tile::{Content, Tile};
use akkoord::audit::verify::Verifier;
use akkoord::crypto::note::VerifierKey;
use akkoord::service::Service;
use akkoord::service::sequence::LogName;
use akkoord::store::{LogState, Store, StoreError, StoreOptions};

use super::engine::TestStorage;

/// A log whose every entry and tile was verified.
#[derive(Debug)]
pub struct Verified {
    pub checkpoint: Checkpoint,
    pub note: String,
    pub lines: Vec<Vec<u8>>,
}

/// Entries lead to the checkpoint: by the verifier of the program, line by line.
pub fn verify_lines(note: &str, vkey: &str, lines: &[Vec<u8>]) -> Checkpoint {
    let key = VerifierKey::parse(vkey).unwrap();
    let mut verifier = Verifier::new(note, &key).unwrap();
    for line in lines {
        verifier.leaf(line, None).unwrap();
    }
    verifier.finish().unwrap().checkpoint
}

/// The database of a service of a test.
pub fn opened(storage: &TestStorage) -> Store {
    let options = StoreOptions {
        network: "bibliotheken-merwedeland".to_owned(),
        ..super::store::options(storage)
    };
    Store::open(options).unwrap()
}

/// Every log of a service that has stopped, out of the rows of its database: nothing waits for a place any more, and
/// every entry is under the checkpoint.
pub fn verify_all(storage: &TestStorage) {
    let store = opened(storage);
    let heads = store.read("read", |tx| -> Result<_, StoreError> {
        let mut heads = Vec::new();
        for row in tx.audit_logs()? {
            heads.push((tx.audit_head(row.id)?, row));
        }
        Ok((heads, tx.queued_logs()?))
    });
    let (heads, queued) = heads.unwrap();
    assert!(
        queued.is_empty(),
        "entries of {queued:?} were acknowledged and have no place"
    );
    for (head, row) in heads {
        let size = head.map_or(0, |head| head.size);
        if size > 0 && row.state != LogState::Closed {
            let verified = verify_rows(&store, &row.log);
            assert_eq!(verified.checkpoint.size, size, "{}", row.origin);
        }
    }
}

/// The log that goes by this name now, out of the rows of the database.
pub fn verify_rows(store: &Store, log: &str) -> Verified {
    let (row, newest, batches, head) = store
        .read("read", |tx| {
            let rows = tx.audit_logs()?;
            let row = rows
                .into_iter()
                .find(|row| row.log == log && row.state != LogState::Closed)
                .unwrap();
            let newest = tx.newest_checkpoint(row.id)?.expect("a checkpoint");
            let head = tx.audit_head(row.id)?.unwrap();
            let batches = tx.placed_batches(row.id, 0, newest.size)?;
            Ok::<_, StoreError>((row, newest, batches, head))
        })
        .unwrap();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for batch in &batches {
        assert_eq!(
            batch.start_index,
            lines.len() as u64,
            "batches stand without gaps"
        );
        lines.extend(
            bundle::decode(&batch.entries)
                .unwrap()
                .into_iter()
                .map(<[u8]>::to_vec),
        );
    }
    // What is sequenced and not yet signed is not in the checkpoint.
    lines.truncate(newest.size as usize);
    let checkpoint = verify_lines(&newest.note, &row.vkey, &lines);
    assert_eq!(checkpoint.origin, row.origin);

    let (tiles, edge) = tiles(&lines);
    for (tile, bytes) in tiles {
        let Content::Hashes(level) = tile.content else {
            continue;
        };
        let stored = store
            .read("read", |tx| tx.audit_tile(row.id, level, tile.index))
            .unwrap();
        assert_eq!(stored.as_deref(), Some(bytes.as_slice()), "{tile:?}");
    }
    if head.size == newest.size {
        assert_eq!(head.edge, edge.to_bytes());
    }
    Verified {
        checkpoint,
        note: newest.note,
        lines,
    }
}

/// The same log as the service gives it out, tile by tile, as a monitor on the internet would fetch it.
pub async fn verify_served(service: &Service, log: &str) -> Verified {
    let name = LogName::parse(log).unwrap();
    let vkey = service.log_vkey(name.clone()).await.unwrap();
    let note = service.log_checkpoint(name.clone()).await.unwrap();
    let size = Checkpoint::open(&note, &[VerifierKey::parse(&vkey).unwrap()])
        .unwrap()
        .size;
    let mut lines = Vec::new();
    for index in 0..size.div_ceil(256) {
        let tile = Tile::at(Content::Entries, index, size).unwrap();
        let served = service.log_tile(name.clone(), tile).await.unwrap();
        let entries = bundle::decode(&served).unwrap();
        assert_eq!(entries.len(), usize::from(tile.width));
        lines.extend(entries.into_iter().map(<[u8]>::to_vec));
    }
    let checkpoint = verify_lines(&note, &vkey, &lines);
    let (full, edge) = tiles(&lines);
    for (tile, bytes) in full.into_iter().chain(edge.partial()) {
        let served = service.log_tile(name.clone(), tile).await.unwrap();
        assert_eq!(served, bytes, "{tile:?}");
    }
    Verified {
        checkpoint,
        note,
        lines,
    }
}

/// The full tiles over these entries, and the edge.
fn tiles(lines: &[Vec<u8>]) -> (BTreeMap<Tile, Vec<u8>>, Edge) {
    let (mut tiles, mut edge) = (BTreeMap::new(), Edge::new());
    for line in lines {
        edge.append(leaf_hash(line), &mut |tile, bytes| {
            tiles.insert(tile, bytes);
        });
    }
    (tiles, edge)
}
