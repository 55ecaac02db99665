//! Where the content of a package comes from: what was gathered, in the words of the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{
    Choice, Contact, Decision, Facts, Guardian, Happened, Library, LookUp, Named, Objection, Person,
    PurposeFacts, Recipient, Requested, Retention, Shown, Source, WhySaid,
};
use crate::audit::bulk::BulkOutcome;
use crate::domain::decision::{Effect, Reason, ReasonCode};
use crate::domain::event::{ActorKind, Change, Event};
use crate::domain::hex::hex;
use crate::domain::ids::{DataScopeId, PurposeId, SchemeId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::domain::purpose::PurposeStatus;
use crate::policy::catalogue::{Catalogue, Notice, Organisation, PurposeEntry};
use crate::policy::explain::explain;
use crate::service::contacts::{CHECK, CONTACT_REPORTED};
use crate::service::rights::Gathered;
use crate::service::search::FoundEntry;

/// Where the words come from.
pub(super) struct Words<'w> {
    pub(super) gathered: &'w Gathered,
    pub(super) language: Language,
}

impl Words<'_> {
    fn catalogue(&self) -> &Catalogue {
        &self.gathered.policies.current
    }

    /// The title of a purpose, also of one that ended.
    pub(super) fn purpose(&self, id: &str) -> String {
        let known: Option<PurposeId> = id.parse().ok();
        let entry = known.and_then(|id| self.catalogue().purposes.get(&id));
        entry
            .and_then(|entry| entry.notice(self.language, false))
            .map_or_else(|| id.to_owned(), |notice| notice.title.clone())
    }

    pub(super) fn data(&self, scopes: &BTreeSet<DataScopeId>) -> Vec<String> {
        scopes.iter().map(|scope| self.scope(scope.as_str())).collect()
    }

    fn scope(&self, id: &str) -> String {
        let known = self.catalogue().data_scopes.get(id);
        known
            .and_then(|scope| scope.title.get(&self.language))
            .map_or_else(|| id.to_owned(), Clone::clone)
    }

    fn scheme(&self, id: &SchemeId) -> String {
        let known = self.catalogue().schemes.get(id);
        known
            .and_then(|scheme| scheme.title.get(&self.language))
            .map_or_else(|| id.to_string(), Clone::clone)
    }

    /// Who runs a system, and what it is called.
    fn system(&self, id: &str) -> (String, String) {
        let known: Option<SystemId> = id.parse().ok();
        let history = self.gathered.policies.history.iter().rev();
        let mut catalogues =
            std::iter::once(&self.gathered.policies.current).chain(history.map(|(_, catalogue)| catalogue));
        // A system that is no longer in the catalogue stood in an earlier one.
        let found = known.and_then(|id| catalogues.find_map(|catalogue| catalogue.systems.get(&id)));
        found.map_or_else(
            || (id.to_owned(), id.to_owned()),
            |system| {
                let title = system.title.get(&self.language);
                let title = title.map_or_else(|| id.to_owned(), Clone::clone);
                (system.recipient.clone(), title)
            },
        )
    }

    /// The notice of an act, by its hash: which of the variants was shown.
    fn shown(&self, purpose: &PurposeId, version: u32, hash: &str, language: Language) -> Option<Shown> {
        let (variant, notice) = find_notice(self.gathered, purpose, version, hash)?;
        Some(Shown {
            version,
            language: language.as_str(),
            hash: hash.to_owned(),
            file: format!("texts/{}.json", text_name(purpose, version, &variant)),
            title: notice.title.clone(),
            question: notice.question.clone(),
            summary: notice.summary.clone(),
        })
    }
}

fn find_notice<'g>(
    gathered: &'g Gathered,
    purpose: &PurposeId,
    version: u32,
    hash: &str,
) -> Option<(String, &'g Notice)> {
    let entry = gathered.policies.versions.get(&(purpose.clone(), version))?;
    let mut notices = entry.notices.iter();
    let (variant, notice) = notices.find(|(_, notice)| hex(&notice.hash) == hash)?;
    Some((variant.clone(), notice))
}

