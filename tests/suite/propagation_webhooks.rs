//! Webhooks against real receivers on loopback: signed, at least once, in order per person, and to nobody they must not
//! go to; receivers that are down, slow, refuse, redirect, are gone, or never end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use akkoord::outward::webhook::{WebhookClient, WebhookSettings};
use akkoord::service::propagate::{PropagationOptions, Tempo};
use akkoord::world::RealWorld;
use serde_json::{Value, json};

use crate::support::app::{LIBRARY, Node, Setup, notice, registration, word};
use crate::support::client::Client;
use crate::support::engine::{Engine, TestStorage};
use crate::support::receiver::{Got, Receiver, Reply};

/// Fast enough for a test.
pub fn tempo() -> Tempo {
    Tempo {
        poll: Duration::from_millis(50),
        first_retry: Duration::from_millis(100),
        longest_retry: Duration::from_millis(400),
        first_rest: Duration::from_millis(100),
        longest_rest: Duration::from_millis(400),
        lease: Duration::from_secs(2),
        ..Tempo::default()
    }
}

/// Begins to tell, over loopback unless told otherwise.
pub fn tell(node: &Node, tempo: Tempo, allow_private: bool) {
    let settings = WebhookSettings {
        allow_private,
        timeout: Duration::from_secs(1),
    };
    let options = PropagationOptions {
        sender: Arc::new(WebhookClient::new(settings).unwrap()),
        tempo,
    };
    node.service.start_propagation(options).unwrap();
}

/// A node that tells, and a client of the CRM.
pub struct Telling {
    pub node: Node,
    pub client: Client,
    pub notice: u64,
    pub storage: TestStorage,
}

impl Telling {
    pub async fn start(engine: Engine) -> Telling {
        Telling::with(engine, tempo()).await
    }

    pub async fn with(engine: Engine, tempo: Tempo) -> Telling {
        let storage = TestStorage::new(engine);
        let node = Node::start(storage.url(), &Arc::new(RealWorld), &Setup::default());
        tell(&node, tempo, true);
        let mut client = node.client("crm", "crm-1").await;
        let notice = notice(&mut client).await;
        Telling {
            node,
            client,
            notice,
            storage,
        }
    }

    /// A receiver of the CRM: its id and its secret.
    pub async fn subscribe(&mut self, url: &str) -> (String, String) {
        let body = json!({"url": url});
        let added = self.client.post("/v1/webhook-endpoints", &body).await.expect(201);
        let text = |name: &str| added[name].as_str().unwrap().to_owned();
        (text("id"), text("secret"))
    }

    /// A new member; the CRM's id.
    pub async fn register(&mut self, number: &str) -> String {
        let answer = self.client.post("/v1/people", &registration(number)).await;
        answer.expect(201)["personId"].as_str().unwrap().to_owned()
    }

    pub async fn say(&mut self, number: &str, status: &str) {
        let body = word(number, status, self.notice);
        self.client.post("/v1/consents", &body).await.expect(201);
    }

    pub async fn deliveries(&mut self, id: &str, state: &str) -> Vec<Value> {
        let path = format!("/v1/webhook-endpoints/{id}/deliveries?state={state}");
        let page = self.client.get(&path).await.expect(200);
        page["items"].as_array().unwrap().clone()
    }

    pub async fn endpoint(&mut self, id: &str) -> Value {
        let path = format!("/v1/webhook-endpoints/{id}");
        self.client.get(&path).await.expect(200)
    }

