//! Everything that happens to a person is an event; the record is the fold of the events.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::consent::{ConsentAct, IndicationMethod};
use super::ids::{
    DataScopeId, DataSourceId, EventId, IdentifierId, OrganisationId, PersonId, PurposeId, SchemeId, SystemId,
};
use super::moment::Moment;
use super::person::{
    Enrichment, GuardianLink, GuardianVerification, Identifier, Membership, PersonRecord, Standing,
};
use super::personal::Personal;
use super::preference::Preferences;

/// Something that happened to a person at one library, complete enough to prove it years later (R4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Id.
    pub id: EventId,
    /// At which library.
    pub organisation: OrganisationId,
    /// When it was recorded: the order of the history.
    pub recorded_at: Moment,
    /// When it happened; earlier than recorded for paper and imports, never later.
    pub occurred_at: Moment,
    /// Through which system.
    pub system: SystemId,
    /// Who acted.
    pub actor: Actor,
    /// Form number, scan reference and the like, in the caller's own keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Personal<serde_json::Map<String, serde_json::Value>>>,
    /// The version of the catalogue in force.
    pub policy: String,
    /// What happened.
    pub change: Change,
}

/// What sort of actor recorded an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// The person.
    #[serde(rename = "self")]
    Oneself,
    /// A guardian.
    Guardian,
    /// Somebody of the library.
    Staff,
    /// A program.
    System,
    /// An import.
    Import,
}

super::purpose::words!(ActorKind {
    Oneself => "self", Guardian => "guardian", Staff => "staff", System => "system", Import => "import",
});

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What sort.
    pub kind: ActorKind,
    /// The guardian, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardian: Option<PersonId>,
    /// The staff member's own number in the library's system, where one acted or typed. Never shown to members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub staff: Option<Personal<String>>,
}

