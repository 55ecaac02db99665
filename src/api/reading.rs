//! From words of the wire to types of the domain. All mistakes of a request are collected, each with its pointer.

use std::collections::BTreeSet;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};
use serde_json::{Map, Value};

use super::wire::{ActorBody, IdentifierBody, PersonReference};
use crate::domain::event::ActorKind;
use crate::domain::ids::{DataScopeId, DataSourceId, OrganisationId, PurposeId, SchemeId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::Channel;
use crate::policy::catalogue::Catalogue;
use crate::service::Service;
use crate::service::refusal::Invalid;
use crate::service::verbs::{ActorRef, Evidence, PersonRef};
use crate::web::problem::{Kind, Problem};

/// How far a caller's clock may run ahead of ours, in seconds.
const CLOCK_SKEW: i64 = 5;
/// Longest identifier value, in characters.
const IDENTIFIER: usize = 254;
/// Longest pairwise id, in characters.
const PAIRWISE: usize = 200;

/// A request that is being read.
#[derive(Debug)]
pub struct Reading {
    catalogue: std::sync::Arc<Catalogue>,
    now: Moment,
    mistakes: Vec<Invalid>,
}

impl Reading {
    /// Against the catalogue and the clock as they are now.
    pub fn new(service: &Service) -> Self {
        Self {
            catalogue: service.catalogue(),
            now: service.world().now(),
            mistakes: Vec::new(),
        }
    }

    /// Notes a mistake.
    pub fn mistake<T>(&mut self, pointer: &str, code: &'static str, detail: impl Into<String>) -> Option<T> {
        self.mistakes.push(Invalid::new(pointer, code, detail));
        None
    }

    /// What was read, if all of it was right.
    ///
    /// # Errors
    /// 400 with every mistake.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Problem> {
        match read {
            Some(read) if self.mistakes.is_empty() => Ok(read),
            _ if !self.mistakes.is_empty() => Err(Problem::invalid(self.mistakes)),
            _ => Err(Problem::new(Kind::Internal)),
        }
    }

    /// A library of the catalogue.
    pub fn organisation(&mut self, pointer: &str, text: &str) -> Option<OrganisationId> {
        match OrganisationId::from_str(text) {
            Ok(id) if self.catalogue.organisations.contains_key(&id) => Some(id),
            _ => self.mistake(
                pointer,
                "unknown-organisation",
                "The catalogue has no such library. Use an id of `policies/network.toml`.",
            ),
        }
    }

    /// A purpose of the catalogue.
    pub fn purpose(&mut self, pointer: &str, text: &str) -> Option<PurposeId> {
        match PurposeId::from_str(text) {
            Ok(id) if self.catalogue.purposes.contains_key(&id) => Some(id),
            _ => self.mistake(
                pointer,
                "unknown-purpose",
                "The catalogue has no such purpose. `GET /v1/purposes` lists them.",
            ),
        }
    }

    /// Whether the catalogue has an identifier scheme.
    pub(super) fn has_scheme(&self, id: &SchemeId) -> bool {
        self.catalogue.schemes.contains_key(id)
    }

    /// Kinds of data of the catalogue.
    pub fn data_scopes(&mut self, pointer: &str, texts: &[String]) -> Option<BTreeSet<DataScopeId>> {
        if texts.len() > 50 {
            return self.mistake(pointer, "too-many", "Give at most 50 kinds of data.");
        }
        let mut scopes = BTreeSet::new();
        let mut good = true;
        for (index, text) in texts.iter().enumerate() {
            match DataScopeId::from_str(text) {
                Ok(id) if self.catalogue.data_scopes.contains_key(&id) => {
                    scopes.insert(id);
                }
                _ => {
                    good = false;
                    self.mistake::<()>(
                        &format!("{pointer}/{index}"),
                        "unknown-data-scope",
                        "The catalogue has no such kind of data. Use an id of `policies/data-scopes.toml`.",
                    );
                }
            }
        }
        good.then_some(scopes)
    }

    /// Channels.
    pub fn channels(&mut self, pointer: &str, texts: &[String]) -> Option<BTreeSet<Channel>> {
        if texts.len() > 10 {
            return self.mistake(pointer, "too-many", "Give each channel once.");
        }
        let mut channels = BTreeSet::new();
        let mut good = true;
        for (index, text) in texts.iter().enumerate() {
            match self.word(&format!("{pointer}/{index}"), text, Channel::parse, Channel::ALL) {
                Some(channel) => {
                    channels.insert(channel);
                }
                None => good = false,
            }
        }
        good.then_some(channels)
    }

    /// A source of data; whether a purpose allows it is the engine's to say.
    pub fn data_source(&mut self, pointer: &str, text: &str) -> Option<DataSourceId> {
        match text.parse() {
            Ok(id) => Some(id),
            Err(_) => self.mistake(
                pointer,
                "invalid-value",
                "A data source is lower-case words joined by hyphens, such as `lending-system`.",
            ),
        }
    }

    /// One of a fixed list of words.
    pub fn word<T: Copy + std::fmt::Display>(
        &mut self,
        pointer: &str,
        text: &str,
        parse: fn(&str) -> Option<T>,
        all: &[T],
    ) -> Option<T> {
        parse(text).or_else(|| {
            let list: Vec<String> = all.iter().map(T::to_string).collect();
            self.mistake(
                pointer,
                "unknown-word",
                format!("Expected one of: {}.", list.join(", ")),
            )
        })
    }

    /// A language.
    pub fn language(&mut self, pointer: &str, text: &str) -> Option<Language> {
        Language::parse(text).or_else(|| self.mistake(pointer, "unknown-word", "Expected one of: nl, en."))
    }

    /// Text of bounded length, not empty.
    pub fn text(&mut self, pointer: &str, text: &str, longest: usize) -> Option<Personal<String>> {
        if (1..=longest).contains(&text.chars().count()) {
            return Some(Personal::new(text.to_owned()));
        }
        self.mistake(
            pointer,
            "invalid-length",
            format!("Give 1 to {longest} characters."),
        )
    }

    /// A text that may be absent: `Some(None)` when it is.
    pub fn optional_text(
        &mut self,
        pointer: &str,
        text: Option<&str>,
        longest: usize,
    ) -> Option<Option<Personal<String>>> {
        optional(text, |text| self.text(pointer, text, longest))
    }

    /// An identifier, normalised by its scheme.
    pub fn identifier(
        &mut self,
        pointer: &str,
        body: &IdentifierBody,
    ) -> Option<(SchemeId, Personal<String>)> {
        self.scheme_and_value(pointer, &body.scheme, &body.value)
    }

    fn scheme_and_value(
        &mut self,
        pointer: &str,
        scheme: &str,
        value: &str,
    ) -> Option<(SchemeId, Personal<String>)> {
        let catalogue = std::sync::Arc::clone(&self.catalogue);
        let Some(scheme) = SchemeId::from_str(scheme)
            .ok()
            .and_then(|id| catalogue.schemes.get(&id))
        else {
            return self.mistake(
                &format!("{pointer}/scheme"),
                "unknown-scheme",
                "The catalogue has no such kind of identifier. Use an id of `policies/network.toml`.",
            );
        };
        let normalised = (value.chars().count() <= IDENTIFIER)
            .then(|| scheme.normalise(value))
            .flatten();
        match normalised {
            Some(value) => Some((scheme.id.clone(), Personal::new(value))),
            None => self.mistake(
                &format!("{pointer}/value"),
                "invalid-value",
                format!(
                    "This cannot be an identifier of that scheme: it has 1 to {} characters of the kinds the scheme \
                     allows.",
                    scheme.max_length.min(IDENTIFIER)
                ),
            ),
        }
    }

    /// A person, by an identifier or by the caller's own id.
    pub fn person(&mut self, pointer: &str, body: &PersonReference) -> Option<PersonRef> {
        match (&body.person_id, &body.scheme, &body.value) {
            (Some(id), None, None) => self
                .person_id(&format!("{pointer}/personId"), id)
                .map(PersonRef::Pairwise),
            (None, Some(scheme), Some(value)) => self
                .scheme_and_value(pointer, scheme, value)
                .map(|(scheme, value)| PersonRef::Identifier { scheme, value }),
            (None, Some(_), None) => self.required(&format!("{pointer}/value")),
            (None, None, Some(_)) => self.required(&format!("{pointer}/scheme")),
            _ => self.mistake(
                pointer,
                "person-reference",
                "Name the person either by `scheme` and `value` or by `personId`.",
            ),
        }
    }

    /// A pairwise id. Whether it exists is the service's to say.
    pub fn person_id(&mut self, pointer: &str, text: &str) -> Option<String> {
        if (1..=PAIRWISE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Some(text.to_owned());
        }
        self.mistake(
            pointer,
            "invalid-value",
            "This is no `personId` that we gave out.",
        )
    }

    /// A member that is missing.
    pub fn required<T>(&mut self, pointer: &str) -> Option<T> {
        self.mistake(pointer, "required", "This member is missing; it has no default.")
    }

    /// An instant that is not in the future.
    pub fn past(&mut self, pointer: &str, text: &str) -> Option<Moment> {
        let moment = self.moment(pointer, text)?;
        if moment > self.now.plus_seconds(CLOCK_SKEW) {
            return self.mistake(pointer, "in-the-future", "This instant may not be in the future.");
        }
        Some(moment.min(self.now))
    }

    /// An instant.
    pub fn moment(&mut self, pointer: &str, text: &str) -> Option<Moment> {
        Moment::parse_rfc3339(text).or_else(|| {
            self.mistake(
                pointer,
                "invalid-value",
                "Expected an instant of RFC 3339 with an offset, such as 2026-11-22T12:00:00Z.",
            )
        })
    }

    /// A day.
    pub fn date(&mut self, pointer: &str, text: &str) -> Option<NaiveDate> {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|date| text.len() == 10 && (1880..=9999).contains(&date.year()));
        date.or_else(|| self.mistake(pointer, "invalid-value", "Expected a day as YYYY-MM-DD."))
    }

    /// A day that is not in the future.
    pub fn past_date(&mut self, pointer: &str, text: &str) -> Option<NaiveDate> {
        let date = self.date(pointer, text)?;
        if date > self.now.date(self.catalogue.network.zone) {
            return self.mistake(pointer, "in-the-future", "This day may not be in the future.");
        }
        Some(date)
    }

    /// Facts that prove an act.
    pub fn evidence(&mut self, pointer: &str, facts: &Map<String, Value>) -> Option<Evidence> {
        let short = |text: &str| text.chars().count() <= 200;
        let scalar = |value: &Value| match value {
            Value::String(text) => short(text),
            Value::Number(_) | Value::Bool(_) => true,
            Value::Null | Value::Array(_) | Value::Object(_) => false,
        };
        let good = facts.len() <= 20
            && facts
                .iter()
                .all(|(name, value)| name.chars().count() <= 60 && scalar(value));
        if good {
            return Some(Personal::new(facts.clone()));
        }
        self.mistake(
            pointer,
            "invalid-evidence",
            "Give at most 20 members with names of at most 60 characters; each is a text of at most 200 characters, a \
             number or a boolean.",
        )
    }

    /// Who speaks.
    pub fn actor(&mut self, pointer: &str, body: &ActorBody) -> Option<ActorRef> {
        let kind = self.word(
            &format!("{pointer}/type"),
            &body.kind,
            ActorKind::parse,
            ActorKind::ALL,
        )?;
        let guardian = optional(body.guardian.as_ref(), |guardian| {
            self.person(&format!("{pointer}/guardian"), guardian)
        });
        let staff = self.optional_text(&format!("{pointer}/staff"), body.staff.as_deref(), 100);
        if kind == ActorKind::Guardian && body.guardian.is_none() {
            return self.required(&format!("{pointer}/guardian"));
        }
        if kind != ActorKind::Guardian && body.guardian.is_some() {
            return self.mistake(
                &format!("{pointer}/guardian"),
                "not-a-guardian",
                "Name a guardian only where `type` is `guardian`.",
            );
        }
        Some(ActorRef {
            kind,
            guardian: guardian?,
            staff: staff?,
        })
    }
}

/// Reads what may be absent: `Some(None)` when it is, `None` when it is wrong.
pub fn optional<T, U>(value: Option<T>, read: impl FnOnce(T) -> Option<U>) -> Option<Option<U>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}
