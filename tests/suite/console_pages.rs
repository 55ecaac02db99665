//! The console as officers use it, over HTTP without scripts: who may see and do what, two people for what needs two,
//! nothing of another library, and files that are safe to open.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::http::Method;
use akkoord::domain::personal::Personal;
use akkoord::officer::PATHS;
use akkoord::service::Service;
use akkoord::service::sessions::How;
use akkoord::service::sessions::staff::{Reach, Role, StaffIdentity};
use akkoord::world::{TurnedWorld, World as _};

use crate::support::app::{Node, Setup};
use crate::support::engine::{Engine, TestStorage};
use crate::support::http::{Answer, send};
use crate::support::people::{call_of, cookie, register};
use crate::support::program::run;
use crate::support::service::clock;
use crate::support::source::root;

pub const LINDE: &str = "bibliotheek-de-linde";
pub const KOMPAS: &str = "bibliotheek-het-kompas";
const NUMBER: &str = "2000100001";

/// Somebody at the console.
pub struct Officer {
    address: SocketAddr,
    pub cookie: String,
    csrf: String,
}

impl Officer {
    /// Signs somebody in; without libraries for the whole network.
    pub async fn at(node: &Node, subject: &str, role: Role, libraries: &[&str]) -> Officer {
        let reach = match libraries {
            [] => Reach::All,
            these => Reach::These(these.iter().map(|id| id.parse().unwrap()).collect()),
        };
        let identity = StaffIdentity {
            subject: Personal::new(subject.to_owned()),
            name: Personal::new(format!("Medewerker {subject}")),
            role,
            reach,
        };
        let token = node.service.sign_in_staff(identity, How::Account).await.unwrap();
        Officer {
            address: node.address,
            cookie: cookie(&node.service, &token),
            csrf: token.csrf(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.address, "GET", path, &[("Cookie", &self.cookie)], b"").await
    }

    /// The page at a path, which must be there.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("_csrf", &self.csrf).extend_pairs(fields);
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        send(self.address, "POST", path, &headers, body.finish().as_bytes()).await
    }

    /// Sends a form and answers where it leads.
    #[track_caller]
    pub fn led(answer: &Answer) -> String {
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("location").unwrap().to_owned()
    }
}

fn node(storage: &TestStorage) -> (Node, Arc<TurnedWorld>) {
    let world = clock();
    (Node::start(storage.url(), &world, &Setup::default()), world)
}

/// A rights request of a member of a library; its id.
pub async fn request(service: &Service, library: &str, number: &str, kind: &str) -> String {
    use akkoord::domain::consent::IndicationMethod;
    use akkoord::domain::event::ActorKind;
    use akkoord::domain::rights::RequestType;
    use akkoord::service::rights::{EnterRequest, Wish};
    use akkoord::service::verbs::{ActorRef, PersonRef};
    let verb = EnterRequest {
        person: PersonRef::Identifier {
            scheme: "member-number".parse().unwrap(),
            value: Personal::new(number.to_owned()),
        },
        organisation: library.parse().unwrap(),
        kind: RequestType::parse(kind).unwrap(),
        actor: ActorRef::plain(ActorKind::Oneself),
        method: IndicationMethod::WebForm,
        received_at: None,
        language: None,
        text: Some(Personal::new("Wat weten jullie van mij?".to_owned())),
        wish: Wish::Plain,
        evidence: None,
    };
    let entered = service
        .enter_rights_request(&call_of("wise"), verb)
        .await
        .unwrap();
    entered.answer.id.to_string()
}

const ROLES: [(&str, Option<Role>); 6] = [
    ("nobody", None),
    ("desk", Some(Role::Desk)),
    ("assistant", Some(Role::Assistant)),
    ("officer", Some(Role::Officer)),
    ("auditor", Some(Role::Auditor)),
    ("administrator", Some(Role::Administrator)),
];