fn text_name(purpose: &PurposeId, version: u32, variant: &str) -> String {
    format!("{purpose}-{version}-{variant}")
}

/// Every text that was shown, byte for byte, by its name.
pub(super) fn texts_as_shown(gathered: &Gathered) -> BTreeMap<String, Vec<u8>> {
    let mut texts = BTreeMap::new();
    for item in &gathered.history {
        let Change::Consent(act) = &item.event.change else {
            continue;
        };
        let found = find_notice(gathered, &act.purpose, act.notice_version, &act.notice_hash);
        if let Some((variant, notice)) = found {
            let name = text_name(&act.purpose, act.notice_version, &variant);
            texts.insert(name, notice.bytes.to_vec());
        }
    }
    texts
}

fn time(moment: Moment) -> String {
    moment.rfc3339()
}

impl Facts {
    pub(super) fn of(gathered: &Gathered, language: Language) -> Self {
        let words = Words { gathered, language };
        let decisions: Vec<Decision> = gathered
            .entries
            .iter()
            .filter(|entry| entry.log == "decision" && entry.leaf.kind.as_str() != CONTACT_REPORTED)
            .map(|entry| words.decision(entry))
            .collect();
        let retention = gathered.policies.current.network.log_retention;
        Self {
            kind: "urn:akkoord:access-package:1",
            made_at: time(gathered.made_at),
            request_id: gathered.request.id.to_string(),
            library: words.library(),
            person: words.person(),
            choices: words.choices(),
            objections: words.objections(),
            restricted_at: gathered.state.restricted.map(time),
            preferences: serde_json::to_value(&gathered.standing.preferences).unwrap_or_default(),
            history: gathered
                .history
                .iter()
                .map(|item| words.happened(&item.event))
                .collect(),
            recipients: words.recipients(&decisions),
            decisions,
            contacts: words.contacts(),
            looked_up: words.looked_up(),
            sources: words.sources(),
            purposes: words.purposes(),
            requests: words.requests(),
            retention: Retention {
                choices: retention.consent.to_string(),
                decisions: retention.decision.to_string(),
                administration: retention.admin.to_string(),
                personal_part: retention.private.to_string(),
            },
        }
    }
}

