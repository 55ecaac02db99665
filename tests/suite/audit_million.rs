//! Many decisions exported and verified, in every form: twenty thousand, and with optimisation a million in constant
//! memory, with the time that each step takes:
//!
//! ```text
//! cargo test --release --test suite -- --nocapture audit_million
//! ```

use std::io::{BufWriter, Write as _};
use std::process::Command;
use std::time::{Duration, Instant};

use akkoord::audit::bundle;
use akkoord::audit::leaf::{EntryId, Leaf, leaf_hash};
use akkoord::cli::audit_verify::verify;
use akkoord::crypto::sha256_parts;
use akkoord::domain::personal::Personal;
use akkoord::service::Service;
use akkoord::service::exports::{ExportFormat, RequestExport};
use akkoord::service::sequence::LogName;
use akkoord::store::{AuditBatch, Store, StoreError};
use zip::ZipArchive;

use crate::support::engine::{Engine, TestStorage};
use crate::support::log::opened;
use crate::support::service::{clock, node};
use crate::support::store::NOW;

pub const ENTRIES: u32 = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };
const BATCH: u32 = 500;
/// What the process may ever hold, in KiB: the service, its database connections, and the export.
pub const MOST_MEMORY: u64 = 400 << 10;

/// A decision as the service writes it.
fn line(number: u32) -> Vec<u8> {
    let random = sha256_parts(&[&number.to_be_bytes()]);
    let half: [u8; 16] = random[..16].try_into().unwrap();
    let mut leaf = Leaf::new(
        "decision",
        EntryId::from_bytes(half),
        NOW.millis() + i64::from(number),
        "crm",
        "node-a",
        "2026-11-01.1",
    );
    leaf.action = Some("contact".into());
    leaf.channel = Some("email".into());
    leaf.organisation = Some("bibliotheek-de-linde".into());
    leaf.purpose = Some("newsletter".into());
    leaf.outcome = Some("permit".into());
    leaf.reasons = vec!["permit-consent".into()];
    leaf.scopes = vec!["email".into(), "identity".into()];
    leaf.subject = Some(half);
    leaf.commitment = Some(random);
    leaf.encode()
}

pub fn filled(store: &Store) {
    for node_seq in 0..u64::from(ENTRIES / BATCH) {
        let first = u32::try_from(node_seq).unwrap() * BATCH;
        let lines: Vec<Vec<u8>> = (first..first + BATCH).map(line).collect();
        let batch = AuditBatch {
            log: "decision".to_owned(),
            node: "loader".to_owned(),
            node_seq,
            n: BATCH,
            leaf_hashes: lines.iter().flat_map(|line| leaf_hash(line)).collect(),
            entries: bundle::encode(lines.iter().map(Vec::as_slice)).unwrap(),
            created_at: NOW,
        };
        store
            .change("fill", |tx| -> Result<(), StoreError> {
                tx.append_audit(&batch, &[])
            })
            .unwrap();
    }
}

pub async fn sequenced(service: &Service) {
    let name = LogName::parse("decision").unwrap();
    let since = Instant::now();
    loop {
        let note = service.log_checkpoint(name.clone()).await.unwrap_or_default();
        if note.lines().nth(1) == Some(&ENTRIES.to_string()) {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(600), "{note}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the process holds of its own now, in KiB: without the pages of the database that are mapped into it, which the
/// system takes back when it wants them.
pub fn own_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

both_engines! {
    async fn many_decisions_are_exported_and_verified(engine) {
        exported_and_verified(engine).await;
    }
}

async fn exported_and_verified(engine: Engine) {
    let storage = TestStorage::new(engine);
    let service = node(&storage, &clock(), "node-a");
    filled(&opened(&storage));
    sequenced(&service).await;
    let vkey = service
        .log_vkey(LogName::parse("decision").unwrap())
        .await
        .unwrap();
    let path = storage.directory().join("bundle.zip");
    for format in ExportFormat::ALL {
        let wanted = RequestExport {
            log: LogName::parse("decision").unwrap(),
            from: None,
            to: None,
            format: *format,
            openings: false,
            reason: Personal::new("measurement".to_owned()),
        };
        let plan = service
            .request_export(&service.operator().unwrap(), wanted)
            .await
            .unwrap()
            .plan;
        let started = Instant::now();
        let file = BufWriter::new(std::fs::File::create(&path).unwrap());
        service
            .write_export(&plan, file, &|_| {})
            .unwrap()
            .flush()
            .unwrap();
        println!(
            "{engine:?} {format}: made in {:.2} s, {} MB, most memory so far {} MB",
            started.elapsed().as_secs_f64(),
            std::fs::metadata(&path).unwrap().len() >> 20,
            most_memory() >> 10
        );
        let started = Instant::now();
        let report = verify(&path, &vkey).unwrap();
        let took = started.elapsed().as_secs_f64();
        assert_eq!(report.verified().to, u64::from(ENTRIES));
        println!(
            "  verified in {took:.2} s: {:.0} entries/s",
            f64::from(ENTRIES) / took
        );
    }
    // Alone in its process, as in the command above, it holds to this; other tests have memory of their own.
    let alone = std::env::args().any(|argument| argument.contains("audit_million"));
    assert!(!alone || most_memory() < MOST_MEMORY, "{} KiB", most_memory());
    hashed(&path, storage.directory());
    service.stop();
}

/// How long `sha256sum` takes for the bytes of the entries.
fn hashed(bundle: &std::path::Path, folder: &std::path::Path) {
    let mut zip = ZipArchive::new(std::fs::File::open(bundle).unwrap()).unwrap();
    let mut leaves = std::fs::File::create(folder.join("leaves.ndjson")).unwrap();
    let bytes = std::io::copy(&mut zip.by_name("leaves.ndjson").unwrap(), &mut leaves).unwrap();
    let started = Instant::now();
    let done = Command::new("sha256sum")
        .arg(folder.join("leaves.ndjson"))
        .output()
        .unwrap();
    assert!(done.status.success());
    println!(
        "sha256sum of the same {} MB: {:.2} s",
        bytes >> 20,
        started.elapsed().as_secs_f64()
    );
}
