//! A service over a real SQLite store in a folder of its own, with the clock turned by the test.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::call::{Call, Principal, Scope};
use super::refusal::{Forbidden, Invalid, Refusal};
use super::verbs::*;
use super::{Service, ServiceOptions};
use crate::crypto::{RootKey, Secret32, sha256};
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::decision::{Question, ReasonCode, Verdict};
use crate::domain::event::{ActorKind, Event};
use crate::domain::ids::{OrganisationId, PersonId, PurposeId};
use crate::domain::moment::Moment;
use crate::domain::person::{GuardianVerification, Membership, MembershipKind};
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, Channel};
use crate::policy::load::{Files, read_folder};
use crate::policy::meaning::update_lock;
use crate::store::{CatalogueRow, Store, StoreOptions};
use crate::world::TurnedWorld;

/// Where most tests happen.
pub(crate) const LINDE: &str = "bibliotheek-de-linde";
/// The second library.
pub(crate) const KOMPAS: &str = "bibliotheek-het-kompas";
/// When every house opens: noon in Amsterdam.
pub(crate) const NOON: &str = "2026-11-22T12:00:00+01:00";

/// A service, its clock and its database.
pub(crate) struct House {
    pub(crate) service: Service,
    pub(crate) world: Arc<TurnedWorld>,
    _folder: tempfile::TempDir,
}

/// A house with the shipped policies.
pub(crate) fn house() -> House {
    house_with(&shipped())
}

/// The shipped policies.
pub(crate) fn shipped() -> Files {
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap()
}

/// A house with other policies; their lock is brought up to date.
pub(crate) fn house_with(files: &Files) -> House {
    let folder = tempfile::tempdir().unwrap();
    let now = moment(NOON);
    let world = Arc::new(TurnedWorld::starting(now));
    let store = Store::open(StoreOptions {
        url: format!("sqlite://{}/akkoord.db", folder.path().display())
            .parse()
            .unwrap(),
        pool_size: 4,
        busy_timeout: Duration::from_secs(5),
        require_synchronous_standby: false,
        create: true,
        installation_id: [7; 16],
        network: "bibliotheken-merwedeland".into(),
        now,
        observer: None,
    })
    .unwrap();
    let service = Service::start(ServiceOptions {
        store,
        files: locked(files),
        root_key: RootKey::new(Secret32::from_bytes([1; 32])),
        world: world.clone(),
        node: "test".into(),
        public_base: "https://privacy.example".into(),
        test_subjects: false,
        queue: 1024,
        remember: 64 << 20,
        deadline: Duration::from_secs(10),
        checkpoints: None,
        witnesses: crate::service::sequence::WitnessPlan::default(),
    })
    .unwrap();
    House {
        service,
        world,
        _folder: folder,
    }
}

/// The files with the meaning of every version in their lock.
pub(crate) fn locked(files: &Files) -> Files {
    let mut files = files.clone();
    let lock = update_lock(&files, &sha256).unwrap_or_else(|found| panic!("{found:?}"));
    files.insert("versions.lock", lock);
    files
}

/// Policies with one passage of a file replaced.
pub(crate) fn changed(files: &Files, file: &str, from: &str, to: &str) -> Files {
    let text = files.text(file).unwrap_or_else(|| panic!("no {file}"));
    assert!(text.contains(from), "{file} does not contain {from:?}");
    let mut files = files.clone();
    let text = text.replacen(from, to, 1);
    files.insert(file, text);
    files
}

/// An instant.
pub(crate) fn moment(text: &str) -> Moment {
    Moment::parse_rfc3339(text).unwrap_or_else(|| panic!("{text} is no instant"))
}

/// A date.
pub(crate) fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The CRM with every scope.
pub(crate) fn call() -> Call {
    call_of("crm")
}

