//! The logs over the years: each goes on under a new origin at the turn of the year, and what the retention policy no
//! longer keeps is removed, while everything else still proves itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use akkoord::audit::checkpoint::Checkpoint;
use akkoord::audit::leaf::Leaf;
use akkoord::audit::proof::verify_consistency;
use akkoord::audit::tile::Tile;
use akkoord::crypto::note::VerifierKey;
use akkoord::domain::moment::Moment;
use akkoord::domain::personal::Personal;
use akkoord::service::Service;
use akkoord::service::exports::{ExportFormat, RequestExport};
use akkoord::service::refusal::Refusal;
use akkoord::service::sequence::LogName;
use akkoord::world::TurnedWorld;

use crate::sequence_service::{ask, call, covered, log, until_covered};
use crate::support::bundle::verified;
use crate::support::engine::TestStorage;
use crate::support::log::verify_served;
use crate::support::service::{clock, node};

const LONGEST: Duration = Duration::from_secs(30);

fn at(text: &str) -> Moment {
    Moment::parse_rfc3339(text).unwrap()
}

async fn decide(service: &Service, times: u32) {
    let all = (0..times).map(|number| {
        let service = service.clone();
        async move { service.decide(&call(), ask(number)).await.unwrap() }
    });
    futures_util::future::join_all(all).await;
}