impl Actor {
    /// An actor with nothing but its kind.
    pub const fn plain(kind: ActorKind) -> Self {
        Self {
            kind,
            guardian: None,
            staff: None,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Change {
    /// Membership, birth date or language was recorded; what is absent stays as it was.
    Registered {
        /// Membership.
        membership: Option<Membership>,
        /// Birth date.
        birth_date: Option<Personal<NaiveDate>>,
        /// Language.
        language: Option<super::preference::Language>,
    },
    /// An identifier was added.
    IdentifierAdded {
        /// Its id.
        identifier: IdentifierId,
        /// Kind.
        scheme: SchemeId,
        /// Normalised value.
        value: Personal<String>,
    },
    /// An identifier was removed.
    IdentifierRemoved {
        /// Its id.
        identifier: IdentifierId,
    },
    /// A word on consent.
    Consent(ConsentAct),
    /// An objection to all direct marketing (`purpose` absent) or to one purpose.
    Objected {
        /// The purpose.
        purpose: Option<PurposeId>,
        /// How.
        method: IndicationMethod,
    },
    /// The objection was lifted by the person.
    ObjectionEnded {
        /// The purpose; absent for direct marketing.
        purpose: Option<PurposeId>,
    },
    /// Processing was restricted.
    Restricted {
        /// The ground of GDPR art. 18(1): `accuracy`, `unlawful`, `claim`, `objection`.
        ground: String,
    },
    /// The restriction was lifted.
    RestrictionEnded,
    /// Preferences were replaced.
    PreferencesSet(Preferences),
    /// A guardian was verified.
    GuardianLinked {
        /// The guardian.
        guardian: PersonId,
        /// How.
        verification: GuardianVerification,
    },
    /// A guardian link ended.
    GuardianUnlinked {
        /// The guardian.
        guardian: PersonId,
    },
    /// This person became guardian of a child.
    WardLinked {
        /// The child.
        child: PersonId,
    },
    /// This person is no longer guardian of a child.
    WardUnlinked {
        /// The child.
        child: PersonId,
    },
    /// A permit to enrich was given: data from a source will arrive, and the person must be told (GDPR art. 14).
    Enriched {
        /// Purpose.
        purpose: PurposeId,
        /// Source.
        source: DataSourceId,
        /// Data.
        data_scopes: BTreeSet<DataScopeId>,
    },
    /// The person was told where enriched data came from.
    SourceNoticeDelivered {
        /// Purpose.
        purpose: PurposeId,
        /// Source.
        source: DataSourceId,
    },
    /// Another person turned out to be the same one; the record as merged, the stricter state per purpose.
    Merged {
        /// The person that was merged into this one.
        from: PersonId,
        /// The record after the merge.
        record: Box<PersonRecord>,
    },
    /// A yes will end soon, and systems were reminded of it (R11).
    ExpiryNear {
        /// The purpose.
        purpose: PurposeId,
        /// When it ends.
        ends: Moment,
    },
    /// A legal hold was placed.
    Held,
    /// The legal hold ended.
    HoldEnded,
    /// What was past its written term was removed (GDPR art. 5(1)(e)); this is what remains at this library, if anything
    /// does. It says nothing about what went.
    Condensed {
        /// The standing that remains.
        standing: Option<Box<Standing>>,
        /// The identifiers of the person, where the event that told of them went too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identifiers: Option<Vec<Identifier>>,
    },
}

impl PersonRecord {
    /// The record after an event. Total: an event that no longer finds its object changes nothing.
    pub fn apply(&mut self, event: &Event) {
        match &event.change {
            Change::IdentifierAdded {
                identifier,
                scheme,
                value,
            } => self.identifiers.push(Identifier {
                id: *identifier,
                scheme: scheme.clone(),
                value: value.clone(),
                organisation: event.organisation.clone(),
            }),
            Change::IdentifierRemoved { identifier } => self.identifiers.retain(|i| i.id != *identifier),
            Change::Merged { record, .. } => *self = (**record).clone(),
            Change::Condensed {
                standing,
                identifiers,
            } => {
                match standing {
                    Some(standing) => {
                        self.standings
                            .insert(event.organisation.clone(), (**standing).clone());
                    }
                    None => {
                        self.standings.remove(&event.organisation);
                    }
                }
                if let Some(identifiers) = identifiers {
                    self.identifiers.clone_from(identifiers);
                }
            }
            change => self
                .standings
                .entry(event.organisation.clone())
                .or_default()
                .apply(change, event),
        }
        if let Some(standing) = self.standings.get_mut(&event.organisation) {
            standing.revision += 1;
        }
    }
}

impl Standing {
    fn apply(&mut self, change: &Change, event: &Event) {
        let at = event.occurred_at;
        match change {
            Change::Registered {
                membership,
                birth_date,
                language,
            } => {
                if membership.is_some() {
                    self.membership.clone_from(membership);
                }
                if birth_date.is_some() {
                    self.birth_date.clone_from(birth_date);
                }
                if language.is_some() {
                    self.preferences.language = *language;
                }
            }
            Change::Consent(act) => {
                if let Some(consent) = act.apply(self.consents.get(&act.purpose), at, event.id) {
                    self.consents.insert(act.purpose.clone(), consent);
                }
            }
            // The last time it was said counts, so that a lift that was written before it and arrives after it is no lift.
            Change::Objected { purpose: None, .. } => {
                self.marketing_objection = self.marketing_objection.max(Some(at));
            }
            Change::Objected {
                purpose: Some(purpose),
                ..
            } => {
                let since = self.objections.entry(purpose.clone()).or_insert(at);
                *since = at.max(*since);
            }
            Change::ObjectionEnded { purpose: None } => {
                self.marketing_objection = self.marketing_objection.filter(|said| at < *said);
            }
            Change::ObjectionEnded {
                purpose: Some(purpose),
            } => self.objections.retain(|of, said| of != purpose || at < *said),
            Change::Restricted { .. } => {
                self.restricted.get_or_insert(at);
            }
            Change::RestrictionEnded => self.restricted = None,
            Change::ExpiryNear { purpose, ends } => {
                if let Some(consent) = self.consents.get_mut(purpose) {
                    consent.reminded = Some(*ends);
                }
            }
            Change::Held => {
                self.held.get_or_insert(at);
            }
            Change::HoldEnded => self.held = None,
            Change::PreferencesSet(preferences) => self.preferences = preferences.clone(),
            Change::GuardianLinked {
                guardian,
                verification,
            } => {
                if !self.has_guardian(*guardian) {
                    self.guardians.push(GuardianLink {
                        guardian: *guardian,
                        verification: *verification,
                        since: at,
                    });
                }
            }
            Change::GuardianUnlinked { guardian } => self.guardians.retain(|link| link.guardian != *guardian),
            Change::WardLinked { child } => {
                self.wards.insert(*child);
            }
            Change::WardUnlinked { child } => {
                self.wards.remove(child);
            }
            Change::Enriched {
                purpose,
                source,
                data_scopes,
            } => {
                self.enriched(purpose, source, data_scopes, at);
            }
            Change::SourceNoticeDelivered { purpose, source } => {
                for enrichment in &mut self.enrichments {
                    let these = enrichment.purpose == *purpose && enrichment.source == *source;
                    // Nobody was told of data before there were any.
                    if these && enrichment.since <= at {
                        enrichment.told_at.get_or_insert(at);
                    }
                }
            }
            // These change the whole record, see `PersonRecord::apply`.
            Change::IdentifierAdded { .. }
            | Change::IdentifierRemoved { .. }
            | Change::Merged { .. }
            | Change::Condensed { .. } => {}
        }
    }

    fn enriched(
        &mut self,
        purpose: &PurposeId,
        source: &DataSourceId,
        scopes: &BTreeSet<DataScopeId>,
        at: Moment,
    ) {
        let known = self
            .enrichments
            .iter_mut()
            .find(|e| e.purpose == *purpose && e.source == *source);
        match known {
            Some(enrichment) if scopes.is_subset(&enrichment.data_scopes) => {}
            Some(enrichment) => {
                enrichment.data_scopes.extend(scopes.iter().cloned());
                enrichment.since = at;
                enrichment.told_at = None;
            }
            None => self.enrichments.push(Enrichment {
                purpose: purpose.clone(),
                source: source.clone(),
                data_scopes: scopes.clone(),
                since: at,
                told_at: None,
            }),
        }
    }
}

impl Change {
    /// The kind of audit leaf this change makes.
    pub const fn leaf_kind(&self) -> &'static str {
        match self {
            Self::Registered { .. } => "person.registered",
            Self::IdentifierAdded { .. } => "identifier.added",
            Self::IdentifierRemoved { .. } => "identifier.removed",
            Self::Consent(act) => match act.status {
                super::consent::ConsentStatus::Given => "consent.given",
                super::consent::ConsentStatus::Refused => "consent.refused",
                super::consent::ConsentStatus::Withdrawn => "consent.withdrawn",
                super::consent::ConsentStatus::Renewed => "consent.renewed",
                super::consent::ConsentStatus::Requested => "consent.requested",
                super::consent::ConsentStatus::Revoked => "consent.revoked",
            },
            Self::Objected { .. } => "objection.made",
            Self::ObjectionEnded { .. } => "objection.ended",
            Self::Restricted { .. } => "restriction.set",
            Self::RestrictionEnded => "restriction.ended",
            Self::PreferencesSet(_) => "preferences.set",
            Self::GuardianLinked { .. } | Self::WardLinked { .. } => "guardian.linked",
            Self::GuardianUnlinked { .. } | Self::WardUnlinked { .. } => "guardian.unlinked",
            Self::Enriched { .. } => "enrichment.permitted",
            Self::SourceNoticeDelivered { .. } => "enrichment.notified",
            Self::Merged { .. } => "person.merged",
            Self::ExpiryNear { .. } => "consent.expiring",
            Self::Held => "retention.held",
            Self::HoldEnded => "retention.hold-ended",
            Self::Condensed { .. } => "retention.applied",
        }
    }

    /// The purpose it concerns, where it concerns one.
    pub const fn purpose(&self) -> Option<&PurposeId> {
        match self {
            Self::Consent(act) => Some(&act.purpose),
            Self::Objected { purpose, .. } | Self::ObjectionEnded { purpose } => purpose.as_ref(),
            Self::Enriched { purpose, .. }
            | Self::SourceNoticeDelivered { purpose, .. }
            | Self::ExpiryNear { purpose, .. } => Some(purpose),
            _ => None,
        }
    }
}
