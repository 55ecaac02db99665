//! What differs between two catalogues, in words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::super::catalogue::{Catalogue, DataScope, Notice, Organisation, PurposeEntry, Scheme, System};
use super::{Change, Sort};
use crate::domain::ids::PurposeId;
use crate::domain::purpose::LegalBasis;

/// Everything that differs; without an old catalogue, everything is new.
pub(super) fn between(old: Option<&Catalogue>, new: &Catalogue) -> Vec<Change> {
    let mut differences = Differences { changes: Vec::new() };
    if let Some(old) = old {
        let details = differing(&network_facts(old), &network_facts(new));
        differences.changed("network", &new.network.id, details, false);
    }
    differences.compare(
        "organisation",
        old.map(|c| &c.organisations),
        &new.organisations,
        organisation_facts,
    );
    differences.compare(
        "identifier scheme",
        old.map(|c| &c.schemes),
        &new.schemes,
        scheme_facts,
    );
    differences.compare(
        "data scope",
        old.map(|c| &c.data_scopes),
        &new.data_scopes,
        scope_facts,
    );
    differences.compare("system", old.map(|c| &c.systems), &new.systems, system_facts);
    differences.purposes(old, new);
    differences.changes
}

struct Differences {
    changes: Vec<Change>,
}

impl Differences {
    fn changed(&mut self, what: &str, id: &str, details: Vec<String>, choose_again: bool) {
        if !details.is_empty() {
            self.push(Sort::Changed, what, id, details, choose_again);
        }
    }

    fn push(&mut self, sort: Sort, what: &str, id: &str, details: Vec<String>, choose_again: bool) {
        let (what, id) = (what.to_owned(), id.to_owned());
        self.changes.push(Change {
            sort,
            what,
            id,
            details,
            choose_again,
        });
    }

    fn compare<K: Ord + fmt::Display, V>(
        &mut self,
        what: &str,
        old: Option<&BTreeMap<K, V>>,
        new: &BTreeMap<K, V>,
        facts: impl Fn(&V) -> Facts,
    ) {
        for (id, value) in new {
            match old.and_then(|old| old.get(id)) {
                None => self.push(Sort::New, what, &id.to_string(), Vec::new(), false),
                Some(before) => {
                    self.changed(
                        what,
                        &id.to_string(),
                        differing(&facts(before), &facts(value)),
                        false,
                    );
                }
            }
        }
        for id in old
            .into_iter()
            .flat_map(BTreeMap::keys)
            .filter(|id| !new.contains_key(id))
        {
            self.push(Sort::Removed, what, &id.to_string(), Vec::new(), false);
        }
    }

    fn purposes(&mut self, old: Option<&Catalogue>, new: &Catalogue) {
        for (id, entry) in &new.purposes {
            match old.and_then(|old| old.purposes.get(id)) {
                None => {
                    let details = vec![format!(
                        "version {}, {}",
                        entry.purpose.version, entry.purpose.legal_basis
                    )];
                    self.push(Sort::New, "purpose", id.as_str(), details, false);
                }
                Some(before) => self.purpose(id, before, entry),
            }
        }
        let before = old.into_iter().flat_map(|old| &old.purposes);
        for (id, entry) in before.filter(|(id, _)| !new.purposes.contains_key(*id)) {
            let details = vec![format!(
                "version {}: every question is denied from now on",
                entry.purpose.version
            )];
            self.push(Sort::Removed, "purpose", id.as_str(), details, false);
        }
    }

    fn purpose(&mut self, id: &PurposeId, before: &PurposeEntry, after: &PurposeEntry) {
        let (old, new) = (&before.purpose, &after.purpose);
        // Those who were shown the running version may hold a yes that no longer counts.
        let again = new.consent_valid_from > old.version && new.legal_basis == LegalBasis::Consent;
        let mut details = differing(&purpose_facts(before), &purpose_facts(after));
        let words = differing_words(&before.notices, &after.notices);
        if !words.is_empty() {
            details.push(format!("words: {}", words.join(", ")));
        }
        if again {
            details.push("members who said yes must choose again".to_owned());
        }
        self.changed("purpose", id.as_str(), details, again);
    }
}

/// Named facts: either one value, or a set of which members come and go.
type Facts = Vec<(String, Fact)>;

#[derive(PartialEq)]
enum Fact {
    One(String),
    Many(BTreeSet<String>),
}

fn one(name: &str, value: impl fmt::Display) -> (String, Fact) {
    (name.to_owned(), Fact::One(value.to_string()))
}

fn many(name: &str, values: impl IntoIterator<Item = impl fmt::Display>) -> (String, Fact) {
    (
        name.to_owned(),
        Fact::Many(values.into_iter().map(|value| value.to_string()).collect()),
    )
}

fn facts_of_debug(values: &[(&str, &dyn fmt::Debug)]) -> Facts {
    values
        .iter()
        .map(|(name, value)| one(name, format_args!("{value:?}")))
        .collect()
}

fn differing(old: &Facts, new: &Facts) -> Vec<String> {
    let names: BTreeSet<&String> = old.iter().chain(new).map(|(name, _)| name).collect();
    names
        .into_iter()
        .filter_map(|name| describe(name, value(old, name), value(new, name)))
        .collect()
}

fn value<'f>(facts: &'f Facts, name: &str) -> Option<&'f Fact> {
    facts.iter().find(|(own, _)| own == name).map(|(_, fact)| fact)
}

