//! Who looked at whom or at what, when, through which system and why: look-ups by officers and at desks, requests that were
//! opened and what was done with them, packages, exports, reports, and acts on erasures and policies (R72). It is read out of
//! the audit logs, where it was written before anything was shown.

use super::scan::{open_private, scan};
use crate::audit::leaf::{EntryId, Leaf, Word};
use crate::domain::ids::{OrganisationId, PersonId, SystemId};
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::console::SYSTEM;
use crate::service::exports;
use crate::service::refusal::{Forbidden, Refusal};
use crate::service::work::Work;
use crate::store::{StoreError, StoredBatch};

/// What of the log `admin` is done by people who look at or decide on something; the rest is done by the service itself.
const BY_PEOPLE: [&str; 11] = [
    "console.",
    "audit.",
    "report.",
    "policy.",
    "client.",
    "webhook.",
    "erasure.proposed",
    "erasure.approved",
    "erasure.refused",
    "erasure.withdrawn",
    "erasure.acknowledged",
];
/// What of the log `consent` is done by staff with the data of somebody.
const WITH_PEOPLE: [&str; 2] = ["rights.", "retention.h"];
/// Most lines that are held; more than anybody reads.
const MOST: usize = 20_000;

/// What is asked of the access log.
#[derive(Debug, Clone)]
pub struct AskAccess {
    /// Not before.
    pub from: Moment,
    /// Not after.
    pub to: Moment,
    /// One library, or all of the caller.
    pub organisation: Option<OrganisationId>,
    /// Only lines with this in who, why, the request or the person.
    pub words: Option<String>,
    /// At most this many, newest first.
    pub limit: usize,
}

/// Somebody did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLine {
    /// When.
    pub at: Moment,
    /// Who: the name where it is known, else the account.
    pub who: String,
    /// Through which system.
    pub system: String,
    /// What, by the kind of entry.
    pub kind: String,
    /// What for, where the entry says so: `search`, `request`, `desk`.
    pub what: Option<String>,
    /// At which library; none for what is of all of them.
    pub organisation: Option<OrganisationId>,
    /// Which rights request.
    pub request: Option<String>,
    /// Whom it is about: the console's own id of the person.
    pub person: Option<String>,
    /// Why.
    pub why: String,
    /// The log of its entry.
    pub log: &'static str,
    /// Its entry.
    pub entry: EntryId,
}

impl AccessLine {
    fn has(&self, words: &str) -> bool {
        let words = words.to_lowercase();
        let of = |text: &str| text.to_lowercase().contains(&words);
        of(&self.who)
            || of(&self.why)
            || self.request.as_deref().is_some_and(of)
            || self.person.as_deref().is_some_and(of)
    }
}

impl Service {
    /// The access log at the libraries of the caller, newest first; and whether there is more than was answered.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] without the scope, or for a library that is not the caller's.
    pub async fn access_log(
        &self,
        call: &Call,
        asked: AskAccess,
    ) -> Result<(Vec<AccessLine>, bool), Refusal> {
        call.require(Scope::AuditRead)?;
        if let Some(library) = &asked.organisation
            && !call.serves(&self.catalogue(), library)
        {
            return Err(Refusal::Forbidden(Forbidden::Organisation));
        }
        let (service, call) = (self.clone(), call.clone());
        match tokio::task::spawn_blocking(move || read(&service, &call, &asked)).await {
            Ok(Ok(lines)) => Ok(lines),
            Ok(Err(_)) | Err(_) => Err(Refusal::Unavailable),
        }
    }
}

fn read(service: &Service, call: &Call, asked: &AskAccess) -> Result<(Vec<AccessLine>, bool), StoreError> {
    let mut lines: Vec<AccessLine> = Vec::new();
    let mut more = false;
    for (log, kinds) in [
        ("admin", BY_PEOPLE.as_slice()),
        ("consent", WITH_PEOPLE.as_slice()),
    ] {
        let mut here = Vec::new();
        more |= scan(
            service,
            call,
            log,
            (asked.from, asked.to),
            |work, batch, off, leaf| {
                let kind = leaf.kind.as_str();
                let wanted = kinds.iter().any(|known| kind.starts_with(known)) && here.len() < MOST;
                let of = leaf.organisation.as_ref().map(|word| word.as_str());
                let library = asked.organisation.as_ref().map(|library| library.as_str());
                if !wanted || library.is_some() && library != of {
                    return Ok(());
                }
                let line = line(work, log, batch, off, leaf)?;
                if asked.words.as_deref().is_none_or(|words| line.has(words)) {
                    here.push(line);
                }
                Ok(())
            },
        )?;
        more |= here.len() >= MOST;
        lines.append(&mut here);
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.at));
    more |= lines.len() > asked.limit;
    lines.truncate(asked.limit);
    Ok((lines, more))
}

fn line(
    work: &mut Work<'_, '_>,
    log: &'static str,
    batch: &StoredBatch,
    off: u32,
    leaf: &Leaf<'_>,
) -> Result<AccessLine, StoreError> {
    let mut person = None;
    // Sealed in the line of an act of administration; under the key of the person where it is about one.
    let private = match exports::reason_of(&work.shared.keys, 0, leaf) {
        Some(opening) => Some(String::from_utf8_lossy(&opening.private).into_owned()),
        None => open_private(work, log, batch, off, leaf)?.map(|(id, private)| {
            person = Some(id);
            String::from_utf8_lossy(&private).into_owned()
        }),
    };
    let facts: serde_json::Value = private
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let fact = |name: &str| facts.get(name).and_then(|fact| fact.as_str()).map(str::to_owned);
    let public = |name: &'static str| leaf.extra.get(&Word::from(name)).map(ToString::to_string);
    let organisation: Option<OrganisationId> = leaf
        .organisation
        .as_ref()
        .and_then(|word| word.as_str().parse().ok());
    if let (None, Some(text), Some(library)) = (person, fact("person"), &organisation) {
        let system: Option<SystemId> = leaf.system.as_str().parse().ok();
        person = system.and_then(|system| work.shared.keys.open_pairwise(&system, library, &text));
    }
    let who = fact("officer")
        .or_else(|| fact("client"))
        .or_else(|| public("client"));
    Ok(AccessLine {
        at: Moment::from_micros(leaf.millis.saturating_mul(1_000)),
        who: who.unwrap_or_default(),
        system: leaf.system.to_string(),
        kind: leaf.kind.to_string(),
        what: public("what")
            .or_else(|| public("type"))
            .or_else(|| public("kind")),
        request: fact("request"),
        person: person
            .zip(organisation.as_ref())
            .and_then(|(person, library)| own_id(work, library, person)),
        why: fact("reason").unwrap_or_default(),
        organisation,
        log,
        entry: leaf.id,
    })
}

/// The console's own id of somebody, whoever looked.
fn own_id(work: &Work<'_, '_>, library: &OrganisationId, person: PersonId) -> Option<String> {
    let console: SystemId = SYSTEM.parse().ok()?;
    Some(work.shared.keys.pairwise(&console, library, person))
}