/// Every path for every role: what is looked at, and what is done. 404 is "may, and there is no such thing".
#[actix_web::test]
async fn every_page_answers_every_role_as_the_table_says() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (node, _) = node(&storage);
    let mut table = String::new();
    let mut seats = Vec::new();
    for (name, role) in ROLES {
        let seat = match role {
            Some(role) => Some(Officer::at(&node, name, role, &[]).await),
            None => None,
        };
        seats.push((name, seat));
    }
    for (path, methods) in PATHS {
        let real = path
            .replace("{log}", "decision")
            .replace("{id}", "00000000000000000000000000000001")
            .replace("{brief}", "received")
            .replace("{plot}", "rates")
            .replace("{vorm}", "pdf")
            .replace("{kaart}", "geen");
        for method in methods {
            let mut line = format!("{:4} {path}", method.as_str());
            for (name, seat) in &seats {
                let status = match (seat, method) {
                    (None, &Method::POST) => {
                        let headers = [
                            ("Sec-Fetch-Site", "same-origin"),
                            ("Content-Type", "application/x-www-form-urlencoded"),
                        ];
                        send(node.address, "POST", &real, &headers, b"").await.status
                    }
                    (None, _) => send(node.address, "GET", &real, &[], b"").await.status,
                    (Some(seat), &Method::POST) => seat.post(&real, FIELDS).await.status,
                    (Some(seat), _) => seat.get(&real).await.status,
                };
                line.push_str(&format!(" {name}={status}"));
            }
            table.push_str(&line);
            table.push('\n');
        }
    }
    node.stop().await;
    let file = root().join("tests/suite/console_matrix.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &table).unwrap();
    }
    let known = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        known == table,
        "the table changed; look at it, and run again with BLESS=1:\n{table}"
    );
}

/// Every field of every form at once: a role is refused before anything is read out of them.
const FIELDS: &[(&str, &str)] = &[
    ("stap", "acknowledged"),
    ("versie", "1"),
    ("bibliotheek", LINDE),
    ("scheme", "member-number"),
    ("value", "1"),
    ("reason", "Proef"),
    ("log", "admin"),
    ("van", ""),
    ("tot", ""),
    ("vorm", "csv"),
    ("verzoek", "x"),
    ("wie", "x"),
    ("grond", "17-1-b"),
    ("dagen", "7"),
    ("wat", "approve"),
    ("reden", "x"),
    ("titel", ""),
    ("waarom", ""),
    ("tekst", ""),
    ("bestand", "systems.toml"),
    ("doel", "newsletter"),
    ("systeem", "crm"),
    ("actie", "contact"),
    ("soort", "register"),
];