impl Words<'_> {
    pub(super) fn library(&self) -> Library {
        let network = &self.catalogue().network;
        let id = &self.gathered.request.organisation;
        let of = |take: fn(&Organisation) -> &String| {
            let known = self.catalogue().organisations.get(id);
            known.map_or_else(|| id.to_string(), |organisation| take(organisation).clone())
        };
        Library {
            id: id.to_string(),
            name: of(|o| &o.name),
            legal_name: of(|o| &o.legal_name),
            address: of(|o| &o.address),
            email: of(|o| &o.email),
            phone: of(|o| &o.phone),
            officer: of(|o| &o.dpo_name),
            officer_email: of(|o| &o.dpo_email),
            processor: network.processor.name.clone(),
            authority: network.authority.name.clone(),
            authority_url: network.authority.url.clone(),
            authority_phone: network.authority.phone.clone(),
        }
    }

    pub(super) fn person(&self) -> Person {
        let standing = &self.gathered.standing;
        let identifiers = self.gathered.identifiers.iter().map(|identifier| Named {
            scheme: identifier.scheme.to_string(),
            title: self.scheme(&identifier.scheme),
            value: identifier.value.reveal().clone(),
        });
        Person {
            identifiers: identifiers.collect(),
            birth_date: standing.birth().map(|date| date.to_string()),
            language: standing.preferences.language.map(|language| language.as_str()),
            membership: standing
                .membership
                .as_ref()
                .and_then(|membership| serde_json::to_value(membership).ok()),
            guardians: standing
                .guardians
                .iter()
                .map(|link| Guardian {
                    verified_by: link.verification.to_string(),
                    since: time(link.since),
                })
                .collect(),
            guardian_of: standing.wards.len(),
        }
    }

    fn choices(&self) -> Vec<Choice> {
        let state = &self.gathered.state;
        let choices = state.consents.iter().map(|consent| {
            // The text belongs to the act that made the choice.
            let act = self
                .gathered
                .history
                .iter()
                .find_map(|item| match &item.event.change {
                    Change::Consent(act) if item.event.id == consent.receipt => Some(act),
                    _ => None,
                });
            Choice {
                purpose: consent.purpose.to_string(),
                title: self.purpose(consent.purpose.as_str()),
                status: consent.status.as_str(),
                effective: consent.effective.as_str(),
                said_at: time(consent.occurred_at),
                valid_until: consent.valid_until.map(time),
                data: self.data(&consent.data_scopes),
                channels: consent.channels.iter().map(ToString::to_string).collect(),
                text: act.and_then(|act| {
                    self.shown(&act.purpose, act.notice_version, &act.notice_hash, act.language)
                }),
                receipt_id: consent.receipt.to_string(),
            }
        });
        choices.collect()
    }

    fn objections(&self) -> Vec<Objection> {
        let state = &self.gathered.state;
        let marketing = state.marketing_objection.map(|since| Objection {
            purpose: None,
            title: None,
            since: time(since),
        });
        let single = state.objections.iter().map(|(purpose, since)| Objection {
            purpose: Some(purpose.to_string()),
            title: Some(self.purpose(purpose.as_str())),
            since: time(*since),
        });
        marketing.into_iter().chain(single).collect()
    }

    fn happened(&self, event: &Event) -> Happened {
        let purpose = event.change.purpose();
        let act = match &event.change {
            Change::Consent(act) => Some(act),
            _ => None,
        };
        Happened {
            event_id: event.id.to_string(),
            kind: event.change.leaf_kind(),
            happened_at: time(event.occurred_at),
            recorded_at: time(event.recorded_at),
            actor: event.actor.kind.as_str(),
            system: event.system.to_string(),
            recorded_by: self.system(event.system.as_str()).0,
            purpose: purpose.map(ToString::to_string),
            title: purpose.map(|purpose| self.purpose(purpose.as_str())),
            status: act.map(|act| act.status.as_str()),
            text: act
                .and_then(|act| self.shown(&act.purpose, act.notice_version, &act.notice_hash, act.language)),
            evidence: event.evidence.as_ref().map(|facts| facts.reveal().clone()),
        }
    }

    fn decision(&self, entry: &FoundEntry) -> Decision {
        let leaf = &entry.leaf;
        let (codes, scopes, permitted): (Vec<String>, BTreeSet<String>, bool) = match entry.about {
            Some(about) => (
                vec![about.reason.to_string()],
                bits(about, leaf.scopes.iter().map(ToString::to_string)),
                about.reason.effect() == Effect::Permit,
            ),
            None => (
                leaf.reasons.iter().map(ToString::to_string).collect(),
                leaf.scopes.iter().map(ToString::to_string).collect(),
                leaf.outcome
                    .as_ref()
                    .is_some_and(|outcome| outcome.as_str() == Effect::Permit.as_str()),
            ),
        };
        let private: Option<Value> = entry
            .private
            .as_ref()
            .and_then(|text| serde_json::from_str(text.reveal()).ok());
        let reference = private.as_ref().and_then(|facts| facts["reference"].as_str());
        let purpose = leaf.purpose.as_ref().map(ToString::to_string);
        Decision {
            decision_id: leaf.id.to_string(),
            asked_at: time(Moment::from_micros(leaf.millis.saturating_mul(1_000))),
            system: leaf.system.to_string(),
            asked_by: self.system(leaf.system.as_str()).0,
            title: purpose.as_deref().map(|purpose| self.purpose(purpose)),
            purpose,
            action: leaf.action.as_ref().map(ToString::to_string),
            channel: leaf.channel.as_ref().map(ToString::to_string),
            decision: if permitted { "permit" } else { "deny" },
            reasons: codes.into_iter().map(|code| self.reason(code)).collect(),
            data: scopes.iter().map(|scope| self.scope(scope)).collect(),
            reference: reference.map(str::to_owned),
            in_bulk: entry.about.is_some(),
            scopes,
        }
    }

    fn reason(&self, code: String) -> WhySaid {
        let text = ReasonCode::parse(&code).map(|code| explain(&Reason::plain(code), self.language));
        WhySaid {
            text: text.unwrap_or_default(),
            code,
        }
    }

    /// Whoever really got a permit: a purpose that names a recipient is not yet somebody who received anything.
    fn recipients(&self, decisions: &[Decision]) -> Vec<Recipient> {
        let mut by_system: BTreeMap<&str, Vec<&Decision>> = BTreeMap::new();
        for decision in decisions.iter().filter(|decision| decision.decision == "permit") {
            by_system.entry(&decision.system).or_default().push(decision);
        }
        let recipients = by_system.into_iter().map(|(system, permits)| {
            let (name, system_title) = self.system(system);
            let purposes: BTreeSet<String> =
                permits.iter().filter_map(|permit| permit.title.clone()).collect();
            let scopes: BTreeSet<&String> = permits.iter().flat_map(|permit| &permit.scopes).collect();
            Recipient {
                system: system.to_owned(),
                system_title,
                name,
                purposes: purposes.into_iter().collect(),
                data: scopes.into_iter().map(|scope| self.scope(scope)).collect(),
                first_at: permits
                    .iter()
                    .map(|permit| permit.asked_at.clone())
                    .min()
                    .unwrap_or_default(),
                last_at: permits
                    .iter()
                    .map(|permit| permit.asked_at.clone())
                    .max()
                    .unwrap_or_default(),
                times: permits.len(),
            }
        });
        recipients.collect()
    }

    fn contacts(&self) -> Vec<Contact> {
        let made = self.gathered.entries.iter();
        let made = made.filter(|entry| entry.leaf.kind.as_str() == CONTACT_REPORTED);
        let contacts = made.map(|entry| {
            let leaf = &entry.leaf;
            let fact = |name: &str| {
                let fact = leaf.extra.iter().find(|(key, _)| key.as_str() == name);
                fact.map(|(_, fact)| fact.to_string()).unwrap_or_default()
            };
            let private: Option<Value> = entry
                .private
                .as_ref()
                .and_then(|text| serde_json::from_str(text.reveal()).ok());
            let reference = private.as_ref().and_then(|facts| facts["reference"].as_str());
            let purpose = leaf.purpose.as_ref().map(ToString::to_string);
            Contact {
                at: fact("at"),
                system: leaf.system.to_string(),
                by: self.system(leaf.system.as_str()).0,
                title: purpose.as_deref().map(|purpose| self.purpose(purpose)),
                purpose,
                channel: leaf.channel.as_ref().map(ToString::to_string),
                check: fact(CHECK),
                reference: reference.map(str::to_owned),
            }
        });
        contacts.collect()
    }

    fn looked_up(&self) -> Vec<LookUp> {
        let looks = self.gathered.entries.iter().filter(|entry| {
            let kind = entry.leaf.kind.as_str();
            kind.starts_with("audit.") || kind.ends_with("package-made")
        });
        let looks = looks.map(|entry| {
            let private: Option<Value> = entry
                .private
                .as_ref()
                .and_then(|text| serde_json::from_str(text.reveal()).ok());
            let reason = private.as_ref().and_then(|facts| facts["reason"].as_str());
            LookUp {
                at: time(Moment::from_micros(entry.leaf.millis.saturating_mul(1_000))),
                kind: entry.leaf.kind.to_string(),
                system: entry.leaf.system.to_string(),
                by: self.system(entry.leaf.system.as_str()).0,
                reason: reason.map(str::to_owned),
            }
        });
        looks.collect()
    }

    fn sources(&self) -> Vec<Source> {
        let library = self.library().name;
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        for item in &self.gathered.history {
            let event = &item.event;
            let what = match &event.change {
                Change::Registered { .. } | Change::IdentifierAdded { .. } => event.system.as_str(),
                _ => continue,
            };
            let source = sources.entry(what.to_owned()).or_insert_with(|| Source {
                source: what.to_owned(),
                name: format!("{} ({library})", self.system(what).1),
                data: Vec::new(),
                since: time(event.recorded_at),
                told_at: None,
            });
            let data = match &event.change {
                Change::IdentifierAdded { scheme, .. } => self.scheme(scheme),
                _ => "membership".to_owned(),
            };
            if !source.data.contains(&data) {
                source.data.push(data);
            }
        }
        let enriched = self
            .gathered
            .standing
            .enrichments
            .iter()
            .map(|enrichment| Source {
                source: enrichment.source.to_string(),
                name: enrichment.source.to_string(),
                data: self.data(&enrichment.data_scopes),
                since: time(enrichment.since),
                told_at: enrichment.told_at.map(time),
            });
        sources.into_values().chain(enriched).collect()
    }

    fn purposes(&self) -> Vec<PurposeFacts> {
        let running = self.catalogue().purposes.values().filter(|entry| {
            entry.purpose.status == PurposeStatus::Active
                || self.gathered.standing.consents.contains_key(&entry.purpose.id)
        });
        running.map(|entry| self.purpose_facts(entry)).collect()
    }

    fn purpose_facts(&self, entry: &PurposeEntry) -> PurposeFacts {
        let purpose = &entry.purpose;
        let recipients = purpose.recipients.iter().map(|system| {
            let (name, title) = self.system(system.as_str());
            format!("{name} ({title})")
        });
        PurposeFacts {
            purpose: purpose.id.to_string(),
            version: purpose.version,
            title: self.purpose(purpose.id.as_str()),
            summary: entry
                .notice(self.language, false)
                .map(|notice| notice.summary.clone())
                .unwrap_or_default(),
            legal_basis: purpose.legal_basis.as_str(),
            basis_reference: entry.register.basis_reference.clone(),
            data: self.data(&purpose.data_scopes),
            recipients: recipients.collect(),
            retention: entry.register.retention.clone(),
            proof_retention: entry.register.proof_retention.to_string(),
            automated_decision: entry.register.automated_decision.clone(),
            you_may_object: purpose.allows_objection(),
        }
    }

    fn requests(&self) -> Vec<Requested> {
        let requests = self.gathered.requests.iter().map(|request| Requested {
            request_id: request.id.to_string(),
            kind: request.kind.as_str(),
            state: request.state.as_str(),
            received_at: time(request.received_at),
            due_at: time(request.due_at),
            ended_at: request.ended_at.map(time),
            text: request
                .received()
                .and_then(|received| received.text.as_ref())
                .map(|text| text.reveal().clone()),
        });
        requests.collect()
    }
}

/// The data scopes of a line that were permitted to one person of it.
fn bits(about: BulkOutcome, scopes: impl Iterator<Item = String>) -> BTreeSet<String> {
    let permitted = scopes.zip(0_u32..).filter(|(_, at)| {
        let bit = about.scopes.checked_shr(*at).unwrap_or(0);
        bit & 1 == 1
    });
    permitted.map(|(scope, _)| scope).collect()
}

/// Whether an event is the person's own word, or a guardian's for them.
pub(super) const fn is_own_word(kind: ActorKind) -> bool {
    matches!(kind, ActorKind::Oneself | ActorKind::Guardian)
}