/// Waits until the logs that have entries go on under a label: a plain name means another log from then on.
async fn goes_on_as(service: &Service, label: &str) {
    let since = Instant::now();
    for name in ["decision", "admin"] {
        loop {
            let note = service.log_checkpoint(log(name)).await.unwrap_or_default();
            let origin = note.lines().next().unwrap_or_default();
            if origin.ends_with(&format!("/{name}/{label}")) {
                break;
            }
            assert!(since.elapsed() < LONGEST, "still {origin}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

both_engines! {
    async fn a_log_goes_on_under_the_year_and_quotes_the_one_before(engine) {
        let storage = TestStorage::new(engine);
        let world: Arc<TurnedWorld> = clock();
        world.turn_to(at("2027-12-31T23:59:00Z"));
        let service = node(&storage, &world, "one");
        decide(&service, 5).await;
        until_covered(&service, "decision", 5).await;
        let last = service.log_checkpoint(log("decision")).await.unwrap();
        assert!(last.starts_with("akkoord.example/bibliotheken-merwedeland/decision/2027\n5\n"), "{last}");

        world.turn_to(at("2028-01-01T00:00:01Z"));
        goes_on_as(&service, "2028").await;
        decide(&service, 3).await;
        until_covered(&service, "decision", 4).await;
        let now = verify_served(&service, "decision").await;
        let first = Leaf::parse(&now.lines[0]).unwrap();
        assert_eq!(first.kind.as_str(), "log.continued");
        let quoted = first.extra.iter().find(|(name, _)| name.as_str() == "checkpoint").unwrap();
        assert_eq!(quoted.1.as_ref(), last);
        // The old year is there under its own name, whole, and never grows again.
        let old = LogName::parse("decision-2027").unwrap();
        assert_eq!(service.log_checkpoint(old.clone()).await.unwrap(), last);
        let key = VerifierKey::parse(&service.log_vkey(old.clone()).await.unwrap()).unwrap();
        assert_eq!(Checkpoint::open(&last, &[key]).unwrap().size, 5);
        assert!(service.log_tile(old, Tile::parse("tile/entries/000.p/5").unwrap()).await.is_ok());
        service.stop();
        drop(service);

        // After a restart too, and a year in which nothing was asked is no year of the log.
        world.turn_to(at("2031-06-01T00:00:00Z"));
        let service = node(&storage, &world, "one");
        goes_on_as(&service, "2031").await;
        let ready = service.ready().await;
        assert!(ready.ready, "{ready:?}");
        service.stop();
    }

    async fn what_the_policy_no_longer_keeps_is_removed_and_the_rest_still_proves_itself(engine) {
        let storage = TestStorage::new(engine);
        let world: Arc<TurnedWorld> = clock();
        world.turn_to(at("2027-02-01T12:00:00Z"));
        let service = node(&storage, &world, "one");
        decide(&service, 300).await;
        until_covered(&service, "decision", 300).await;
        let early = service.log_checkpoint(log("decision")).await.unwrap();
        let nothing = service.prune(false).await.unwrap();
        assert_eq!(nothing.items(), 0);
        world.turn_to(at("2027-11-01T12:00:00Z"));
        decide(&service, 300).await;
        until_covered(&service, "decision", 600).await;
        let late = service.log_checkpoint(log("decision")).await.unwrap();

        // Decisions are kept for 24 months: the first 300 are due, of which 256 fill a tile.
        world.turn_to(at("2029-03-01T12:00:00Z"));
        goes_on_as(&service, "2029").await;
        let dry = service.prune(true).await.unwrap();
        let of = |pruning: &akkoord::service::prune::Pruning| {
            let entries = pruning.entries.iter().map(|p| (p.log.clone(), p.from, p.to, p.policy.clone()));
            entries.collect::<Vec<_>>()
        };
        assert_eq!(of(&dry), [("decision".to_owned(), 0, 256, "P24M".to_owned())]);
        let old = LogName::parse("decision-2027").unwrap();
        let first = Tile::parse("tile/entries/000").unwrap();
        assert!(service.log_tile(old.clone(), first).await.is_ok(), "a dry run removes nothing");
        let admin = covered(&service, "admin").await;
        let done = service.prune(false).await.unwrap();
        assert_eq!((of(&done), done.private.clone()), (of(&dry), dry.private.clone()));
        assert_eq!(of(&service.prune(false).await.unwrap()), []);

        assert_eq!(service.log_minimum(old.clone()).await, Ok(256));
        assert_eq!(service.log_minimum(log("decision")).await, Ok(0));
        for gone in ["tile/entries/000", "tile/0/000"] {
            let tile = Tile::parse(gone).unwrap();
            assert_eq!(service.log_tile(old.clone(), tile).await, Err(Refusal::NotFound), "{gone}");
        }
        for kept in ["tile/entries/001", "tile/0/001", "tile/1/000.p/2"] {
            let tile = Tile::parse(kept).unwrap();
            assert!(service.log_tile(old.clone(), tile).await.is_ok(), "{kept}");
        }
        // Checkpoints still prove that the log only grew.
        let key = [VerifierKey::parse(&service.log_vkey(old.clone()).await.unwrap()).unwrap()];
        let (early, late) = (Checkpoint::open(&early, &key).unwrap(), Checkpoint::open(&late, &key).unwrap());
        let (note, proof) = service.log_consistency(old.clone(), 300).await.unwrap();
        assert_eq!(Checkpoint::open(&note, &key).unwrap(), late);
        verify_consistency(early.size, late.size, &proof, &early.root, &late.root).unwrap();
        assert!(service.log_consistency(old.clone(), 256).await.is_ok());
        assert_eq!(service.log_consistency(old, 100).await, Err(Refusal::NotFound));
        // What is left can be exported, and verifies with the key of that year.
        let wanted = RequestExport {
            log: LogName::parse("decision-2027").unwrap(),
            from: None,
            to: None,
            format: ExportFormat::Ndjson,
            openings: false,
            reason: Personal::new("audit 2029".to_owned()),
        };
        let plan = service.request_export(&service.operator().unwrap(), wanted).await.unwrap().plan;
        assert_eq!(plan.entries(), 344);
        let bundle = service.write_export(&plan, Vec::new(), &|_| {}).unwrap();
        let key = service.log_vkey(LogName::parse("decision-2027").unwrap()).await.unwrap();
        verified(tempfile::tempdir().unwrap().path(), &bundle, &key).unwrap();
        // The policy and what it did are in the log.
        until_covered(&service, "admin", admin + 2).await;
        let lines = verify_served(&service, "admin").await.lines;
        let pruned = lines.iter().map(|line| Leaf::parse(line).unwrap()).find(|leaf| leaf.kind.as_str() == "log.pruned");
        let pruned = pruned.unwrap();
        let fact = |wanted: &str| {
            let found = pruned.extra.iter().find(|(name, _)| name.as_str() == wanted);
            found.map(|(_, fact)| fact.as_ref().to_owned()).unwrap()
        };
        assert_eq!((fact("from"), fact("to"), fact("retention")), ("0".into(), "256".into(), "P24M".into()));
        // And the service goes on.
        decide(&service, 3).await;
        until_covered(&service, "decision", 4).await;
        service.stop();
        drop(service);
        let service = node(&storage, &world, "one");
        assert!(service.ready().await.ready);
        service.stop();
    }
}
