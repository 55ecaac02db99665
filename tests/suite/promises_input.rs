//! Bad input in bulk against the real router: every body the API takes, broken in every way we can think of, is a problem
//! document that names the place, repeats nothing, and leaves not one row behind.

use std::sync::Arc;

use akkoord::world::RealWorld;
use serde_json::{Value, json};

use crate::support::app::{LIBRARY, Node, Setup, member, notice, registration, word};
use crate::support::client::{Answer, Client};
use crate::support::engine::TestStorage;
use crate::support::rows::Rows;

/// What no answer may repeat.
const SECRET: &str = "geheim-7f3a";

/// A request that would succeed.
struct Good {
    method: &'static str,
    path: String,
    body: Value,
}

/// One way to break a request: what is wrong, where, and the bytes.
struct Broken {
    what: String,
    /// The pointer that must be named: exactly, or a place around it.
    place: String,
    body: Vec<u8>,
}

fn good(person: &str, child: &str, notice: u64) -> Vec<Good> {
    let about = member("2000123456");
    let actor = json!({"type": "self", "staff": "B-1"});
    let evidence = json!({"form": "A-17"});
    let post = |path: &str, body: Value| Good {
        method: "POST",
        path: path.to_owned(),
        body,
    };
    let objection = json!({
        "person": about, "organisation": LIBRARY, "purpose": "newsletter", "indicationMethod": "paper", "actor": actor,
        "evidence": evidence, "occurredAt": "2026-01-05T10:00:00Z",
    });
    let mut consent = word("2000123456", "given", notice);
    consent["evidence"] = evidence.clone();
    consent["dataScopes"] = json!(["email"]);
    consent["channels"] = json!(["email"]);
    consent["occurredAt"] = json!("2026-01-05T10:00:00Z");
    consent["indicationMethod"] = json!("paper");
    let mut new = registration("2000999999");
    new["membership"] =
        json!({"kind": "adult", "since": "2020-01-15", "until": "2030-01-01", "paying": true});
    vec![
        post("/v1/people", new),
        post(
            "/v1/people/lookups",
            json!({"scheme": "member-number", "value": "2000123456", "organisation": LIBRARY}),
        ),
        post(
            &format!("/v1/people/{person}/identifiers"),
            json!({"scheme": "email", "value": "a@b.example"}),
        ),
        post(
            &format!("/v1/people/{child}/guardians"),
            json!({"guardian": about, "verification": "desk", "evidence": evidence}),
        ),
        post(
            "/v1/people/merges",
            json!({"keep": person, "merge": child, "reason": "Twee keer ingeschreven"}),
        ),
        post("/v1/consents", consent),
        post("/v1/objections", objection.clone()),
        post("/v1/objection-liftings", objection),
        post(
            "/v1/restrictions",
            json!({"person": about, "organisation": LIBRARY, "ground": "accuracy", "actor": actor, "evidence": evidence}),
        ),
        post(
            "/v1/restriction-liftings",
            json!({"person": about, "organisation": LIBRARY, "actor": actor, "evidence": evidence}),
        ),
        post(
            "/v1/source-notices",
            json!({
                "person": about, "organisation": LIBRARY, "purpose": "profile-enrichment",
                "dataSource": "event-registration", "occurredAt": "2026-01-05T10:00:00Z",
            }),
        ),
        Good {
            method: "PUT",
            path: format!("/v1/people/{person}/preferences"),
            body: json!({
                "language": "nl", "receiptsByMail": true, "actor": actor, "revision": 1,
                "purposes": {"newsletter": {
                    "channels": {"email": true}, "pausedUntil": "2030-01-05T10:00:00Z", "topics": ["fantasy"],
                    "frequency": "weekly",
                }},
            }),
        },
        post(
            "/v1/decisions",
            json!({
                "person": about, "organisation": LIBRARY, "purpose": "newsletter", "action": "contact",
                "channel": "email", "dataScopes": ["email"], "dataSource": "survey", "reference": "c-1",
                "at": "2026-01-05T10:00:00Z",
            }),
        ),
    ]
}

/// Every member with its pointer, outermost first.
fn members(value: &Value, here: &str, found: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, inner)| (name.clone(), inner)).collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(n, inner)| (n.to_string(), inner))
            .collect(),
        _ => Vec::new(),
    };
    for (name, inner) in inner {
        let place = format!("{here}/{name}");
        found.push(place.clone());
        members(inner, &place, found);
    }
}