    /// Waits until so many deliveries are in a state.
    pub async fn until(&mut self, id: &str, state: &str, count: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let found = self.deliveries(id, state).await;
            if found.len() == count {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{state}: {found:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// First arrivals of each message that was taken, by person: each id once, in order of places.
pub fn in_order(got: &[Got]) -> BTreeMap<String, Vec<String>> {
    let (mut seen, mut places) = (BTreeSet::new(), BTreeMap::<String, String>::new());
    let mut kinds = BTreeMap::<String, Vec<String>>::new();
    for one in got.iter().filter(|one| (200..300).contains(&one.status)) {
        if !seen.insert(one.id().to_owned()) {
            continue;
        }
        let place = one.event()["sequence"].as_str().unwrap().to_owned();
        let before = places.insert(one.person(), place.clone());
        assert!(
            before.is_none_or(|before| before < place),
            "out of order: {one:?}"
        );
        kinds.entry(one.person()).or_default().push(one.kind());
    }
    kinds
}

const PATIENCE: Duration = Duration::from_secs(30);

both_engines! {
    async fn a_message_is_thin_signed_and_the_systems_own(engine) {
        let mut telling = Telling::start(engine).await;
        let (ours, theirs) = (Receiver::start(), Receiver::start());
        let (id, secret) = telling.subscribe(&ours.url()).await;
        let mut mailer = telling.node.client("mailer", "mailer-1").await;
        mailer.post("/v1/webhook-endpoints", &json!({"url": theirs.url()})).await.expect(201);

        let person = telling.register("2000000001").await;
        telling.say("2000000001", "given").await;
        telling.say("2000000001", "withdrawn").await;
        let got = ours.wait_for(2);
        let [given, withdrawn] = got.as_slice() else { panic!("two messages: {got:#?}") };
        assert_eq!((given.kind(), withdrawn.kind()), ("consent-given".into(), "consent-withdrawn".into()));
        assert_eq!(withdrawn.path, "/hook");
        assert!(withdrawn.header("content-type").starts_with("application/cloudevents+json"));
        assert_eq!(withdrawn.signed_by(&secret), 1);
        let event = withdrawn.event();
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["id"], withdrawn.id());
        assert_eq!(event["source"], "https://akkoord.example");
        assert_eq!(event["type"], "nl.akkoord.consent-withdrawn.v1");
        assert_eq!(event["subject"], person);
        assert_eq!(event["data"], json!({"personId": person, "organisation": LIBRARY, "purpose": "newsletter"}));
        assert!(event["sequence"].as_str() > given.event()["sequence"].as_str());
        // Nothing that the library knows the member by.
        assert!(!String::from_utf8_lossy(&withdrawn.raw).contains("2000000001"));

        // The mailer hears of the same person and the same event by ids of its own.
        let other = theirs.wait_for(2);
        let them = |of: &[Got]| of.iter().flat_map(|one| [one.id().to_owned(), one.person()]).collect::<BTreeSet<_>>();
        assert!(them(&got).is_disjoint(&them(&other)));

        let delivered = telling.until(&id, "delivered", 2).await;
        assert_eq!(delivered[0]["id"], withdrawn.id());
        assert_eq!(delivered[0]["status"], 204);
        assert_eq!(delivered[0]["attempts"], 1);
        telling.node.stop().await;
    }

    async fn a_receiver_that_fails_gets_everything_later_in_order(engine) {
        let mut telling = Telling::start(engine).await;
        let receiver = Receiver::start();
        let tries = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&tries);
        // Every kind of failure in turn, the slow one for longer than is waited for.
        receiver.answer(move |_| match count.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::status(500),
            1 => Reply { delay: Duration::from_secs(3), ..Reply::status(204) },
            2 => Reply { headers: "Retry-After: 1\r\n".to_owned(), ..Reply::status(503) },
            3..12 => Reply::status(502),
            _ => Reply::status(204),
        });
        let (id, _) = telling.subscribe(&receiver.url()).await;
        let mut people = Vec::new();
        for number in 0..6 {
            let number = format!("200000001{number}");
            people.push(telling.register(&number).await);
            for status in ["given", "withdrawn", "given", "withdrawn"] {
                telling.say(&number, status).await;
            }
        }
        telling.until(&id, "delivered", 24).await;
        let got = receiver.got();
        let told = in_order(&got);
        for person in &people {
            let kinds: Vec<&str> = told[person].iter().map(String::as_str).collect();
            assert_eq!(kinds, ["consent-given", "consent-withdrawn", "consent-given", "consent-withdrawn"]);
        }
        // What failed came again under the same id.
        let failed: BTreeSet<&str> = got.iter().filter(|one| one.status >= 500).map(Got::id).collect();
        let taken: BTreeSet<&str> = got.iter().filter(|one| one.status == 204).map(Got::id).collect();
        assert!(!failed.is_empty() && failed.is_subset(&taken));
        let endpoint = telling.endpoint(&id).await;
        assert_eq!((&endpoint["state"], &endpoint["failures"]), (&json!("active"), &json!(0)));
        telling.node.stop().await;
    }

    async fn the_next_message_of_a_person_waits_and_other_people_do_not(engine) {
        let mut telling = Telling::with(engine, Tempo { down_after: 1_000, ..tempo() }).await;
        let receiver = Receiver::start();
        let stuck = telling.register("2000000020").await;
        let person = stuck.clone();
        receiver.answer(move |got| Reply::status(if got.person() == person { 500 } else { 200 }));
        let (id, _) = telling.subscribe(&receiver.url()).await;
        let free = telling.register("2000000021").await;
        for status in ["given", "withdrawn"] {
            telling.say("2000000020", status).await;
            telling.say("2000000021", status).await;
        }
        telling.until(&id, "delivered", 2).await;
        receiver.wait(PATIENCE, |got| got.iter().filter(|one| one.status == 500).count() >= 4);
        let refused: BTreeSet<String> = receiver.got().iter().filter(|one| one.status == 500).map(Got::kind).collect();
        assert_eq!(refused, BTreeSet::from(["consent-given".to_owned()]), "the second one was tried before the first");
        receiver.answer_always(200);
        telling.until(&id, "delivered", 4).await;
        let told = in_order(&receiver.got());
        assert_eq!(told[&stuck], ["consent-given", "consent-withdrawn"]);
        assert_eq!(told[&free], ["consent-given", "consent-withdrawn"]);
        telling.node.stop().await;
    }

    async fn a_receiver_that_is_gone_is_disabled_until_its_system_says_otherwise(engine) {
        let mut telling = Telling::start(engine).await;
        let receiver = Receiver::start();
        receiver.answer_always(410);
        let (id, _) = telling.subscribe(&receiver.url()).await;
        telling.register("2000000030").await;
        telling.say("2000000030", "given").await;
        let dead = telling.until(&id, "dead", 1).await;
        assert_eq!((&dead[0]["status"], &dead[0]["attempts"]), (&json!(410), &json!(1)));
        let endpoint = telling.endpoint(&id).await;
        assert_eq!(endpoint["state"], "disabled");
        assert_eq!(endpoint["reason"], "the receiver answered 410");
        // Nothing is kept for it meanwhile: the feed has it.
        telling.say("2000000030", "withdrawn").await;
        let began = Instant::now();
        while telling.client.get("/v1/changes").await.expect(200)["items"].as_array().unwrap().len() < 2 {
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }

        receiver.answer_always(200);
        let path = format!("/v1/webhook-endpoints/{id}");
        let patch = json!({"state": "active"}).to_string();
        let changed = telling.client.send("PATCH", &path, &[], Some(patch.as_bytes())).await.unwrap().expect(200);
        assert_eq!((&changed["state"], &changed["reason"]), (&json!("active"), &Value::Null));
        telling.say("2000000030", "given").await;
        let got = receiver.wait_for(2);
        assert_eq!(got[1].kind(), "consent-given");

        // What was given up is delivered again when it is asked for.
        let delivery = dead[0]["id"].as_str().unwrap();
        let replay = format!("{path}/deliveries/{delivery}/replays");
        assert_eq!(telling.client.send("POST", &replay, &[], None).await.unwrap().status, 202);
        let got = receiver.wait_for(3);
        assert_eq!(got[2].id(), delivery);
        telling.until(&id, "dead", 0).await;
        telling.node.stop().await;
    }

    async fn a_redirect_is_a_failure_and_is_not_followed(engine) {
        let mut telling = Telling::start(engine).await;
        let (receiver, elsewhere) = (Receiver::start(), Receiver::start());
        let location = format!("Location: {}\r\n", elsewhere.url());
        receiver.answer(move |_| Reply { headers: location.clone(), ..Reply::status(301) });
        let (id, _) = telling.subscribe(&receiver.url()).await;
        telling.register("2000000040").await;
        telling.say("2000000040", "given").await;
        receiver.wait_for(3);
        assert!(elsewhere.got().is_empty(), "the redirect was followed");
        let waiting = telling.deliveries(&id, "pending").await;
        assert_eq!(waiting[0]["status"], 301);
        assert_eq!(waiting[0]["reason"], "a redirect, which is not followed");
        telling.node.stop().await;
    }

    async fn an_answer_without_end_holds_nothing_up(engine) {
        let mut telling = Telling::start(engine).await;
        let receiver = Receiver::start();
        receiver.answer(|_| Reply { endless: true, ..Reply::status(200) });
        let (id, _) = telling.subscribe(&receiver.url()).await;
        telling.register("2000000050").await;
        for status in ["given", "withdrawn", "given"] {
            telling.say("2000000050", status).await;
        }
        let delivered = telling.until(&id, "delivered", 3).await;
        assert!(delivered.iter().all(|one| one["attempts"] == 1), "{delivered:#?}");
        telling.node.stop().await;
    }

    async fn a_receiver_that_stays_down_is_given_up_and_can_be_replayed(engine) {
        let mut telling = Telling::with(engine, Tempo { give_up: Duration::from_secs(2), ..tempo() }).await;
        // A port where nobody listens.
        let address = Receiver::start().address;
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_ne!(address, closed);
        let (id, _) = telling.subscribe(&format!("http://{closed}/hook")).await;
        telling.register("2000000060").await;
        telling.say("2000000060", "given").await;
        let dead = telling.until(&id, "dead", 1).await;
        assert_eq!(dead[0]["reason"], "no connection");
        assert!(dead[0]["attempts"].as_u64().unwrap() > 1);
        let receiver = Receiver::at(&closed.to_string());
        let replay = format!("/v1/webhook-endpoints/{id}/deliveries/{}/replays", dead[0]["id"].as_str().unwrap());
        assert_eq!(telling.client.send("POST", &replay, &[], None).await.unwrap().status, 202);
        receiver.wait_for(1);
        telling.until(&id, "delivered", 1).await;
        telling.node.stop().await;
    }

    async fn private_addresses_are_refused_when_saved_and_when_sent(engine) {
        let storage = TestStorage::new(engine);
        let world = Arc::new(RealWorld);
        let receiver = Receiver::start();
        // Saved while the operator allowed it …
        let node = Node::start(storage.url(), &world, &Setup::default());
        tell(&node, tempo(), true);
        let mut client = node.client("crm", "crm-1").await;
        let notice = notice(&mut client).await;
        let added = client.post("/v1/webhook-endpoints", &json!({"url": receiver.url()})).await.expect(201);
        let path = format!("/v1/webhook-endpoints/{}/deliveries?state=pending", added["id"].as_str().unwrap());
        node.stop().await;
        // … and sent when it is no longer allowed.
        let node = Node::start(storage.url(), &world, &Setup::default());
        tell(&node, tempo(), false);
        let mut client = client.at(node.address);
        client.post("/v1/people", &registration("2000000070")).await.expect(201);
        client.post("/v1/consents", &word("2000000070", "given", notice)).await.expect(201);
        let began = Instant::now();
        loop {
            let page = client.get(&path).await.expect(200);
            if page["items"][0]["attempts"].as_u64() > Some(0) {
                assert_eq!(page["items"][0]["reason"], "the address is not https");
                break;
            }
            assert!(began.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(receiver.got().is_empty());

        for (url, code) in [
            ("http://example.org/", "not-https"),
            ("https://127.0.0.1/", "private-address"),
            ("https://[::1]/", "private-address"),
            ("https://10.0.0.1/hook", "private-address"),
            ("https://169.254.169.254/latest/meta-data/", "private-address"),
            ("https://localhost:8443/", "private-address"),
            ("https://crm:secret@1.1.1.1/", "credentials-in-url"),
            ("https://nobody.invalid/", "unresolved-host"),
            ("crm.example", "invalid-url"),
            ("https://", "invalid-url"),
        ] {
            let refused = client.post("/v1/webhook-endpoints", &json!({"url": url})).await.expect(400);
            assert_eq!(refused["errors"][0]["code"], code, "{url}: {refused}");
            assert_eq!(refused["errors"][0]["pointer"], "/url");
        }
        node.stop().await;
    }

    async fn a_system_manages_its_own_receivers_and_no_others(engine) {
        let mut telling = Telling::start(engine).await;
        let receiver = Receiver::start();
        let (id, secret) = telling.subscribe(&receiver.url()).await;
        let path = format!("/v1/webhook-endpoints/{id}");
        let shown = telling.endpoint(&id).await;
        assert_eq!((&shown["secret"], &shown["url"]), (&Value::Null, &json!(receiver.url())));
        let again = telling.client.post("/v1/webhook-endpoints", &json!({"url": receiver.url()})).await.expect(400);
        assert_eq!(again["errors"][0]["code"], "already-there");

        let mut mailer = telling.node.client("mailer", "mailer-1").await;
        assert!(mailer.get("/v1/webhook-endpoints").await.expect(200)["items"].as_array().unwrap().is_empty());
        for (method, path) in [
            ("GET", path.clone()),
            ("DELETE", path.clone()),
            ("GET", format!("{path}/deliveries")),
            ("POST", format!("{path}/secrets")),
            ("GET", "/v1/webhook-endpoints/not-an-id".to_owned()),
        ] {
            let answer = mailer.send(method, &path, &[], None).await.unwrap();
            assert_eq!(answer.status, 404, "{method} {path}");
        }
        let disabled = mailer.send("PATCH", &path, &[], Some(br#"{"state":"disabled"}"#)).await.unwrap();
        assert_eq!(disabled.status, 400);
        let paused = mailer.send("PATCH", &path, &[], Some(br#"{"state":"paused"}"#)).await.unwrap();
        assert_eq!(paused.status, 404);

        // For a day both secrets sign.
        let rotated = telling.client.send("POST", &format!("{path}/secrets"), &[], None).await.unwrap().expect(200);
        let newer = rotated["secret"].as_str().unwrap().to_owned();
        telling.register("2000000080").await;
        telling.say("2000000080", "given").await;
        let got = receiver.wait_for(1);
        assert_eq!((got[0].signed_by(&secret), got[0].signed_by(&newer)), (1, 1));

        // Paused, messages wait; active again, they come.
        let paused = telling.client.send("PATCH", &path, &[], Some(br#"{"state":"paused"}"#)).await.unwrap();
        assert_eq!(paused.expect(200)["state"], "paused");
        telling.say("2000000080", "withdrawn").await;
        telling.until(&id, "pending", 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(receiver.got().len(), 1);
        telling.client.send("PATCH", &path, &[], Some(br#"{"state":"active"}"#)).await.unwrap().expect(200);
        receiver.wait_for(2);

        telling.until(&id, "delivered", 2).await;
        let first = telling.client.get(&format!("{path}/deliveries?limit=1")).await.expect(200);
        let next = first["nextCursor"].as_str().unwrap().to_owned();
        let second = telling.client.get(&format!("{path}/deliveries?limit=1&cursor={next}")).await.expect(200);
        assert_eq!(second["nextCursor"], Value::Null);
        assert_ne!(first["items"][0]["id"], second["items"][0]["id"]);
        assert_eq!(telling.client.get(&format!("{path}/deliveries?cursor=x")).await.status, 400);

        assert_eq!(telling.client.send("DELETE", &path, &[], None).await.unwrap().status, 204);
        assert_eq!(telling.client.get(&path).await.status, 404);
        telling.say("2000000080", "given").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(receiver.got().len(), 2);
        telling.node.stop().await;
    }

    async fn one_node_delivers_and_another_goes_on_when_it_dies(engine) {
        let mut telling = Telling::start(engine).await;
        let setup = Setup { node: "there", ..Setup::default() };
        let other = Node::start(telling.storage.url(), &Arc::new(RealWorld), &setup);
        tell(&other, tempo(), true);
        let receiver = Receiver::start();
        let (id, _) = telling.subscribe(&receiver.url()).await;
        let person = telling.register("2000000090").await;
        // Written on both nodes in turn.
        for (round, status) in ["given", "withdrawn", "given", "withdrawn"].into_iter().enumerate() {
            if round % 2 == 1 {
                let mut there = telling.client.at(other.address);
                there.post("/v1/consents", &word("2000000090", status, telling.notice)).await.expect(201);
            } else {
                telling.say("2000000090", status).await;
            }
        }
        telling.until(&id, "delivered", 4).await;
        let expected = ["consent-given", "consent-withdrawn", "consent-given", "consent-withdrawn"];
        assert_eq!(in_order(&receiver.got())[&person], expected);
        assert_eq!(receiver.got().len(), 4, "no message twice without a failure");

        let client = telling.client.at(other.address);
        telling.node.stop().await;
        let mut client = client;
        client.post("/v1/consents", &word("2000000090", "given", telling.notice)).await.expect(201);
        receiver.wait_for(5);
        other.stop().await;
    }
}
