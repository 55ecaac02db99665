//! The first promise: once a withdrawal is acknowledged, every check that begins later denies; on each engine, on one
//! node and on two, with 64 callers at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use akkoord::world::RealWorld;
use futures_util::future::join_all;

use crate::support::app::{Node, Setup, notice, question, registration, word};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};

const CALLERS: u64 = 64;
/// 64 × 157 = 10,048 withdrawals, each followed at once by a check.
const ROUNDS: u64 = 157;

/// One thing that was asked and acknowledged, with a clock that all callers share.
#[derive(Debug, Clone, Copy)]
struct Operation {
    person: u64,
    what: What,
    invoked: u64,
    answered: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Grant,
    Withdraw,
    Permit,
    Deny,
}

/// The permits that have no point between request and answer at which the last word was a grant: a withdrawal was
/// acknowledged before the request, and every grant that could come after that withdrawal had not begun when the permit
/// was answered. Denying is always allowed (one-sided linearizability).
fn violations(history: &[Operation]) -> Vec<Operation> {
    let mut people: HashMap<u64, Vec<Operation>> = HashMap::new();
    for operation in history {
        people.entry(operation.person).or_default().push(*operation);
    }
    let forbidden = |operations: &[Operation], permit: &Operation| {
        let words = |what| operations.iter().filter(move |operation| operation.what == what);
        words(What::Withdraw).any(|withdrawal| {
            withdrawal.answered < permit.invoked
                && !words(What::Grant)
                    .any(|grant| grant.answered > withdrawal.invoked && grant.invoked < permit.answered)
        })
    };
    let of_one = |operations: &Vec<Operation>| -> Vec<Operation> {
        let permits = operations
            .iter()
            .filter(|operation| operation.what == What::Permit);
        permits
            .filter(|permit| forbidden(operations, permit))
            .copied()
            .collect()
    };
    people.values().flat_map(of_one).collect()
}

/// One caller with people of its own: words go to one node, checks to another, which may be the same.
struct Caller {
    number: u64,
    writes: Client,
    checks: Client,
    clock: Arc<AtomicU64>,
    history: Vec<Operation>,
    /// Weakens the caller, to prove that the test can fail: it remembers permits instead of asking again.
    stale: bool,
    remembered: Option<What>,
}

impl Caller {
    /// A new person for every round, so that histories stay short and every round begins with a first word.
    async fn run(mut self, rounds: u64, notice: u64) -> Vec<Operation> {
        for round in 0..rounds {
            let person = 30_000_000_000 + self.number * 100_000 + round / 8;
            let number = person.to_string();
            if round % 8 == 0 {
                let registered = self.writes.post("/v1/people", &registration(&number)).await;
                registered.expect(201);
                self.remembered = None;
            }
            self.say(person, What::Grant, "given", notice).await;
            if round % 4 == 0 {
                let before = self.check(person).await;
                assert_eq!(before, What::Permit, "a consent that was acknowledged permits");
            }
            self.say(person, What::Withdraw, "withdrawn", notice).await;
            self.check(person).await;
        }
        self.history
    }

    async fn say(&mut self, person: u64, what: What, status: &str, notice: u64) {
        let invoked = self.tick();
        let body = word(&person.to_string(), status, notice);
        self.writes.post("/v1/consents", &body).await.expect(201);
        self.note(person, what, invoked);
    }

    async fn check(&mut self, person: u64) -> What {
        let invoked = self.tick();
        let what = match self.remembered {
            Some(remembered) => remembered,
            None => {
                let answer = self
                    .checks
                    .post("/v1/decisions", &question(&person.to_string()))
                    .await;
                match answer.expect(200)["decision"].as_str() {
                    Some("permit") => What::Permit,
                    Some("deny") => What::Deny,
                    other => panic!("{other:?}"),
                }
            }
        };
        self.note(person, what, invoked);
        if self.stale {
            self.remembered = Some(what);
        }
        what
    }

    fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    fn note(&mut self, person: u64, what: What, invoked: u64) {
        let answered = self.tick();
        self.history.push(Operation {
            person,
            what,
            invoked,
            answered,
        });
    }
}