fn with(body: &Value, place: &str, value: Value) -> Value {
    let mut changed = body.clone();
    *changed.pointer_mut(place).unwrap() = value;
    changed
}

/// The body with raw JSON text at a place, which no value could hold.
fn with_raw(body: &Value, place: &str, raw: &[u8]) -> Vec<u8> {
    const MARK: &str = "\"@@mark@@\"";
    let text = with(body, place, json!("@@mark@@")).to_string();
    let (before, after) = text.split_once(MARK).unwrap();
    [before.as_bytes(), raw, after.as_bytes()].concat()
}

/// All the ways to break a body.
fn broken(good: &Value) -> Vec<Broken> {
    let mut all = Vec::new();
    let mut add = |what: &str, place: &str, body: Vec<u8>| {
        all.push(Broken {
            what: what.to_owned(),
            place: place.to_owned(),
            body,
        });
    };
    let text = good.to_string();
    let open = text.strip_suffix('}').unwrap();
    // The document.
    for (what, body) in [
        ("nothing", String::new()),
        ("white space", "  \n".to_owned()),
        ("cut off", open.to_owned()),
        ("more after the end", format!("{text}{{}}")),
        ("a trailing comma", format!("{open},}}")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("a comment", format!("/* {SECRET} */{text}")),
        ("single quotes", text.replace('"', "'")),
        ("no object", format!("[{text}]")),
        ("a text", format!("\"{SECRET}\"")),
        ("null", "null".to_owned()),
        ("a number", "7".to_owned()),
        (
            "deep arrays",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        ),
        ("deep objects", "{\"a\":".repeat(100_000)),
    ] {
        add(what, "", body.into_bytes());
    }
    let mut utf16 = vec![0xff, 0xfe];
    text.encode_utf16()
        .for_each(|unit| utf16.extend(unit.to_le_bytes()));
    add("UTF-16", "", utf16);
    // Members that are not there.
    let mut more = good.clone();
    more[format!("{SECRET}@example")] = json!(SECRET);
    add("an unknown member", "", more.to_string().into_bytes());
    more = good.clone();
    more["__proto__"] = json!({"admin": SECRET});
    add("__proto__", "", more.to_string().into_bytes());
    let mut places = Vec::new();
    members(good, "", &mut places);
    for place in &places {
        let (around, name) = place.rsplit_once('/').unwrap();
        let value = good.pointer(place).unwrap();
        let free = place.starts_with("/evidence/") || around == "/purposes";
        // Another type; arrays of arrays fit nowhere.
        add(
            "a wrong type",
            place,
            with(good, place, json!([[SECRET]])).to_string().into_bytes(),
        );
        if !value.is_object() {
            add(
                "an object",
                place,
                with(good, place, json!({SECRET: SECRET}))
                    .to_string()
                    .into_bytes(),
            );
        }
        if !value.is_boolean() && !free {
            add(
                "a boolean",
                place,
                with(good, place, json!(true)).to_string().into_bytes(),
            );
        }
        // Misspelt, and twice.
        if !around.ends_with("/evidence") && good.pointer(around).is_some_and(Value::is_object) {
            let object = good.pointer(around).unwrap().as_object().unwrap();
            let misspelt: serde_json::Map<String, Value> = object
                .iter()
                .map(|(known, value)| {
                    let to = if known == name {
                        format!("{known}X")
                    } else {
                        known.clone()
                    };
                    (to, value.clone())
                })
                .collect();
            let body = if around.is_empty() {
                Value::Object(misspelt)
            } else {
                with(good, around, Value::Object(misspelt))
            };
            add("a misspelt name", around, body.to_string().into_bytes());
            let raw = value.to_string();
            let twice = with_raw(good, place, format!("{raw},\"{name}\":{raw}").as_bytes());
            add("a duplicate", place, twice);
        }
        // Numbers that are none, or too much.
        for raw in ["NaN", "Infinity", "1e400", "-1e400", "0x10", "01", "undefined"] {
            if !(free && raw == "01") {
                add(raw, "", with_raw(good, place, raw.as_bytes()));
            }
        }
        if value.is_number() {
            for raw in [
                "-1",
                "1.5",
                "4294967296000000000000",
                "99999999999999999999999999999999999999",
                "\"1\"",
            ] {
                add(raw, place, with_raw(good, place, raw.as_bytes()));
            }
        }
        if !value.is_string() {
            continue;
        }
        let texts: Vec<(&str, Vec<u8>)> = vec![
            ("a control character", b"\"a\\u0001b\"".to_vec()),
            ("NUL", b"\"a\\u0000b\"".to_vec()),
            ("a raw control character", b"\"a\x01b\"".to_vec()),
            ("a raw line end", b"\"a\nb\"".to_vec()),
            ("DEL", b"\"a\x7fb\"".to_vec()),
            ("invalid UTF-8", b"\"a\xff\xfeb\"".to_vec()),
            ("overlong UTF-8", b"\"a\xc0\xafb\"".to_vec()),
            ("a surrogate in UTF-8", b"\"a\xed\xa0\x80b\"".to_vec()),
            ("a lone surrogate", b"\"a\\ud800b\"".to_vec()),
            ("a reversed pair", b"\"\\udc00\\ud800\"".to_vec()),
            ("an unknown escape", b"\"\\x41\"".to_vec()),
            ("too long", format!("\"{}\"", SECRET.repeat(600)).into_bytes()),
            (
                "much too long",
                format!("\"{}\"", "x".repeat(900_000)).into_bytes(),
            ),
        ];
        for (what, raw) in texts {
            add(
                what,
                if what.contains("long") && !what.contains("UTF") {
                    place
                } else {
                    ""
                },
                with_raw(good, place, &raw),
            );
        }
        if !free {
            add(
                "empty",
                place,
                with(good, place, json!("")).to_string().into_bytes(),
            );
        }
        let known: &[(&str, &str)] = match name {
            "occurredAt" | "at" => &[
                ("the future", "2999-01-01T00:00:00Z"),
                ("no zone", "2026-01-01T00:00:00"),
                ("no such day", "2026-02-30T00:00:00Z"),
                ("a day", "2026-01-01"),
            ],
            "pausedUntil" => &[
                ("no zone", "2026-01-01T00:00:00"),
                ("no such day", "2026-02-30T00:00:00Z"),
            ],
            "birthDate" => &[
                ("the future", "2999-01-01"),
                ("no such day", "2026-02-30"),
                ("long ago", "0001-01-01"),
            ],
            "since" | "until" => &[("no such day", "2026-02-30"), ("American", "01/15/2020")],
            "value" | "reason" | "reference" | "form" | "staff" | "frequency" | "personId" | "keep"
            | "merge" => &[],
            _ if around.ends_with("topics") => &[],
            _ => &[
                ("unknown", SECRET),
                ("capitals", "NEWSLETTER"),
                ("a path", "../../etc/passwd"),
                ("white space", " "),
            ],
        };
        for (what, text) in known {
            // Data sources are the engine's to know: an unknown one is denied, not refused.
            if !(name == "dataSource" && *what == "unknown") {
                add(
                    what,
                    place,
                    with(good, place, json!(text)).to_string().into_bytes(),
                );
            }
        }
    }
    all
}

/// What every refusal must be.
fn complaint(answer: &Answer, broken: &Broken) -> Option<String> {
    let body = answer.json();
    let errors = body["errors"].as_array();
    let pointers: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(|error| error["pointer"].as_str())
        .collect();
    let around = |pointer: &&str| broken.place.starts_with(*pointer) || pointer.starts_with(&broken.place);
    let wrong = if !(answer.status == 400 || answer.status == 413) {
        format!("status {}", answer.status)
    } else if answer.header("content-type") != Some("application/problem+json") {
        format!("{:?}", answer.header("content-type"))
    } else if body["status"] != answer.status || !body["title"].is_string() || !body["type"].is_string() {
        "no problem document".to_owned()
    } else if answer.text().contains(SECRET) {
        "repeats what was sent".to_owned()
    } else if answer.status == 400 && pointers.is_empty() {
        "no pointer".to_owned()
    } else if answer.status == 400 && !broken.place.is_empty() && !pointers.iter().any(around) {
        format!("names {pointers:?}")
    } else {
        return None;
    };
    Some(format!(
        "{} at {:?}: {wrong}: {}",
        broken.what,
        broken.place,
        answer.text()
    ))
}

struct House {
    node: Node,
    client: Client,
    person: String,
    child: String,
    notice: u64,
}

async fn house(storage: &TestStorage) -> House {
    let node = Node::start(storage.url(), &Arc::new(RealWorld), &Setup::default());
    let mut client = node.client("crm", "crm").await;
    let adult = client
        .post("/v1/people", &registration("2000123456"))
        .await
        .expect(201);
    let mut child = registration("2000123457");
    child["birthDate"] = json!("2020-05-01");
    let child = client.post("/v1/people", &child).await.expect(201);
    let id = |answer: &Value| answer["personId"].as_str().unwrap().to_owned();
    House {
        notice: notice(&mut client).await,
        person: id(&adult),
        child: id(&child),
        node,
        client,
    }
}

both_engines! {
    async fn whatever_is_wrong_is_named_and_leaves_nothing(engine) {
        let storage = TestStorage::new(engine);
        let house = house(&storage).await;
        let mut rows = Rows::open(storage.url());
        let mut before = rows.written();
        let mut complaints = Vec::new();
        let mut tried = 0;
        for (number, good) in good(&house.person, &house.child, house.notice).iter().enumerate() {
            // A client for each, so that none is told to slow down.
            let mut client = house.node.client("crm", &format!("crm-{number}")).await;
            for broken in broken(&good.body) {
                let answer = client.send(good.method, &good.path, &[], Some(&broken.body)).await.unwrap();
                tried += 1;
                complaints.extend(complaint(&answer, &broken).map(|why| format!("{}: {why}", good.path)));
            }
        }
        println!("{tried} broken requests");
        assert!(complaints.is_empty(), "{} of {tried}:\n{}", complaints.len(), complaints.join("\n"));
        let mut after = rows.written();
        // The clients that asked are rows, and so are the acts of adding them.
        let clients = i64::try_from(good(&house.person, &house.child, house.notice).len()).unwrap();
        for table in ["oauth_client", "audit_batch"] {
            let (_, count) = after.iter_mut().find(|(name, _)| name.ends_with(table)).unwrap();
            *count -= clients;
        }
        // What is done now and then notes there how far it came, also while this runs.
        before.retain(|name, _| !name.ends_with("meta"));
        after.retain(|name, _| !name.ends_with("meta"));
        assert_eq!(after, before, "something was stored");
        house.node.stop().await;
    }

    async fn what_is_right_leaves_something(engine) {
        // The bodies that are broken above are good as they stand: each is accepted, or contradicts the state only.
        let storage = TestStorage::new(engine);
        let House { node, mut client, person, child, notice } = house(&storage).await;
        for Good { method, path, body } in good(&person, &child, notice) {
            let answer = client.send(method, &path, &[], Some(body.to_string().as_bytes())).await.unwrap();
            assert!(matches!(answer.status, 200 | 201 | 404 | 409), "{path}: {}", answer.text());
        }
        node.stop().await;
    }

    async fn what_is_too_large_or_of_another_kind_is_refused_unread(engine) {
        let storage = TestStorage::new(engine);
        let mut house = house(&storage).await;
        let mut rows = Rows::open(storage.url());
        let before = rows.written();
        let given = word("2000123456", "given", house.notice).to_string();
        let large = format!("{given}{}", " ".repeat(1 << 20));
        let refused = house.client.send("POST", "/v1/consents", &[], Some(large.as_bytes())).await.unwrap();
        assert_eq!((refused.status, refused.header("content-type")), (413, Some("application/problem+json")));
        for (name, value) in [
            ("Content-Type", "text/plain"),
            ("Content-Type", "application/xml"),
            ("Content-Type", "application/json; charset=utf-16"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Encoding", "gzip"),
        ] {
            let refused = house.client.send("POST", "/v1/consents", &[(name, value)], Some(given.as_bytes())).await.unwrap();
            assert_eq!(refused.status, 415, "{value}: {}", refused.text());
            assert_eq!(refused.header("content-type"), Some("application/problem+json"));
        }
        for key in ["", "a b", &"k".repeat(256), "\u{e9}"] {
            let keyed = [("Idempotency-Key", key)];
            let refused = house.client.send("POST", "/v1/consents", &keyed, Some(given.as_bytes())).await.unwrap();
            assert_eq!(refused.status, 400, "{key}: {}", refused.text());
        }
        for query in ["until=yesterday", "limit=0", "limit=101", "limit=many", "limit=1&limit=2", "cursor=%00", "more=1"] {
            let path = format!("/v1/people/{}/consent-events?{query}", house.person);
            let refused = house.client.get(&path).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text());
            assert!(refused.json()["errors"][0]["pointer"].is_string(), "{query}: {}", refused.text());
        }
        for path in ["/v1/people/%00/consents", "/v1/people/..%2f..%2fetc/consents", "/v1/people/%ff/consents", "/v1/receipts/%ff", "/v1/%2e%2e/healthz"] {
            let refused = house.client.get(path).await;
            assert!(matches!(refused.status, 400 | 404), "{path}: {}", refused.text());
        }
        assert_eq!(rows.written(), before, "something was stored");
        house.node.stop().await;
    }
}
