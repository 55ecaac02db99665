//! The desk: what is stopped there, who looked at whom, and how a question is asked.

use std::sync::Arc;

use akkoord::audit::leaf::Word;
use akkoord::domain::consent::IndicationMethod;
use akkoord::domain::event::{ActorKind, Change};
use akkoord::domain::moment::Moment;
use akkoord::service::Service;
use akkoord::service::search::{FoundEntry, SearchEntries};
use akkoord::service::sessions::staff::Role;
use akkoord::service::verbs::{ConsentHistory, HistoryItem};
use akkoord::world::{TurnedWorld, World as _};

use crate::support::engine::TestStorage;
use crate::support::people::{call_of, member, register_with, sign_in_staff};
use crate::support::people_site::{PeopleSite, Shown, Visitor};
use crate::support::service::clock;

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";
const ANNA: &str = "2000100001";
const ADDRESS: &str = "anna@lindemail.example";

async fn site(storage: &TestStorage, clock: &Arc<TurnedWorld>) -> PeopleSite {
    let site = PeopleSite::start(storage.url(), clock).await;
    let identifiers = [("member-number", ANNA), ("email", ADDRESS)];
    register_with(&site.service, LINDE, &identifiers, "1980-05-01").await;
    site
}

#[track_caller]
fn leads(shown: &Shown, to: &str) {
    assert_eq!((shown.status, shown.to.as_str()), (303, to), "{shown:?}");
}

/// The pages about a member who was looked up.
async fn seen(desk: &mut Visitor, number: &str) -> String {
    let found = desk
        .submit("/balie", &[("nummer", number), ("waarom", "balie")])
        .await;
    assert!(found.to.starts_with("/balie/lid/"), "{found:?}");
    found.to
}

async fn fill(desk: &mut Visitor, path: &str, more: &[(&str, &str)]) -> Shown {
    let form = desk.get(path).await;
    assert_eq!(form.status, 200, "{form:?}");
    assert!(!form.text.contains("checked"), "nothing is chosen beforehand");
    let hidden = ["_once", "versie", "stand"].map(|name| (name, form.field(name)));
    let mut fields: Vec<(&str, &str)> = hidden
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    fields.extend(more);
    desk.post(path, &form.field("_csrf"), &fields).await
}

async fn history(service: &Service) -> Vec<HistoryItem> {
    let person = member(service, ANNA).await.unwrap().person;
    let person_id = service.pairwise(&call_of("crm"), &LINDE.parse().unwrap(), person);
    let verb = ConsentHistory {
        person_id,
        until: None,
    };
    service.consent_history(&call_of("crm"), verb).await.unwrap()
}

/// What was written down of looks at the desk.
async fn looks(service: &Service) -> Vec<FoundEntry> {
    let asked = SearchEntries {
        log: "admin".to_owned(),
        from: Moment::from_micros(0),
        to: service.world().now().plus_seconds(60),
        system: Some("desk".parse().unwrap()),
        organisation: None,
        purpose: None,
        outcome: None,
        reason: None,
        id: None,
        cursor: None,
        limit: 100,
    };
    let page = service.search_entries(&call_of("crm"), asked).await.unwrap();
    let mut found = page.items;
    found.retain(|entry| entry.leaf.kind.as_str() == "console.looked");
    found
}

