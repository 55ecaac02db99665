//! Many entries taken out through the page of the console: twenty thousand, and with optimisation a million. The bundle is
//! written to the browser as it is made; the process never holds it.
//!
//! ```text
//! cargo test --release --test suite -- --nocapture console_million
//! ```

use std::io::Write as _;
use std::time::Instant;

use akkoord::cli::audit_verify::verify;
use akkoord::service::sequence::LogName;
use akkoord::service::sessions::staff::Role;
use futures_util::StreamExt as _;

use crate::audit_million::{ENTRIES, MOST_MEMORY, filled, own_memory, sequenced};
use crate::console_pages::Officer;
use crate::support::app::{Node, Setup};
use crate::support::engine::{Engine, TestStorage};
use crate::support::log::opened;
use crate::support::service::clock;

#[actix_web::test]
async fn many_entries_leave_through_the_console_in_constant_memory() {
    let storage = TestStorage::new(Engine::Sqlite);
    let node = Node::start(storage.url(), &clock(), &Setup::default());
    filled(&opened(&storage));
    sequenced(&node.service).await;
    let anna = Officer::at(&node, "anna", Role::Officer, &[]).await;
    let fields = [
        ("log", "decision"),
        ("van", ""),
        ("tot", ""),
        ("vorm", "xlsx"),
        ("reason", "Jaarcontrole"),
    ];
    let ready = Officer::led(&anna.post("/fg/zoeken/export", &fields).await);
    rustls::crypto::ring::default_provider().install_default().ok();
    let started = Instant::now();
    let url = format!("http://{}{ready}/bestand", node.address);
    let answer = reqwest::Client::new()
        .get(url)
        .header("Cookie", &anna.cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let path = storage.directory().join("bundle.zip");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut pieces = answer.bytes_stream();
    let (mut count, mut most) = (0_usize, own_memory());
    while let Some(piece) = pieces.next().await {
        file.write_all(&piece.unwrap()).unwrap();
        count += 1;
        if count.is_multiple_of(10) {
            most = most.max(own_memory());
        }
    }
    println!(
        "{ENTRIES} entries in {count} pieces, {} MB, {:.1} s, most memory of its own {} MB",
        std::fs::metadata(&path).unwrap().len() >> 20,
        started.elapsed().as_secs_f64(),
        most >> 10
    );
    assert!(count > 1);
    let vkey = node
        .service
        .log_vkey(LogName::parse("decision").unwrap())
        .await
        .unwrap();
    assert_eq!(verify(&path, &vkey).unwrap().verified().to, u64::from(ENTRIES));
    // Alone in its process, as in the command above, it holds to this; other tests have memory of their own.
    let alone = std::env::args().any(|argument| argument.contains("console_million"));
    assert!(!alone || most < MOST_MEMORY, "{most} KiB");
    node.stop().await;
}