/// Runs all callers at once; the history of everything they did.
async fn run(nodes: &[&Node], callers: u64, rounds: u64, stale: bool) -> Vec<Operation> {
    let clock = Arc::new(AtomicU64::new(0));
    let first = nodes.first().unwrap();
    let mut ready = Vec::new();
    for number in 0..callers {
        let client = first.client("crm", &format!("crm-{number}")).await;
        let node = |n: u64| nodes[usize::try_from(n).unwrap() % nodes.len()].address;
        ready.push(Caller {
            number,
            // With two nodes each caller withdraws on one and checks on the other, half of them the other way round.
            writes: client.at(node(number)),
            checks: client.at(node(number + 1)),
            clock: Arc::clone(&clock),
            history: Vec::new(),
            stale,
            remembered: None,
        });
    }
    let mut any = ready.first().unwrap().checks.at(first.address);
    let notice = notice(&mut any).await;
    let running = ready
        .into_iter()
        .map(|caller| tokio::task::spawn_local(caller.run(rounds, notice)));
    let histories = join_all(running).await;
    histories.into_iter().flat_map(Result::unwrap).collect()
}

fn count(history: &[Operation], what: What) -> usize {
    history.iter().filter(|operation| operation.what == what).count()
}

async fn ten_thousand_withdrawals(storage: &TestStorage, names: &[&'static str]) {
    let world = Arc::new(RealWorld);
    let started = |node: &&'static str| {
        let setup = Setup {
            node,
            ..Setup::default()
        };
        Node::start(storage.url(), &world, &setup)
    };
    let nodes: Vec<Node> = names.iter().map(started).collect();
    let began = Instant::now();
    let history = run(&nodes.iter().collect::<Vec<_>>(), CALLERS, ROUNDS, false).await;
    println!(
        "{} withdrawals on {:?} with {} nodes in {:.1} s",
        count(&history, What::Withdraw),
        storage.engine(),
        nodes.len(),
        began.elapsed().as_secs_f64()
    );
    assert_eq!(
        violations(&history).len(),
        0,
        "{:?}",
        violations(&history).first()
    );
    let each = usize::try_from(CALLERS * ROUNDS).unwrap();
    assert!(each >= 10_000);
    assert_eq!(count(&history, What::Withdraw), each);
    assert_eq!(count(&history, What::Deny), each);
    assert!(count(&history, What::Permit) >= each / 4);
    for node in nodes {
        node.stop().await;
    }
}

both_engines! {
    async fn withdrawn_is_withdrawn_ten_thousand_times(engine) {
        ten_thousand_withdrawals(&TestStorage::new(engine), &["here"]).await;
    }

    async fn a_reader_that_remembers_permits_is_caught(engine) {
        let storage = TestStorage::new(engine);
        let node = Node::start(storage.url(), &Arc::new(RealWorld), &Setup::default());
        let history = run(&[&node], 2, 3, true).await;
        // The same caller as above, but with a memory: every check after a withdrawal is a violation.
        assert_eq!(violations(&history).len(), 6, "{history:?}");
        node.stop().await;
    }
}

#[test]
fn withdrawn_on_one_node_is_withdrawn_on_the_other_ten_thousand_times() {
    let storage = TestStorage::new(Engine::Postgres);
    actix_web::rt::System::new().block_on(ten_thousand_withdrawals(&storage, &["here", "there"]));
}

#[test]
fn the_checker_knows_what_is_forbidden_and_what_is_not() {
    let operation = |what, invoked, answered| Operation {
        person: 1,
        what,
        invoked,
        answered,
    };
    let grant = operation(What::Grant, 0, 1);
    let withdrawal = operation(What::Withdraw, 4, 5);
    let forbidden = |more: &[Operation]| {
        let history: Vec<_> = [grant, withdrawal].iter().chain(more).copied().collect();
        violations(&history).len()
    };
    assert_eq!(
        forbidden(&[operation(What::Permit, 2, 3)]),
        0,
        "before the withdrawal"
    );
    assert_eq!(
        forbidden(&[operation(What::Permit, 2, 7)]),
        0,
        "begun before it was acknowledged"
    );
    assert_eq!(
        forbidden(&[operation(What::Permit, 6, 7)]),
        1,
        "begun after it was acknowledged"
    );
    assert_eq!(
        forbidden(&[operation(What::Deny, 6, 7)]),
        0,
        "denying is always allowed"
    );
    let again = operation(What::Grant, 8, 9);
    assert_eq!(
        forbidden(&[again, operation(What::Permit, 6, 7)]),
        1,
        "a grant that came too late"
    );
    assert_eq!(
        forbidden(&[again, operation(What::Permit, 6, 10)]),
        0,
        "a grant while it was asked"
    );
    let other = Operation {
        person: 2,
        ..operation(What::Permit, 6, 7)
    };
    assert_eq!(forbidden(&[other]), 0, "somebody else");
}