/// A system with every scope.
pub(crate) fn call_of(system: &str) -> Call {
    let principal = Principal {
        client: format!("{system}-1"),
        system: system.parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

/// Somebody by member number.
pub(crate) fn person(number: &str) -> PersonRef {
    PersonRef::Identifier {
        scheme: "member-number".parse().unwrap(),
        value: Personal::new(number.to_owned()),
    }
}

/// The person.
pub(crate) fn oneself() -> ActorRef {
    ActorRef::plain(ActorKind::Oneself)
}

/// A guardian by member number.
pub(crate) fn guardian(number: &str) -> ActorRef {
    ActorRef {
        guardian: Some(person(number)),
        ..ActorRef::plain(ActorKind::Guardian)
    }
}

/// Proof of a paper form.
pub(crate) fn form(number: &str) -> Option<Evidence> {
    let form = serde_json::Map::from_iter([("form".to_owned(), number.into())]);
    Some(Personal::new(form))
}

/// A set of ids.
pub(crate) fn set<T: std::str::FromStr + Ord>(ids: &[&str]) -> BTreeSet<T>
where
    T::Err: std::fmt::Debug,
{
    ids.iter().map(|id| id.parse().unwrap()).collect()
}

/// A paying adult member for whom every fact of the customer exception holds.
pub(crate) fn customer() -> Membership {
    Membership {
        kind: MembershipKind::Adult,
        since: Some(date("2020-01-01")),
        until: None,
        paying: true,
        contact_from_sale: true,
        opt_out_offered: true,
    }
}

/// The code of the only mistake in a refused request.
#[track_caller]
pub(crate) fn mistake<T: std::fmt::Debug>(refused: Result<T, Refusal>) -> &'static str {
    match refused {
        Err(Refusal::Invalid(mistakes)) => match mistakes.as_slice() {
            [Invalid { code, .. }] => code,
            _ => panic!("{mistakes:?}"),
        },
        other => panic!("not refused as invalid: {other:?}"),
    }
}

/// The refusal of a guardian.
pub(crate) const NO_AUTHORITY: Refusal = Refusal::Forbidden(Forbidden::Guardian);

impl House {
    /// Turns the clock.
    pub(crate) fn turn(&self, to: &str) {
        self.world.turn_to(moment(to));
    }

    /// Makes an adult known at the first library; answers the CRM's pairwise id.
    pub(crate) async fn adult(&self, number: &str) -> String {
        self.born(number, Some("1980-05-01")).await
    }

    /// Makes somebody known at the first library.
    pub(crate) async fn born(&self, number: &str, birth: Option<&str>) -> String {
        self.registered(RegisterPerson {
            birth_date: birth.map(|birth| Personal::new(date(birth))),
            ..registration(LINDE, number)
        })
        .await
    }

    /// Makes a member known at the first library.
    pub(crate) async fn member(&self, number: &str, birth: &str, membership: Membership) -> String {
        self.registered(RegisterPerson {
            birth_date: Some(Personal::new(date(birth))),
            membership: Some(membership),
            ..registration(LINDE, number)
        })
        .await
    }

    /// Makes somebody known.
    pub(crate) async fn registered(&self, verb: RegisterPerson) -> String {
        let done = self.service.register_person(&call(), verb).await.unwrap();
        done.answer.person_id
    }

    /// A child with its verified guardians, all known at the first library; answers the child's pairwise id.
    pub(crate) async fn child(&self, number: &str, birth: &str, guardians: &[&str]) -> String {
        let child = self.born(number, Some(birth)).await;
        for guardian in guardians {
            self.adult(guardian).await;
            self.link(&child, guardian).await.unwrap();
        }
        child
    }

    /// Links a guardian at the desk.
    pub(crate) async fn link(&self, child: &str, guardian: &str) -> Result<(), Refusal> {
        let verb = LinkGuardian {
            child: child.to_owned(),
            guardian: person(guardian),
            verification: GuardianVerification::Desk,
            evidence: None,
        };
        self.service.link_guardian(&call(), verb).await.map(|_| ())
    }

    /// A word on the current notice at the first library, said by the person on a form on the web.
    pub(crate) fn word(&self, number: &str, purpose: &str, status: ConsentStatus) -> RecordConsent {
        let purpose: PurposeId = purpose.parse().unwrap();
        RecordConsent {
            person: person(number),
            organisation: LINDE.parse().unwrap(),
            notice_version: Some(self.service.catalogue().purposes[&purpose].purpose.version),
            purpose,
            status,
            data_scopes: None,
            channels: None,
            language: Some(Language::Nl),
            method: IndicationMethod::WebForm,
            actor: oneself(),
            evidence: None,
            occurred_at: None,
        }
    }

    /// The same from a guardian.
    pub(crate) fn word_of(
        &self,
        guardian_number: &str,
        number: &str,
        purpose: &str,
        status: ConsentStatus,
    ) -> RecordConsent {
        RecordConsent {
            actor: guardian(guardian_number),
            ..self.word(number, purpose, status)
        }
    }

    /// The same on paper, said at an instant.
    pub(crate) fn paper(
        &self,
        number: &str,
        purpose: &str,
        status: ConsentStatus,
        at: &str,
    ) -> RecordConsent {
        RecordConsent {
            method: IndicationMethod::Paper,
            evidence: form("A-17"),
            occurred_at: Some(moment(at)),
            ..self.word(number, purpose, status)
        }
    }

    /// Records a word.
    pub(crate) async fn say(&self, verb: RecordConsent) -> Result<Receipt, Refusal> {
        let done = self.service.record_consent(&call(), verb).await?;
        Ok(done.answer)
    }

    /// Records a word of the person on the web.
    pub(crate) async fn says(&self, number: &str, purpose: &str, status: ConsentStatus) -> Receipt {
        let word = self.word(number, purpose, status);
        self.say(word).await.unwrap()
    }

    /// Records an objection to a purpose or, without one, to all direct marketing; or lifts it.
    pub(crate) async fn objects(
        &self,
        number: &str,
        purpose: Option<&str>,
        made: bool,
    ) -> Result<(), Refusal> {
        let verb = RecordObjection {
            made,
            ..objection(number, purpose)
        };
        self.service.record_objection(&call(), verb).await.map(|_| ())
    }

    /// Restricts processing, or lifts that.
    pub(crate) async fn restricts(
        &self,
        number: &str,
        ground: Option<&str>,
        evidence: Option<Evidence>,
    ) -> Result<(), Refusal> {
        let verb = RecordRestriction {
            person: person(number),
            organisation: LINDE.parse().unwrap(),
            ground: ground.map(ToOwned::to_owned),
            actor: oneself(),
            evidence,
        };
        self.service.record_restriction(&call(), verb).await.map(|_| ())
    }

    /// A question of the first system that may ask it, with all data it may see.
    pub(crate) fn question(&self, purpose: &str, action: Action, channel: Option<Channel>) -> Question {
        let catalogue = self.service.catalogue();
        let purpose: PurposeId = purpose.parse().unwrap();
        let entry = &catalogue.purposes[&purpose];
        let (system, grant) = catalogue
            .systems
            .values()
            .find_map(|system| {
                let mut grants = system.grants_for(&purpose, action);
                let grant = grants.find(|grant| channel.is_none_or(|c| grant.channels.contains(&c)))?;
                Some((system.id.clone(), grant))
            })
            .unwrap_or_else(|| panic!("no system may {action} for {purpose}"));
        Question {
            system,
            organisation: LINDE.parse().unwrap(),
            action,
            channel,
            data_scopes: grant
                .data_scopes
                .intersection(&entry.purpose.data_scopes)
                .cloned()
                .collect(),
            data_source: entry
                .purpose
                .enrichment_sources
                .first()
                .filter(|_| action == Action::Enrich)
                .cloned(),
            purpose,
        }
    }

    /// Asks; answers what was decided.
    pub(crate) async fn decided(&self, about: PersonRef, question: Question) -> Decided {
        let verb = Decide {
            person: about,
            question,
            reference: None,
            at: None,
        };
        self.service.decide(&call(), verb).await.unwrap()
    }

    /// Asks with a question, by the identifier that its system knows.
    pub(crate) async fn ask(&self, number: &str, question: Question) -> Verdict {
        let by_address = self
            .service
            .catalogue()
            .systems
            .get(&question.system)
            .is_some_and(|system| !system.schemes.contains("member-number"));
        let about = if by_address {
            PersonRef::Identifier {
                scheme: "email".parse().unwrap(),
                value: Personal::new(address(number)),
            }
        } else {
            person(number)
        };
        self.decided(about, question).await.verdict
    }

    /// The decisive reason about mailing somebody for a purpose.
    pub(crate) async fn mail(&self, number: &str, purpose: &str) -> ReasonCode {
        self.contact(number, purpose, Channel::Email).await
    }

    /// The decisive reason about contacting somebody by a channel.
    pub(crate) async fn contact(&self, number: &str, purpose: &str, channel: Channel) -> ReasonCode {
        let question = self.question(purpose, Action::Contact, Some(channel));
        self.ask(number, question).await.decisive()
    }

    /// The decisive reason about doing something that reaches nobody.
    pub(crate) async fn does(&self, number: &str, purpose: &str, action: Action) -> ReasonCode {
        let question = self.question(purpose, action, None);
        self.ask(number, question).await.decisive()
    }

    /// What is current.
    pub(crate) async fn current(&self, person_id: &str) -> CurrentState {
        let verb = CurrentConsents {
            person_id: person_id.to_owned(),
        };
        self.service.current_consents(&call(), verb).await.unwrap()
    }

    /// The history.
    pub(crate) async fn history(&self, person_id: &str) -> Vec<Event> {
        let verb = ConsentHistory {
            person_id: person_id.to_owned(),
            until: None,
        };
        let items = self.service.consent_history(&call(), verb).await.unwrap();
        items.into_iter().map(|item| item.event).collect()
    }

    /// Puts another catalogue in force, as an approved plan does.
    pub(crate) fn publish(&self, files: &Files) {
        let row = CatalogueRow {
            sequence: self.service.policies().sequence + 1,
            version: format!("2026-12-01.{}", self.service.policies().sequence + 1),
            content: serde_json::to_string(&locked(files)).unwrap(),
            proposed_by: "fg".into(),
            approved_by: Some("director".into()),
            applied_at: self.service.world().now(),
        };
        let store = &self.service.0.store;
        store
            .change("test_catalogue", |tx| tx.insert_catalogue_version(&row))
            .map_err(|error: crate::store::StoreError| error)
            .unwrap();
    }

    /// The person behind the CRM's pairwise id at the first library.
    pub(crate) fn id_of(&self, person_id: &str) -> PersonId {
        let (system, linde) = ("crm".parse().unwrap(), LINDE.parse().unwrap());
        self.service
            .keys()
            .open_pairwise(&system, &linde, person_id)
            .unwrap()
    }
}

/// The mail address of somebody with a member number.
fn address(number: &str) -> String {
    format!("{number}@lid.example")
}

/// A registration by member number and mail address.
pub(crate) fn registration(organisation: &str, number: &str) -> RegisterPerson {
    RegisterPerson {
        organisation: organisation.parse::<OrganisationId>().unwrap(),
        identifiers: vec![
            ("member-number".parse().unwrap(), Personal::new(number.to_owned())),
            ("email".parse().unwrap(), Personal::new(address(number))),
        ],
        birth_date: None,
        language: Some(Language::Nl),
        membership: None,
    }
}

/// An objection at the first library.
pub(crate) fn objection(number: &str, purpose: Option<&str>) -> RecordObjection {
    RecordObjection {
        person: person(number),
        organisation: LINDE.parse().unwrap(),
        purpose: purpose.map(|purpose| purpose.parse().unwrap()),
        made: true,
        method: IndicationMethod::WebForm,
        actor: oneself(),
        evidence: None,
        occurred_at: None,
    }
}