async fn letters(site: &PeopleSite, number: usize) -> Vec<String> {
    for _ in 0..200 {
        let letters = site.mail.letters();
        if letters.len() >= number {
            let all = letters.iter();
            return all
                .map(|letter| {
                    assert_eq!(letter.to.reveal(), ADDRESS);
                    letter.text.reveal().clone()
                })
                .collect();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no mail came");
}

both_engines! {
    async fn what_is_stopped_at_the_desk_holds_and_is_proved(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut desk = site.with(&sign_in_staff(&site.service, Role::Desk, &[LINDE]).await);
        let seen = seen(&mut desk, ANNA).await;
        let overview = desk.get(&seen).await;
        assert!(overview.text.contains("Alle reclame van de bibliotheek"), "{overview:?}");

        // All promotion, on paper: with the number of the form, and not without.
        let promotion = format!("{seen}/bezwaar/reclame");
        for (more, mistake) in [
            (&[("hoe", "gezegd")][..], "kies"),
            (&[("antwoord", "nee")][..], "invullen"),
            (&[("antwoord", "nee"), ("hoe", "papier")][..], "invullen"),
        ] {
            leads(&fill(&mut desk, &promotion, more).await, &format!("{promotion}?fout={mistake}"));
        }
        let stop = [("antwoord", "nee"), ("hoe", "papier"), ("formulier", "F-2026-18"), ("datum", "2026-11-01")];
        let done = fill(&mut desk, &promotion, &stop).await;
        assert!(done.to.starts_with(&format!("{promotion}/klaar?bewijs=")), "{done:?}");
        let last = history(&site.service).await.pop().unwrap().event;
        assert_eq!(last.change, Change::Objected { purpose: None, method: IndicationMethod::Paper });
        assert_eq!((last.system.as_str(), last.actor.kind), ("desk", ActorKind::Oneself));
        assert_eq!(last.actor.staff.as_ref().unwrap().reveal(), "desk-7");
        assert_eq!(last.evidence.as_ref().unwrap().reveal()["form"], "F-2026-18");
        assert!(last.occurred_at < last.recorded_at);
        let receipt = desk.get(&done.to).await;
        for part in ["Alle reclame van de bibliotheek", "stop hiermee", "Op een papieren formulier", ANNA, &last.id.to_string()] {
            assert!(receipt.text.contains(part), "{part}: {receipt:?}");
        }
        // Of another thing, or of nothing: no receipt is made of it.
        let other = done.to.replace("/reclame/", "/statistics/");
        assert_eq!(desk.get(&other).await.status, 404);

        // One purpose, said aloud; and allowed again.
        let one = format!("{seen}/bezwaar/statistics");
        fill(&mut desk, &one, &[("antwoord", "nee"), ("hoe", "gezegd")]).await;
        let purpose = Some("statistics".parse().unwrap());
        let last = history(&site.service).await.pop().unwrap().event;
        assert_eq!(last.change, Change::Objected { purpose: purpose.clone(), method: IndicationMethod::Desk });
        assert!(desk.get(&one).await.text.contains("Gestopt op"));
        fill(&mut desk, &one, &[("antwoord", "ja"), ("hoe", "gezegd"), ("formulier", "F-2026-19")]).await;
        let last = history(&site.service).await.pop().unwrap().event;
        assert_eq!(last.change, Change::ObjectionEnded { purpose });
        assert_eq!(last.evidence.as_ref().unwrap().reveal()["form"], "F-2026-19");

        // A yes, and that it is taken back.
        let newsletter = format!("{seen}/newsletter");
        fill(&mut desk, &newsletter, &[("antwoord", "ja"), ("hoe", "gezegd")]).await;
        fill(&mut desk, &newsletter, &[("antwoord", "nee"), ("hoe", "papier"), ("formulier", "F-2026-20")]).await;
        let last = history(&site.service).await.pop().unwrap().event;
        assert_eq!(last.evidence.as_ref().unwrap().reveal()["form"], "F-2026-20");
        assert!(matches!(&last.change, Change::Consent(act) if act.status.as_str() == "withdrawn"), "{last:?}");

        // What needs no question has none, and nothing else can be stopped here.
        for nothing in ["lending", "newsletter", "nothing"] {
            assert_eq!(desk.get(&format!("{seen}/bezwaar/{nothing}")).await.status, 404, "{nothing}");
        }
        // The member hears of each, and how to undo it.
        let letters = letters(&site, 5).await;
        for (answer, times) in [("stop hiermee", 2), ("dit mag weer", 1), ("ja", 1), ("nee", 1)] {
            let said = format!("Jouw antwoord: {answer}\n");
            assert_eq!(letters.iter().filter(|letter| letter.contains(&said)).count(), times, "{answer}: {letters:?}");
        }
        assert!(letters.iter().all(|letter| letter.contains("/mijn")), "{letters:?}");
        site.stop().await;
    }

    async fn every_look_at_a_member_is_written_down_and_is_over_soon(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut desk = site.with(&sign_in_staff(&site.service, Role::Desk, &[LINDE]).await);
        let page = seen(&mut desk, ANNA).await;
        desk.submit("/balie", &[("nummer", "2000999999"), ("waarom", "telefoon")]).await;
        leads(&desk.submit("/balie", &[("nummer", ANNA), ("waarom", "zomaar")]).await, "/balie?fout=waarom");
        let looks = looks(&site.service).await;
        assert_eq!(looks.len(), 2, "{looks:?}");
        let person = member(&site.service, ANNA).await.unwrap().person;
        let own = site.service.pairwise(&call_of("desk"), &LINDE.parse().unwrap(), person);
        let mut private: Vec<serde_json::Value> = looks
            .iter()
            .map(|look| serde_json::from_str(look.private.as_ref().unwrap().reveal()).unwrap())
            .collect();
        // Both of one instant: whoever was found comes first.
        private.sort_by_key(|facts| facts.get("person").is_none());
        assert_eq!(private[0]["officer"], "Test desk");
        assert_eq!(private[0]["client"], "desk:desk-7");
        assert_eq!(private[0]["reason"], "Het lid staat bij de balie");
        assert_eq!(private[0]["person"], own.as_str());
        assert_eq!(private[1]["reason"], "Het lid belt");
        assert!(private[1].get("person").is_none());
        for look in &looks {
            // The public line says that somebody looked, and not whether the number is known.
            assert_eq!(look.leaf.organisation.as_ref().unwrap().as_str(), LINDE);
            assert!(look.leaf.subject.is_none());
            assert_eq!(look.leaf.extra.get(&Word::from("what")).map(AsRef::as_ref), Some("desk"));
        }

        // What was looked up is there for who looked, for a quarter of an hour. Everything else is one answer.
        assert_eq!(desk.get(&page).await.status, 200);
        let mut colleague = site.with(&sign_in_staff(&site.service, Role::Officer, &[LINDE]).await);
        let mut elsewhere = site.with(&sign_in_staff(&site.service, Role::Desk, &[KOMPAS]).await);
        for visitor in [&mut colleague, &mut elsewhere] {
            leads(&visitor.get(&page).await, "/balie?fout=verlopen");
        }
        for guess in [&format!("{page}x"), "/balie/lid/x", &format!("/balie/lid/{own}")] {
            leads(&desk.get(guess).await, "/balie?fout=verlopen");
            leads(&desk.get(&format!("{guess}/newsletter")).await, "/balie?fout=verlopen");
        }
        clock.turn_to(clock.now().plus_seconds(901));
        leads(&desk.get(&page).await, "/balie?fout=verlopen");
        let again = desk.get("/balie?fout=verlopen").await;
        assert!(again.text.contains("te lang geleden"), "{again:?}");
        site.stop().await;
    }

    async fn a_notice_has_layers_on_the_page_and_is_read_aloud_at_the_desk(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut desk = site.with(&sign_in_staff(&site.service, Role::Desk, &[LINDE]).await);
        let mut anna = site.with(&crate::support::people::sign_in(&site.service, ANNA).await);
        let seen = seen(&mut desk, ANNA).await;
        let catalogue = site.service.catalogue();
        for (id, entry) in &catalogue.purposes {
            let Some(notice) = entry.notice(akkoord::domain::preference::Language::Nl, false) else {
                continue;
            };
            if notice.question.is_none() || entry.purpose.school_domain {
                continue;
            }
            let escaped = |text: &str| text.replace('\'', "&#39;").replace('"', "&#34;");
            let own = anna.get(&format!("/mijn/keuzes/{LINDE}/{id}")).await.text;
            let aloud = desk.get(&format!("{seen}/{id}")).await.text;
            for page in [&own, &aloud] {
                let question = page.find(&escaped(notice.question.as_ref().unwrap())).unwrap_or_else(|| panic!("{id}: no question\n{page}"));
                let summary = page.find(&escaped(&notice.summary)).unwrap_or_else(|| panic!("{id}: no summary\n{page}"));
                // The whole text is folded away below, and is of the version that is recorded.
                let whole = page.find("<details class=\"notice\">").unwrap();
                assert!(question < whole && summary < whole, "{id}");
                let (_, folded) = page.split_at(whole);
                assert!(folded.contains("<h3>"), "{id}: the whole text has parts");
            }
            let (_, card) = aloud.split_once("Lees dit voor").unwrap();
            assert!(card.contains("Je mag nee zeggen. En je mag altijd stoppen."), "{id}");
            assert!(own.contains(&format!("name=\"versie\" value=\"{}\"", entry.purpose.version)), "{id}");
            assert!(aloud.contains(&format!("name=\"versie\" value=\"{}\"", entry.purpose.version)), "{id}");
        }
        site.stop().await;
    }
}
