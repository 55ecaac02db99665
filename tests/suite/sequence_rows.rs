//! Putting batches in order, by hand: crashes after each step, leaders that are paused and resumed, and databases that
//! were rolled back. Each test ends with a verifier that trusts nothing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use akkoord::audit::bundle;
use akkoord::audit::checkpoint::Checkpoint;
use akkoord::audit::leaf::{Leaf, leaf_hash};
use akkoord::crypto::{Secret32, SigningKey};
use akkoord::domain::moment::Moment;
use akkoord::outward::checkpoint_file::CheckpointFiles;
use akkoord::service::sequence::{
    ContradictionKind, KeepCheckpoints, LogKeys, Naming, Pace, Passed, Reopen, SequenceError, Sequencer,
    SequencerOptions, Step, open_origins, reopen,
};
use akkoord::store::{AuditBatch, LogState, Store};
use akkoord::world::TurnedWorld;

use crate::support::engine::{Engine, TestStorage};
use crate::support::log::{verify_lines, verify_rows};
use crate::support::store::{NOW, open};

const LOG: &str = "consent";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(Secret32::from_bytes([seed; 32])).unwrap()
}

fn keys() -> Arc<LogKeys> {
    Arc::new(
        [(LOG.to_owned(), key(1)), ("decision".to_owned(), key(2))]
            .into_iter()
            .collect(),
    )
}

fn naming() -> Naming {
    Naming::new("https://akkoord.example", "wise")
}

/// A database with its logs, and a place for checkpoints.
struct House {
    store: Store,
    files: CheckpointFiles,
    world: Arc<TurnedWorld>,
    storage: TestStorage,
}

fn house(engine: Engine) -> House {
    let storage = TestStorage::new(engine);
    let store = open(&storage);
    open_origins(&store, &keys(), &naming(), NOW).unwrap();
    open_origins(&store, &keys(), &naming(), NOW).unwrap();
    House {
        files: CheckpointFiles::open(&storage.directory().join("checkpoints")).unwrap(),
        world: Arc::new(TurnedWorld::starting(NOW)),
        store,
        storage,
    }
}

impl House {
    fn options(&self, name: &str) -> SequencerOptions {
        SequencerOptions {
            store: self.store.clone(),
            keys: keys(),
            outside: Some(Arc::new(self.files.clone())),
            world: self.world.clone(),
            node: name.to_owned(),
            pace: Pace::default(),
            stop_after: None,
        }
    }

    fn sequencer(&self, name: &str) -> Sequencer {
        Sequencer::new(self.options(name))
    }

    /// One that takes over at once from a leader that has not finished.
    fn impatient(&self, name: &str) -> Sequencer {
        let pace = Pace {
            patience: Duration::ZERO,
            ..Pace::default()
        };
        Sequencer::new(SequencerOptions {
            pace,
            ..self.options(name)
        })
    }

    fn write(&self, batches: &[AuditBatch]) {
        self.store
            .change("write", |tx| {
                batches.iter().try_for_each(|batch| tx.append_audit(batch, &[]))
            })
            .unwrap();
    }

    fn queued(&self) -> Vec<String> {
        self.store.read("read", |tx| tx.queued_logs()).unwrap()
    }

    fn kept(&self) -> Vec<String> {
        self.files.kept().unwrap()
    }
}

/// `n` entries of a node, all different from any other.
fn batch(node: &str, seq: u64, n: u32) -> AuditBatch {
    batch_at(node, seq, n, NOW.plus_seconds(seq as i64))
}

fn batch_at(node: &str, seq: u64, n: u32, created_at: Moment) -> AuditBatch {
    let lines: Vec<Vec<u8>> = (0..n)
        .map(|off| format!("{node}/{seq}/{off}").into_bytes())
        .collect();
    AuditBatch {
        log: LOG.to_owned(),
        node: node.to_owned(),
        node_seq: seq,
        n,
        leaf_hashes: lines.iter().flat_map(|line| leaf_hash(line)).collect(),
        entries: bundle::encode(lines.iter().map(Vec::as_slice)).unwrap(),
        created_at,
    }
}