fn network_facts(catalogue: &Catalogue) -> Facts {
    let network = &catalogue.network;
    facts_of_debug(&[
        ("id", &network.id),
        ("name", &network.name),
        ("jurisdiction", &network.jurisdiction),
        ("time zone", &network.zone),
        ("languages", &network.languages),
        ("processor", &network.processor),
        ("supervisory authority", &network.authority),
        ("retention of the logs", &network.log_retention),
        ("retention of what is known about people", &network.retention),
    ])
}

fn organisation_facts(organisation: &Organisation) -> Facts {
    facts_of_debug(&[
        ("name", &organisation.name),
        ("legal name", &organisation.legal_name),
        ("kvk", &organisation.kvk),
        ("address", &organisation.address),
        ("e-mail", &organisation.email),
        ("phone", &organisation.phone),
        ("website", &organisation.website),
        ("officer", &organisation.dpo_name),
        ("officer's e-mail", &organisation.dpo_email),
    ])
}

fn scheme_facts(scheme: &Scheme) -> Facts {
    facts_of_debug(&[
        ("title", &scheme.title),
        ("normalise", &scheme.normalise),
        ("longest", &scheme.max_length),
    ])
}

fn scope_facts(scope: &DataScope) -> Facts {
    facts_of_debug(&[
        ("term", &scope.term),
        ("broader term", &scope.broader),
        ("title", &scope.title),
        ("sensitive", &scope.sensitive),
        ("special category", &scope.special_category),
    ])
}

fn system_facts(system: &System) -> Facts {
    let mut facts = vec![
        one("title", format_args!("{:?}", system.title)),
        one("recipient", &system.recipient),
        many("identifier schemes", &system.schemes),
        one(
            "limits",
            format_args!("{} a second, {} at once", system.per_second, system.burst),
        ),
    ];
    facts.push(match &system.organisations {
        Some(organisations) => many("organisations", organisations),
        None => many("organisations", ["all"]),
    });
    let may = system.grants.iter().flat_map(|grant| {
        let ways: Vec<String> = if grant.channels.is_empty() {
            vec![String::new()]
        } else {
            grant
                .channels
                .iter()
                .map(|channel| format!(" by {channel}"))
                .collect()
        };
        let scopes = listed(&grant.data_scopes);
        let actions: Vec<_> = grant.actions.iter().copied().collect();
        grant.purposes.iter().flat_map(move |purpose| {
            let (ways, scopes, purpose) = (ways.clone(), scopes.clone(), purpose.clone());
            actions.clone().into_iter().flat_map(move |action| {
                let (scopes, purpose) = (scopes.clone(), purpose.clone());
                ways.clone()
                    .into_iter()
                    .map(move |way| format!("{action} for {purpose}{way} with {scopes}"))
            })
        })
    });
    facts.push(many("may", may));
    facts
}

fn listed(items: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let words: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if words.is_empty() {
        "no data".to_owned()
    } else {
        words.join(", ")
    }
}

fn purpose_facts(entry: &PurposeEntry) -> Facts {
    let (purpose, register) = (&entry.purpose, &entry.register);
    let mut facts = vec![
        one("version", purpose.version),
        one("legal basis", purpose.legal_basis),
        one("proof retention", register.proof_retention),
        one("retention", &register.retention),
        many("actions", &purpose.actions),
        many("data", &purpose.data_scopes),
        many("sources", &purpose.enrichment_sources),
        many("channels", &purpose.channels),
        many("recipients", &purpose.recipients),
    ];
    facts.extend(facts_of_debug(&[
        ("status", &purpose.status),
        ("explicit", &purpose.explicit),
        ("class", &purpose.communication_class),
        ("why that class", &register.class_motivation),
        ("validity", &purpose.validity.map(|p| p.to_string())),
        (
            "ask again after",
            &purpose.reask_not_before.map(|p| p.to_string()),
        ),
        ("age", &purpose.age),
        ("customer exception", &purpose.customer_exception),
        ("exempt from restriction", &purpose.restriction_exempt),
        ("only for schools", &purpose.school_domain),
        ("term", &register.dpv),
        ("basis reference", &register.basis_reference),
        ("impact assessment", &register.dpia),
        ("automated decision", &register.automated_decision),
        ("role of the library", &register.controller_role),
        ("joint arrangement", &register.joint_arrangement),
        ("without an answer", &register.fail_mode),
        ("approved by", &register.approved_by),
        ("approved on", &register.approved_on),
    ]));
    facts
}

fn describe(name: &str, old: Option<&Fact>, new: Option<&Fact>) -> Option<String> {
    match (old, new) {
        (Some(Fact::Many(old)), Some(Fact::Many(new))) => {
            let added = new.difference(old).map(|item| format!("+ {item}"));
            let gone = old.difference(new).map(|item| format!("- {item}"));
            let items: Vec<String> = added.chain(gone).collect();
            (!items.is_empty()).then(|| format!("{name}: {}", items.join("; ")))
        }
        (Some(Fact::One(old)), Some(Fact::One(new))) => {
            (old != new).then(|| format!("{name}: {old} -> {new}"))
        }
        _ => None,
    }
}

fn differing_words(old: &BTreeMap<String, Notice>, new: &BTreeMap<String, Notice>) -> Vec<String> {
    let variants: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    variants
        .into_iter()
        .filter(|variant| old.get(*variant).map(|n| &n.bytes) != new.get(*variant).map(|n| &n.bytes))
        .cloned()
        .collect()
}
