//! Erasures are carried out once and whole, also when the program is killed while it carries them out.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::app::{LIBRARY, member, notice, question, registration, word};
use crate::support::engine::TestStorage;
use crate::support::log::verify_all;
use crate::support::rows::Rows;
use crate::support::serving::{Installation, Serving};

/// How many people are erased.
const PEOPLE: usize = 12;
/// When the program is killed, after its start: the chore is first done five seconds after it.
const KILLED_AFTER: [u64; 5] = [5_020, 5_060, 5_120, 5_200, 5_400];

both_engines! {
    fn a_program_that_is_killed_while_it_erases_goes_on_where_it_was(engine) {
        let storage = TestStorage::new(engine);
        let installation = Installation::new(storage.url(), storage.directory(), 2, "queue = 4096");
        let Serving { mut program, address } = installation.start();
        let mut started = Instant::now();
        let erasures = actix_web::rt::System::new().block_on(async {
            let (mut one, mut two) = (installation.client(0, address), installation.client(1, address));
            let version = notice(&mut one).await;
            let mut erasures = Vec::new();
            for number in (0..PEOPLE).map(|n| (50_000_000 + n).to_string()) {
                one.post("/v1/people", &registration(&number)).await.expect(201);
                one.post("/v1/consents", &word(&number, "given", version)).await.expect(201);
                one.post("/v1/decisions", &question(&number)).await.expect(200);
                let proposal = json!({ "person": member(&number), "organisation": LIBRARY, "ground": "17-1-b", "officer": "one" });
                let proposed = one.post("/v1/erasures", &proposal).await.expect(201);
                erasures.push(format!("/v1/erasures/{}", proposed["id"].as_str().unwrap()));
            }
            for path in &erasures {
                two.post(&format!("{path}/approvals"), &json!({ "officer": "two" })).await.expect(201);
            }
            erasures
        });
        // From ten seconds after the approval on they are due.
        std::thread::sleep(Duration::from_secs(10).saturating_sub(started.elapsed()));
        for milliseconds in KILLED_AFTER {
            program.signal("KILL");
            program.ended(Duration::from_secs(20));
            program = installation.start().program;
            started = Instant::now();
            std::thread::sleep(Duration::from_millis(milliseconds).saturating_sub(started.elapsed())); // a moment to die at
        }
        program.signal("KILL");
        program.ended(Duration::from_secs(20));
        let Serving { mut program, address } = installation.start();
        let until = Instant::now() + Duration::from_secs(60);
        actix_web::rt::System::new().block_on(async {
            let mut client = installation.client(0, address);
            for path in &erasures {
                loop {
                    let erasure = client.get(path).await.expect(200);
                    if erasure["state"] == "erased" {
                        assert_eq!(erasure["tasks"].as_array().unwrap().len(), 1, "{erasure}");
                        break;
                    }
                    assert!(Instant::now() < until, "{erasure}");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        });
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(30)), Some(0), "{}", program.complained());
        let mut rows = Rows::open(storage.url());
        let all = i64::try_from(PEOPLE).unwrap();
        assert_eq!(rows.count_of("erasure_entry", "kind = 'erasure.key-deleted'"), all);
        assert_eq!(rows.count_of("person", "state = 'erased'"), all);
        for table in ["person_record", "person_identifier", "consent_event", "audit_private", "idempotency", "keystore.person_key"] {
            assert_eq!(rows.count_of(table, "person_id IN (SELECT person_id FROM erasure)"), 0, "{table}");
        }
        drop(rows);
        verify_all(&storage);
    }
}