#[actix_web::test]
async fn a_form_counts_only_from_a_page_of_ours() {
    let storage = TestStorage::new(Engine::Sqlite);
    let (node, _) = node(&storage);
    let anna = Officer::at(&node, "anna", Role::Officer, &[]).await;
    let body = format!("_csrf={}&log=admin&van=&tot=&vorm=csv&reason=Proef", anna.csrf);
    let elsewhere = [
        ("Cookie", anna.cookie.as_str()),
        ("Sec-Fetch-Site", "cross-site"),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    assert_eq!(
        send(
            node.address,
            "POST",
            "/fg/zoeken/export",
            &elsewhere,
            body.as_bytes()
        )
        .await
        .status,
        403
    );
    let forged = Officer {
        csrf: "x".to_owned(),
        cookie: anna.cookie.clone(),
        address: anna.address,
    };
    assert_eq!(
        forged.post("/fg/zoeken/export", &[("log", "admin")]).await.status,
        403
    );
    node.stop().await;
}

both_engines! {
    async fn an_officer_of_one_library_sees_nothing_of_another(engine) {
        let storage = TestStorage::new(engine);
        let (node, world) = node(&storage);
        register(&node.service, LINDE, NUMBER, "1980-05-01").await;
        register(&node.service, KOMPAS, "2000100002", "1980-05-01").await;
        let theirs = request(&node.service, KOMPAS, "2000100002", "access").await;
        let ours = request(&node.service, LINDE, NUMBER, "access").await;
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let bram = Officer::at(&node, "bram", Role::Officer, &[]).await;

        let queue = anna.page("/fg/verzoeken").await;
        assert!(queue.contains(&ours) && !queue.contains(&theirs));
        assert!(bram.page("/fg/verzoeken").await.contains(&theirs));
        assert_eq!(anna.get(&format!("/fg/verzoeken/{theirs}")).await.status, 404);
        assert_eq!(anna.get(&format!("/fg/verzoeken/{theirs}/brief/received")).await.status, 404);
        let step = anna.post(&format!("/fg/verzoeken/{theirs}"), &[("stap", "acknowledged"), ("versie", "1")]).await;
        assert_eq!(step.status, 404);
        assert!(!anna.page("/fg/verzoeken.csv").await.contains(&theirs));

        // Somebody of another library is not looked up, whatever the form says.
        let look = |library: &str, value: &str| {
            [("bibliotheek", library), ("scheme", "member-number"), ("value", value), ("reason", "Klacht 12")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let fields = look(KOMPAS, "2000100002");
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(anna.post("/fg/zoeken/persoon", &fields).await.status, 403);
        let fields = look(LINDE, "2000100002");
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert!(Officer::led(&anna.post("/fg/zoeken/persoon", &fields).await).contains("fout=nobody"));

        // Who was looked up is shown to this officer for a quarter of an hour, and to nobody else.
        let fields = look(LINDE, NUMBER);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let person = Officer::led(&anna.post("/fg/zoeken/persoon", &fields).await);
        assert!(!person.contains(NUMBER), "{person}");
        assert!(anna.page(&person).await.contains("Klacht 12"));
        assert_eq!(bram.get(&person).await.status, 404);
        world.turn_to(world.now().plus_seconds(901));
        assert_eq!(anna.get(&person).await.status, 404);

        // No reason, no look.
        let mute = anna.post("/fg/zoeken/persoon", &[("bibliotheek", LINDE), ("scheme", "member-number"), ("value", NUMBER), ("reason", " ")]).await;
        assert!(Officer::led(&mute).contains("fout=required"));
        // A whole log is of all libraries; policies are too.
        let export = anna.post("/fg/zoeken/export", &[("log", "admin"), ("van", ""), ("tot", ""), ("vorm", "csv"), ("reason", "x")]).await;
        assert!(Officer::led(&export).contains("fout=all-libraries"));
        let draft = anna.post("/fg/beleid/nieuw", &[("titel", "x"), ("waarom", "x"), ("bestand", "systems.toml"), ("tekst", "x")]).await;
        assert_eq!(draft.status, 403);

        // All of it is in the access log, with who and why.
        let log = bram.page("/fg/toegang").await;
        assert!(log.contains("Klacht 12") && log.contains("Medewerker anna"), "{log}");
        node.stop().await;
    }

    async fn a_request_is_answered_and_somebody_is_erased_by_two(engine) {
        let storage = TestStorage::new(engine);
        let (node, world) = node(&storage);
        register(&node.service, LINDE, NUMBER, "1980-05-01").await;
        let id = request(&node.service, LINDE, NUMBER, "erasure").await;
        let anna = Officer::at(&node, "anna", Role::Officer, &[]).await;
        let bram = Officer::at(&node, "bram", Role::Officer, &[]).await;
        let carla = Officer::at(&node, "carla", Role::Assistant, &[]).await;
        let path = format!("/fg/verzoeken/{id}");
        assert!(anna.page("/fg").await.contains(&id));

        // A cell of a file is never a formula.
        let assigned = anna.post(&path, &[("stap", "assigned"), ("versie", "1"), ("wie", "=HYPERLINK(\"http://x\")")]).await;
        assert!(Officer::led(&assigned).contains("klaar=step"));
        let csv = anna.page("/fg/verzoeken.csv").await;
        assert!(csv.contains("\"'=HYPERLINK(\"\"http://x\"\")\""), "{csv}");

        let page = anna.page(&path).await;
        assert!(page.contains("Wat weten jullie van mij?"));
        assert!(Officer::led(&anna.post(&path, &[("stap", "acknowledged"), ("versie", "2")]).await).contains("klaar=step"));
        // Seen at an older revision, nothing happens.
        assert!(Officer::led(&anna.post(&path, &[("stap", "accepted"), ("versie", "2")]).await).contains("fout=revision-changed"));
        // An assistant prepares, and does not decide.
        let reject = [("stap", "rejected"), ("versie", "3"), ("grond", "data-correct"), ("uitleg", "x")];
        assert_eq!(carla.post(&path, &reject).await.status, 403);

        let letter = anna.page(&format!("{path}/brief/received")).await;
        assert!(letter.contains("We hebben je verzoek ontvangen"), "{letter}");
        let pdf = anna.get(&format!("{path}/brief/received?vorm=pdf")).await;
        assert_eq!((pdf.status, pdf.header("content-type")), (200, Some("application/pdf")));

        let subject = page.split("name=\"wie\" value=\"").nth(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        // The first such field is the officer; the hidden one of the erasure form is the person's code.
        let hidden = page.split("type=\"hidden\" name=\"wie\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(subject.is_some());
        let fields = [("verzoek", id.as_str()), ("wie", hidden.as_str()), ("bibliotheek", LINDE), ("grond", "17-1-b"), ("dagen", "0")];
        let proposed = Officer::led(&carla.post("/fg/wissen", &fields).await);
        let erasure = proposed.split('?').next().unwrap().to_owned();
        assert!(erasure.starts_with("/fg/wissen/"), "{proposed}");
        // The assistant proposed it; she does not approve, and who proposed it never does.
        assert_eq!(carla.post(&erasure, &[("wat", "approve")]).await.status, 403);
        assert!(anna.page("/fg").await.contains("1"));
        let anna_too = Officer::at(&node, "carla", Role::Officer, &[]).await;
        assert!(Officer::led(&anna_too.post(&erasure, &[("wat", "approve")]).await).contains("fout=another-officer-needed"));
        assert!(Officer::led(&bram.post(&erasure, &[("wat", "approve")]).await).contains("klaar=erasure"));
        let mut seen = String::new();
        for _ in 0..200 {
            world.turn_to(world.now().plus_seconds(5));
            seen = bram.page(&erasure).await;
            if seen.contains("verklaring.pdf") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(seen.contains("verklaring.json"), "{seen}");
        let mut certificate = bram.get(&format!("{erasure}/verklaring.json")).await;
        for _ in 0..50 {
            if certificate.status == 200 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            certificate = bram.get(&format!("{erasure}/verklaring.json")).await;
        }
        assert_eq!(certificate.json()["type"], "urn:akkoord:erasure-certificate:1");
        let file = storage.directory().join("verklaring.json");
        std::fs::write(&file, &certificate.body).unwrap();
        let key = async |log: &str| send(node.address, "GET", &format!("/log/{log}/vkey"), &[], b"").await.body.trim().to_owned();
        let (admin, consent) = (key("admin").await, key("consent").await);
        let verified = run(&["erasure", "verify", file.to_str().unwrap(), "--key", &admin, "--key", &consent]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        let pdf = bram.get(&format!("{erasure}/verklaring.pdf")).await;
        assert_eq!(pdf.header("content-type"), Some("application/pdf"));
        assert!(pdf.body.contains("Bewijs dat je gegevens zijn gewist"));
        node.stop().await;
    }

    async fn a_purpose_is_changed_from_the_console_by_two(engine) {
        let storage = TestStorage::new(engine);
        let (node, _) = node(&storage);
        for number in 1..=3 {
            let yes = [(akkoord::domain::consent::ConsentStatus::Given, akkoord::domain::consent::IndicationMethod::WebForm)];
            crate::proposals::member(&node.service, number, &yes).await;
        }
        crate::proposals::decide(&node.service, 1).await;
        let anna = Officer::at(&node, "anna", Role::Officer, &[]).await;
        let bram = Officer::at(&node, "bram", Role::Officer, &[]).await;
        let file = "purposes/newsletter.toml";
        assert!(anna.page(&format!("/fg/beleid/nieuw?bestand={file}")).await.contains("Mogen we je onze nieuwsbrief mailen?"));
        let text = std::fs::read_to_string(root().join("policies").join(file)).unwrap();
        let text = text
            .replacen("Mogen we je onze nieuwsbrief mailen?", "Mogen we je elke week onze nieuwsbrief mailen?", 1)
            .replace('\n', "\r\n");
        let draft = |text: &str, more: &[(&'static str, String)]| -> Vec<(&'static str, String)> {
            let mut fields = vec![
                ("titel", "Elke week".to_owned()), ("waarom", "De redactie wil het.".to_owned()), ("bestand", file.to_owned()),
                ("tekst", text.to_owned()),
            ];
            fields.extend_from_slice(more);
            fields
        };
        let sent = |fields: Vec<(&'static str, String)>| fields;
        let fields = sent(draft(&text, &[]));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let made = Officer::led(&anna.post("/fg/beleid/nieuw", &fields).await);
        let path = made.split('?').next().unwrap().to_owned();
        // A changed meaning without a new version: the page says so, and it cannot be proposed.
        let page = anna.page(&path).await;
        assert!(page.contains("newsletter.toml:") && page.contains("class=\"came\""), "{page}");
        assert!(Officer::led(&anna.post(&path, &[("wat", "propose"), ("versie", "1")]).await).contains("fout=files"));
        let better = text.replacen("version = 3", "version = 4", 1);
        let fields = draft(&better, &[("versie", "1".to_owned())]);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert!(Officer::led(&anna.post(&format!("{path}/bestand"), &fields).await).contains("klaar=draft"));
        assert!(Officer::led(&anna.post(&path, &[("wat", "propose"), ("versie", "2")]).await).contains("klaar=proposed-policy"));

        let page = bram.page(&path).await;
        assert!(page.contains("newsletter: 3 leden van 1 bibliotheek moeten opnieuw kiezen"), "{page}");
        let asked = bram.page(&format!("{path}/vraag?doel=newsletter&systeem=crm&actie=contact&kanaal=email&leeftijd=40&keuze=given")).await;
        assert!(asked.contains("Het antwoord wordt anders."), "{asked}");
        let member = [
            ("doel", "newsletter"), ("systeem", "crm"), ("actie", "contact"), ("kanaal", "email"), ("bibliotheek", LINDE),
            ("scheme", "member-number"), ("value", "1"), ("reason", "Vraag van de redactie"),
        ];
        let answer = Officer::led(&bram.post(&format!("{path}/vraag"), &member).await);
        assert!(bram.page(&answer).await.contains("Het antwoord wordt anders."));
        let replayed = bram.page(&format!("{path}/opnieuw?van=2020-01-01&tot=2099-01-01")).await;
        assert!(replayed.contains("Van 1 vragen kregen er 1 een ander antwoord."), "{replayed}");

        assert!(Officer::led(&anna.post(&path, &[("wat", "approve"), ("versie", "3")]).await).contains("fout=another-officer-needed"));
        assert!(Officer::led(&bram.post(&path, &[("wat", "approve"), ("versie", "3")]).await).contains("klaar=applied"));
        assert_eq!(node.service.catalogue().purposes["newsletter"].purpose.version, 4);
        let versions = anna.page("/fg/doelen/newsletter").await;
        assert!(versions.contains("Versie 3 naast versie 4"), "{versions}");
        node.stop().await;
    }

    async fn what_the_console_gives_out_can_be_verified(engine) {
        let storage = TestStorage::new(engine);
        let (node, _) = node(&storage);
        crate::proposals::member(&node.service, 1, &[]).await;
        crate::proposals::decide(&node.service, 1).await;
        let anna = Officer::at(&node, "anna", Role::Auditor, &[]).await;
        // Why did a member get a mail? The answer, its reason, and its proof.
        let mut found = String::new();
        for _ in 0..100 {
            let page = anna.page("/fg/zoeken").await;
            let to = page.split("href=\"/fg/zoeken/decision/").nth(1).unwrap();
            let to = format!("/fg/zoeken/decision/{}", to.split('"').next().unwrap());
            found = anna.page(&to).await;
            if found.contains("alert ok") {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        assert!(found.contains("Nee: nooit gekozen") && found.contains("c2sp.org/tlog-proof@v1"), "{found}");

        let fields = [("log", "decision"), ("van", ""), ("tot", ""), ("vorm", "csv"), ("reason", "Maandelijkse controle")];
        let ready = Officer::led(&anna.post("/fg/zoeken/export", &fields).await);
        let page = anna.page(&ready).await;
        assert!(page.contains("akkoord audit verify"), "{page}");
        let other = Officer::at(&node, "bram", Role::Officer, &[]).await;
        assert_eq!(other.get(&ready).await.status, 404, "a ticket is good for its own officer only");
        let bundle = fetch(&node, &anna, &format!("{ready}/bestand")).await;
        let file = storage.directory().join("bundle.zip");
        std::fs::write(&file, &bundle).unwrap();
        let key = send(node.address, "GET", "/log/decision/vkey", &[], b"").await.body.trim().to_owned();
        let verified = run(&["audit", "verify", file.to_str().unwrap(), "--key", &key]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);

        let today = akkoord::world::World::now(&*clock()).utc().date_naive().to_string();
        let fields = [
            ("soort", "audit"), ("van", "2020-01-01"), ("tot", today.as_str()), ("bibliotheek", ""), ("vorm", "pdf"), ("reason", "Bestuur"),
        ];
        let ready = Officer::led(&anna.post("/fg/rapport", &fields).await);
        let bundle = fetch(&node, &anna, &format!("{ready}/bestand")).await;
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bundle.clone())).unwrap();
        let mut pdf = Vec::new();
        std::io::Read::read_to_end(&mut zip.by_name("report.pdf").unwrap(), &mut pdf).unwrap();
        let text = String::from_utf8_lossy(&pdf).into_owned();
        assert!(
            text.contains("akkoord report verify") && text.contains("decision"),
            "{text}"
        );
        let file = storage.directory().join("report.zip");
        std::fs::write(&file, &bundle).unwrap();
        let key = send(node.address, "GET", "/log/admin/vkey", &[], b"").await.body.trim().to_owned();
        let verified = run(&["report", "verify", file.to_str().unwrap(), "--key", &key]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
        node.stop().await;
    }
}

/// The bytes of a file.
pub async fn fetch(node: &Node, officer: &Officer, path: &str) -> Vec<u8> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let url = format!("http://{}{path}", node.address);
    let answer = reqwest::Client::new()
        .get(url)
        .header("Cookie", &officer.cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}