/// Every entry of these batches is in the log, each once, and nothing else.
#[track_caller]
fn exactly_once(house: &House, batches: &[AuditBatch]) {
    let verified = verify_rows(&house.store, LOG);
    let mut wanted: Vec<Vec<u8>> = Vec::new();
    for batch in batches {
        wanted.extend(
            bundle::decode(&batch.entries)
                .unwrap()
                .into_iter()
                .map(<[u8]>::to_vec),
        );
    }
    let mut found = verified.lines;
    wanted.sort();
    found.sort();
    assert!(wanted == found, "{} wanted, {} found", wanted.len(), found.len());
    assert!(house.queued().is_empty());
    let kept = house.kept();
    assert!(kept.contains(&verified.note), "{kept:?}");
}

fn contradiction(ended: Result<Passed, SequenceError>) -> ContradictionKind {
    match ended {
        Err(SequenceError::Contradiction(found)) => {
            let told = found.to_string();
            assert!(told.contains("akkoord audit reopen"), "{told}");
            found.kind
        }
        other => panic!("{other:?}"),
    }
}

/// A checkpoint that was signed and that this database knows nothing of.
fn lost(origin: &str, size: u64, seed: u8) -> (Checkpoint, String) {
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size,
        root: [9; 32],
    };
    let note = checkpoint.sign(&key(seed)).unwrap();
    (checkpoint, note)
}

