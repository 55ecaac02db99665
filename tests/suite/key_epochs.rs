//! Key epochs turn while nodes work; a turn that was killed is finished by the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use akkoord::world::RealWorld;
use serde_json::json;

use crate::support::app::{Node, Setup, notice, question, registration, word};
use crate::support::client::Client;
use crate::support::engine::TestStorage;
use crate::support::program::{Running, akkoord, run};
use crate::support::rows::Rows;
use crate::support::serving::{Installation, Serving};

async fn works(mut client: Client, from: usize, stop: Arc<AtomicBool>) -> Vec<String> {
    let version = notice(&mut client).await;
    let mut people = Vec::new();
    while !stop.load(Ordering::Relaxed) || people.len() < 20 {
        let number = (from + people.len()).to_string();
        client
            .post("/v1/people", &registration(&number))
            .await
            .expect(201);
        client
            .post("/v1/consents", &word(&number, "given", version))
            .await
            .expect(201);
        people.push(number);
        for known in [people.first(), people.last()].into_iter().flatten() {
            let answer = client.post("/v1/decisions", &question(known)).await.expect(200);
            assert_eq!(answer["decision"], "permit", "{answer}");
        }
    }
    people
}

both_engines! {
    async fn two_nodes_work_on_while_epochs_turn(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(RealWorld);
        let node = |name| Setup { node: name, ..Setup::default() };
        let (a, b) = (Node::start(storage.url(), &world, &node("node-a")), Node::start(storage.url(), &world, &node("node-b")));
        let stop = Arc::new(AtomicBool::new(false));
        let workers = [
            actix_web::rt::spawn(works(a.client("crm", "crm-a").await, 20_000_000, Arc::clone(&stop))),
            // This node hears of a new epoch only by what it meets.
            actix_web::rt::spawn(works(b.client("crm", "crm-b").await, 30_000_000, Arc::clone(&stop))),
        ];
        for epoch in 2..5_u64 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let service = a.service.clone();
            let turned = tokio::task::spawn_blocking(move || service.turn_epoch(&service.operator().unwrap(), false));
            let turned = turned.await.unwrap().unwrap();
            assert_eq!((turned.epoch, turned.destroyed.as_slice(), turned.unreadable), (epoch, &[epoch - 1][..], 0));
        }
        stop.store(true, Ordering::Relaxed);
        let (mut on_a, mut on_b) = (a.client("crm", "look-a").await, b.client("crm", "look-b").await);
        for worker in workers {
            for number in worker.await.unwrap() {
                for client in [&mut on_a, &mut on_b] {
                    let answer = client.post("/v1/decisions", &question(&number)).await.expect(200);
                    assert_eq!(answer["decision"], "permit", "{answer}");
                }
            }
        }
        let mut rows = Rows::open(storage.url());
        assert_eq!(rows.count_of("keystore.person_key", "epoch < 4"), 0);
        assert_eq!(rows.count_of("keystore.epoch_key", "epoch < 4 AND wrapped IS NULL AND destroyed_at IS NOT NULL"), 3);
        assert_eq!(rows.count_of("keystore.epoch_key", "wrapped IS NOT NULL"), 1);
        a.stop().await;
        b.stop().await;
    }

    fn a_turn_that_is_killed_is_finished_by_the_next(engine) {
        let storage = TestStorage::new(engine);
        let installation = Installation::new(storage.url(), storage.directory(), 1, "queue = 4096");
        let Serving { mut program, address } = installation.start();
        let people: Vec<String> = (0..1_500).map(|n| (40_000_000 + n).to_string()).collect();
        let decided = actix_web::rt::System::new().block_on(async {
            let mut client = installation.client(0, address);
            for number in &people {
                client.post("/v1/people", &registration(number)).await.expect(201);
            }
            client.post("/v1/decisions", &question(&people[0])).await.expect(200)
        });
        assert_eq!(decided["reasons"][0]["code"], "deny-no-consent");
        let configuration = installation.configuration();
        let turn = ["keys", "turn-epoch", "--config", configuration];
        for milliseconds in [120, 250, 400, 600] {
            let mut running = Running::start(akkoord(&turn));
            std::thread::sleep(Duration::from_millis(milliseconds)); // not a wait: a moment to die at
            running.signal("KILL");
            running.ended(Duration::from_secs(20));
        }
        let finished = run(&turn);
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        let mut rows = Rows::open(storage.url());
        assert_eq!(rows.count_of("keystore.epoch_key", "wrapped IS NOT NULL"), 1);
        // The node that served all the while reads everybody, and so does one that starts now.
        let denied = json!("deny-no-consent");
        actix_web::rt::System::new().block_on(async {
            let mut client = installation.client(0, address);
            for number in &people {
                let answer = client.post("/v1/decisions", &question(number)).await.expect(200);
                assert_eq!(answer["reasons"][0]["code"], denied);
            }
        });
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(30)), Some(0), "{}", program.complained());
        let Serving { program: mut again, address } = installation.start();
        actix_web::rt::System::new().block_on(async {
            let mut client = installation.client(0, address);
            for number in people.iter().step_by(50) {
                let answer = client.post("/v1/decisions", &question(number)).await.expect(200);
                assert_eq!(answer["reasons"][0]["code"], denied);
            }
        });
        again.signal("TERM");
        again.ended(Duration::from_secs(30));
    }
}