both_engines! {
    fn entries_get_places_and_checkpoints_vouch_for_them(engine) {
        let house = house(engine);
        let mut sequencer = house.sequencer("one");
        let first = sequencer.pass().unwrap();
        assert!(first.leading && !first.more);
        let sizes: Vec<_> = first.published.iter().map(|p| (p.log.as_str(), p.size)).collect();
        assert_eq!(sizes, [("consent", 0), ("decision", 0)], "an empty log has a checkpoint too");

        let batches = [batch("n1", 1, 1), batch("n1", 2, 300), batch("n2", 1, 256), batch("n2", 2, 2)];
        house.write(&batches);
        let passed = sequencer.pass().unwrap();
        assert_eq!((passed.published.len(), passed.published[0].size, passed.published[0].added), (1, 559, 559));
        exactly_once(&house, &batches);
        let before = verify_rows(&house.store, LOG);

        // A batch with a lower number is committed later: a set is read, never "what comes after the last".
        let late = batch_at("n1", 0, 70_000 / 100, NOW.plus_seconds(-1_000));
        house.write(std::slice::from_ref(&late));
        sequencer.pass().unwrap();
        let all = [&batches[..], &[late]].concat();
        exactly_once(&house, &all);
        let after = verify_rows(&house.store, LOG);
        let vkey = house.store.read("read", |tx| tx.audit_logs()).unwrap()[0].vkey.clone();
        let old = verify_lines(&before.note, &vkey, &after.lines[..559]);
        assert_eq!(old.size, 559, "the old checkpoint is a beginning of the new log");

        assert_eq!(sequencer.pass().unwrap().published, []);
        assert_eq!(after.checkpoint.origin, "akkoord.example/wise/consent/2027");
    }

    fn more_batches_than_one_pass_takes(engine) {
        let house = house(engine);
        let batches: Vec<_> = (0..600).map(|seq| batch("n1", seq, 3)).collect();
        house.write(&batches);
        let mut sequencer = house.sequencer("one");
        let mut passes = 1;
        while sequencer.pass().unwrap().more {
            passes += 1;
        }
        assert_eq!(passes, 3);
        exactly_once(&house, &batches);
    }

    fn a_crash_after_any_step_loses_and_repeats_nothing(engine) {
        let house = house(engine);
        let mut all = Vec::new();
        for (seq, step) in (1..).zip([Step::Sequenced, Step::Signed, Step::Kept, Step::Published]) {
            let new = batch("n1", seq, 200);
            house.write(std::slice::from_ref(&new));
            all.push(new);
            let mut crashing = Sequencer::new(SequencerOptions { stop_after: Some(step), ..house.options("one") });
            let ended = crashing.pass();
            assert!(matches!(ended, Err(SequenceError::Stopped(at)) if at == step), "{ended:?}");
            drop(crashing);
            if seq % 2 == 0 {
                let more = batch("n2", seq, 5);
                house.write(std::slice::from_ref(&more));
                all.push(more);
            }
            house.sequencer("one").pass().unwrap();
            exactly_once(&house, &all);
        }
    }

    fn a_leader_that_was_paused_changes_nothing_when_it_goes_on(engine) {
        let house = house(engine);
        let (mut first, mut second) = (house.sequencer("first"), house.impatient("second"));
        assert!(first.pass().unwrap().leading);
        let mut all = vec![batch("n1", 1, 10)];
        house.write(&all);
        if engine == Engine::Postgres {
            assert!(!house.sequencer("patient").pass().unwrap().leading, "the lock is held");
        }
        // `first` stands still; there is work, so `second` takes over.
        assert!(second.pass().unwrap().leading);
        exactly_once(&house, &all);
        all.push(batch("n1", 2, 10));
        house.write(&all[1..]);
        let resumed = first.pass().unwrap();
        assert_eq!((resumed.leading, resumed.published.len()), (false, 0));
        assert!(second.pass().unwrap().leading);
        exactly_once(&house, &all);
        // The follower has kept what the leader published.
        assert!(!first.pass().unwrap().published.iter().any(|p| p.log == LOG));
        exactly_once(&house, &all);
    }

    fn a_command_that_has_ended_does_not_keep_the_lead(engine) {
        let house = house(engine);
        let pace = Pace {
            patience: std::time::Duration::from_millis(100),
            ..Pace::default()
        };
        let mut node = Sequencer::new(SequencerOptions {
            pace,
            ..house.options("node")
        });
        assert!(node.pass().unwrap().leading);
        house.write(&[batch("n1", 1, 10)]);
        let mut command = house.impatient("command");
        assert!(command.pass().unwrap().leading);
        house.write(&[batch("n1", 2, 10)]);
        assert!(!node.pass().unwrap().leading, "the command leads");
        command.pass().unwrap();
        drop(command);
        // Nothing is written any more. On PostgreSQL the lock is free; a SQLite file is watched for a while.
        let began = std::time::Instant::now();
        while !node.pass().unwrap().leading {
            assert!(began.elapsed() < std::time::Duration::from_secs(20), "nobody leads");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn a_leader_paused_between_signing_and_publishing_does_not_publish(engine) {
        /// Another node takes over and goes ahead while this one keeps its checkpoint.
        #[derive(Debug)]
        struct Overtaken {
            files: CheckpointFiles,
            other: Mutex<Option<(Sequencer, Store, AuditBatch)>>,
        }
        impl KeepCheckpoints for Overtaken {
            fn kept(&self) -> std::io::Result<Vec<String>> {
                self.files.kept()
            }
            fn keep(&self, checkpoint: &Checkpoint, note: &str) -> std::io::Result<()> {
                let armed = (checkpoint.size > 0).then(|| self.other.lock().unwrap().take()).flatten();
                if let Some((mut other, store, batch)) = armed {
                    store.change("write", |tx| tx.append_audit(&batch, &[])).unwrap();
                    let passed = other.pass().unwrap();
                    assert_eq!((passed.leading, passed.published[0].size), (true, 25));
                }
                self.files.keep(checkpoint, note)
            }
        }
        let house = house(engine);
        house.sequencer("before").pass().unwrap();
        let all = [batch("n1", 1, 10), batch("n2", 1, 15)];
        let outside = Overtaken {
            files: house.files.clone(),
            other: Mutex::new(Some((house.impatient("second"), house.store.clone(), all[1].clone()))),
        };
        let mut first = Sequencer::new(SequencerOptions { outside: Some(Arc::new(outside)), ..house.options("first") });
        house.write(&all[..1]);
        assert!(!first.pass().unwrap().leading);
        exactly_once(&house, &all);
        let small = house.store.read("read", |tx| {
            let id = tx.audit_logs()?[0].id;
            tx.checkpoint_sizes(id)
        });
        assert_eq!(small, Ok::<_, akkoord::store::StoreError>(vec![25]), "the checkpoint of ten entries was not published");
    }

    fn leaders_that_fight_and_writers_under_way(engine) {
        let house = house(engine);
        let done = AtomicBool::new(false);
        let mut all = Vec::new();
        std::thread::scope(|scope| {
            let (done, house) = (&done, &house);
            let fighters: Vec<_> = ["a", "b"]
                .map(|name| {
                    scope.spawn(move || {
                        let mut sequencer = house.impatient(name);
                        let mut led = 0;
                        while !done.load(Ordering::SeqCst) {
                            led += usize::from(sequencer.pass().is_ok_and(|passed| !passed.published.is_empty()));
                        }
                        led
                    })
                })
                .into();
            let writers: Vec<_> = ["n1", "n2", "n3"]
                .map(|node| {
                    scope.spawn(move || {
                        let batches: Vec<_> = (0..40).map(|seq| batch(node, seq, 1 + (seq as u32 * 7) % 60)).collect();
                        for one in &batches {
                            house.write(std::slice::from_ref(one));
                        }
                        batches
                    })
                })
                .into();
            for writer in writers {
                all.extend(writer.join().unwrap());
            }
            done.store(true, Ordering::SeqCst);
            let led: Vec<usize> = fighters.into_iter().map(|fighter| fighter.join().unwrap()).collect();
            assert!(led.iter().sum::<usize>() > 0, "{led:?}");
        });
        let mut last = house.impatient("last");
        while !house.queued().is_empty() || last.pass().unwrap().published.iter().any(|p| p.added > 0) {
            last.pass().unwrap();
        }
        exactly_once(&house, &all);
    }

    fn a_database_behind_its_checkpoint_is_halted_for_every_node(engine) {
        let house = house(engine);
        house.write(&[batch("n1", 1, 10)]);
        house.sequencer("one").pass().unwrap();
        let (checkpoint, note) = lost("akkoord.example/wise/consent/2027", 11, 1);
        house.files.keep(&checkpoint, &note).unwrap();
        house.write(&[batch("n1", 2, 10)]);
        let mut sequencer = house.sequencer("one");
        assert_eq!(contradiction(sequencer.pass()), ContradictionKind::Behind);
        // A node that keeps nothing itself is told by the database.
        let mut other = Sequencer::new(SequencerOptions { outside: None, ..house.options("two") });
        assert_eq!(contradiction(other.pass()), ContradictionKind::Behind);
        assert_eq!(house.queued(), [LOG], "nothing was put in order");
    }

    fn other_entries_under_a_signed_size_are_found(engine) {
        let house = house(engine);
        house.write(&[batch("n1", 1, 300)]);
        house.sequencer("one").pass().unwrap();
        for size in [300, 299, 256, 1] {
            let other = CheckpointFiles::open(&house.storage.directory().join(format!("other-{size}"))).unwrap();
            let (checkpoint, note) = lost("akkoord.example/wise/consent/2027", size, 1);
            other.keep(&checkpoint, &note).unwrap();
            let mut sequencer = Sequencer::new(SequencerOptions { outside: Some(Arc::new(other)), ..house.options("one") });
            assert_eq!(contradiction(sequencer.pass()), ContradictionKind::Other, "{size}");
        }
    }

    fn strangers_checkpoints_are_told_from_ours(engine) {
        let house = house(engine);
        house.sequencer("one").pass().unwrap();
        // Somebody else's, in the same place.
        let (checkpoint, note) = lost("akkoord.example/other/consent/2027", 5, 9);
        house.files.keep(&checkpoint, &note).unwrap();
        house.sequencer("one").pass().unwrap();
        // Ours, of a log that this database never heard of.
        let (checkpoint, note) = lost("akkoord.example/wise/consent/2027.2", 5, 1);
        house.files.keep(&checkpoint, &note).unwrap();
        assert_eq!(contradiction(house.sequencer("one").pass()), ContradictionKind::Behind);
    }

    fn a_checkpoint_of_our_name_and_another_key(engine) {
        let house = house(engine);
        let (checkpoint, note) = lost("akkoord.example/wise/consent/2027", 5, 9);
        house.files.keep(&checkpoint, &note).unwrap();
        assert_eq!(contradiction(house.sequencer("one").pass()), ContradictionKind::Foreign);
        let rows = house.store.read("read", |tx| tx.audit_logs()).unwrap();
        assert!(rows.iter().all(|row| row.state == LogState::Open), "a matter of this node's directory");
    }

    fn a_file_that_is_no_checkpoint_stops_everything(engine) {
        let house = house(engine);
        std::fs::write(house.storage.directory().join("checkpoints/x.checkpoint"), "torn").unwrap();
        let mut sequencer = house.sequencer("one");
        let ended = sequencer.pass();
        assert!(matches!(ended, Err(SequenceError::Outside(_))), "{ended:?}");
        assert!(!sequencer.has_assessed());
    }

    fn keys_of_another_database_are_refused(engine) {
        let house = house(engine);
        let others: LogKeys = [(LOG.to_owned(), key(7))].into_iter().collect();
        let ended = open_origins(&house.store, &others, &naming(), NOW);
        assert!(matches!(ended, Err(SequenceError::Key { .. })), "{ended:?}");
    }

    fn a_log_goes_on_under_a_new_origin_that_quotes_the_old(engine) {
        let house = house(engine);
        let before = [batch("n1", 1, 10)];
        house.write(&before);
        house.sequencer("one").pass().unwrap();
        let reopening = || {
            reopen(&Reopen {
                store: &house.store,
                keys: &keys(),
                outside: Some(Arc::new(house.files.clone())),
                naming: &naming(),
                world: &*house.world,
                node: "one",
                policy_version: "2027-01-01.1",
            })
        };
        assert_eq!(reopening().unwrap(), [], "there is nothing to accept");

        let (checkpoint, note) = lost("akkoord.example/wise/consent/2027", 12, 1);
        house.files.keep(&checkpoint, &note).unwrap();
        let waiting = batch("n1", 2, 3);
        house.write(std::slice::from_ref(&waiting));
        let mut running = house.sequencer("one");
        contradiction(running.pass());

        let reopened = reopening().unwrap();
        assert_eq!(reopened.len(), 1);
        assert_eq!((reopened[0].found, reopened[0].kept), (10, 12));
        assert_eq!(reopened[0].opened, "akkoord.example/wise/consent/2027.2");
        assert_eq!(reopening().unwrap(), [], "the second time there is nothing to do");

        // A node that was running goes on by itself.
        assert!(running.pass().unwrap().leading);
        let verified = verify_rows(&house.store, LOG);
        assert_eq!((verified.checkpoint.origin.as_str(), verified.checkpoint.size), ("akkoord.example/wise/consent/2027.2", 4));
        let first = Leaf::parse(&verified.lines[0]).unwrap();
        assert_eq!(first.kind.as_str(), "log.reopened");
        let quoted = first.extra.iter().find(|(name, _)| name.as_str() == "checkpoint").unwrap().1;
        assert_eq!(*quoted, note);
        assert_eq!(verified.lines[1..], bundle::decode(&waiting.entries).unwrap().into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
        house.sequencer("again").pass().unwrap();

        // Rolled back to before that: the new origin is missed, and the next one has a third name.
        let (checkpoint, note) = lost("akkoord.example/wise/consent/2027.3", 1, 1);
        house.files.keep(&checkpoint, &note).unwrap();
        contradiction(house.sequencer("one").pass());
        assert_eq!(reopening().unwrap()[0].opened, "akkoord.example/wise/consent/2027.4");
        assert!(running.pass().unwrap().leading);
        assert_eq!(verify_rows(&house.store, LOG).checkpoint.size, 1);
    }

    fn a_clock_that_steps_back_changes_nothing(engine) {
        let house = house(engine);
        let mut sequencer = house.sequencer("one");
        let mut all = Vec::new();
        for seq in 0..5 {
            let now = NOW.plus_seconds(-1_000 * seq as i64);
            house.world.turn_to(now);
            all.push(batch_at("n1", seq, 4, now));
            house.write(&all[all.len() - 1..]);
            sequencer.pass().unwrap();
            exactly_once(&house, &all);
        }
    }
}

#[test]
fn the_place_may_not_be_writable_for_a_while() {
    let house = house(Engine::Sqlite);
    let mut sequencer = house.sequencer("one");
    sequencer.pass().unwrap();
    let place: &Path = &house.storage.directory().join("checkpoints");
    let away = house.storage.directory().join("away");
    std::fs::rename(place, &away).unwrap();
    let all = [batch("n1", 1, 5)];
    house.write(&all);
    assert!(matches!(sequencer.pass(), Err(SequenceError::Outside(_))));
    assert_eq!(
        verify_rows(&house.store, LOG).checkpoint.size,
        0,
        "what is not kept outside is not published"
    );
    std::fs::rename(&away, place).unwrap();
    sequencer.pass().unwrap();
    exactly_once(&house, &all);
}
