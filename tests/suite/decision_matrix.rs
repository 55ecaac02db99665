//! Every decision on one page: what the engine answers for each legal basis, whatever was said, whoever said it, at any
//! age, under any objection, restriction and preference, by any channel. A lawyer reads `decision_matrix.txt`; this test
//! holds it to the engine. `BLESS=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use akkoord::crypto::sha256;
use akkoord::domain::consent::{Consent, ConsentStatus, IndicationMethod, Party};
use akkoord::domain::decision::{CustomerFact, Question, ReasonCode, Verdict};
use akkoord::domain::ids::{EventId, PersonId};
use akkoord::domain::moment::Moment;
use akkoord::domain::person::{Enrichment, Membership, MembershipKind, PersonRecord, Standing};
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::{Language, PurposePreference};
use akkoord::domain::purpose::{Action, Channel, LegalBasis, OnAgeOfConsent, Purpose};
use akkoord::policy::catalogue::{Catalogue, Grant, System};
use akkoord::policy::evaluate::{Subject, evaluate};
use akkoord::policy::load::{CompileOptions, compile, read_folder};
use akkoord::policy::meaning::VersionHistory;
use chrono::{Days, NaiveDate};

use crate::support::source::root;

const COMMITTED: &str = "tests/suite/decision_matrix.txt";

#[test]
fn every_decision_is_the_committed_one() {
    let shown = whole(&shipped());
    let committed = root().join(COMMITTED);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&committed, &shown).unwrap();
    }
    let known = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        shown == known,
        "decisions changed; look at the difference after `BLESS=1 cargo test decision_matrix`"
    );
}

fn shipped() -> Catalogue {
    let files = read_folder(&root().join("policies")).unwrap();
    let history = VersionHistory::of(&files).unwrap();
    compile(
        &files,
        "2026-11-01.1",
        &history,
        CompileOptions::default(),
        &sha256,
    )
    .unwrap()
}

/// Noon in Amsterdam on the day of the page.
fn now() -> Moment {
    Moment::parse_rfc3339("2026-11-22T12:00:00+01:00").unwrap()
}

const LIBRARY: &str = "bibliotheek-de-linde";

const HEAD: &str = "\
DECISIONS OF AKKOORD
What the engine answers, for every purpose of the shipped catalogue (policies/), computed by the engine itself.
Written by `BLESS=1 cargo test decision_matrix`; a test compares it with the engine. Do not edit by hand.

How to read it
* One table holds for all purposes named above it. A purpose may have more actions; each stands in one table.
* Rows: what the person or a guardian last said about the purpose (for the customer exception: what is known of the
  membership), and how old the person is.
* Columns: circumstances. Every combination of
    profile      the library's own, or made by a school
    restriction  none, or processing is restricted (GDPR art. 18)
    objection    none, to this purpose, or to all direct marketing (GDPR art. 21)
    channel      open, switched off by the person, paused by the person, or none of this purpose (where somebody is contacted)
    data         some may be used, none may be used, or some came from elsewhere and the person was not told yet (GDPR art. 14)
  is in exactly one column, or in one of the lines \"in every row\".
* Cells: PERMIT, or the decisive reason of the deny. A deny may have more reasons; every one of them is given to the caller.
* \"Yes\" was said 61 days before the day of the page and shown the current notice, unless the row says otherwise.
  \"At 15\" was said 300 days before.

";

fn whole(catalogue: &Catalogue) -> String {
    let mut page = HEAD.to_owned();
    legend(&mut page);
    before_the_person(catalogue, &mut page);
    let mut tables: Vec<(LegalBasis, String, Vec<String>)> = Vec::new();
    for entry in catalogue.purposes.values() {
        let purpose = &entry.purpose;
        for action in &purpose.actions {
            let table = Table::of(catalogue, purpose, *action).shown();
            let name = format!("{} ({action})", purpose.id);
            match tables
                .iter_mut()
                .find(|(basis, text, _)| *basis == purpose.legal_basis && *text == table)
            {
                Some((_, _, names)) => names.push(name),
                None => tables.push((purpose.legal_basis, table, vec![name])),
            }
        }
    }
    for basis in LegalBasis::ALL {
        writeln!(page, "\n{0}\n{1}\n{0}", "=".repeat(100), title(*basis)).unwrap();
        for (_, table, names) in tables.iter().filter(|(of, ..)| of == basis) {
            writeln!(page, "\n{}\n\n{table}", wrapped(names)).unwrap();
        }
    }
    page
}

fn title(basis: LegalBasis) -> String {
    let law = match basis {
        LegalBasis::Consent => "GDPR art. 6(1)(a)",
        LegalBasis::Contract => "GDPR art. 6(1)(b)",
        LegalBasis::LegalObligation => "GDPR art. 6(1)(c)",
        LegalBasis::PublicTask => "GDPR art. 6(1)(e)",
        LegalBasis::LegitimateInterest => "GDPR art. 6(1)(f)",
        LegalBasis::CustomerException => "GDPR art. 6(1)(f) with Telecommunicatiewet art. 11.7(3)",
    };
    format!("{} — {law}", basis.as_str().to_uppercase())
}

fn wrapped(names: &[String]) -> String {
    let mut lines = vec![String::new()];
    for (at, name) in names.iter().enumerate() {
        let word = if at + 1 < names.len() {
            format!("{name}, ")
        } else {
            name.clone()
        };
        if lines.last().unwrap().len() + word.len() > 100 {
            lines.push(String::new());
        }
        lines.last_mut().unwrap().push_str(&word);
    }
    lines
        .iter()
        .map(|line| line.trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

/// The word of a cell and what it means.
fn word(code: ReasonCode) -> (&'static str, &'static str) {
    use ReasonCode as Code;
    match code {
        Code::PermitConsent => ("PERMIT", "a valid consent"),
        Code::PermitContract => ("PERMIT", "needed for what the member asked for"),
        Code::PermitLegalObligation => ("PERMIT", "the law demands it"),
        Code::PermitPublicTask => ("PERMIT", "a public task"),
        Code::PermitLegitimateInterest => ("PERMIT", "a legitimate interest, weighed and on file"),
        Code::PermitCustomerException => ("PERMIT", "own customer, own similar offer"),
        Code::DenyNoConsent => (
            "no-consent",
            "nobody asked, nobody answered, or the one who spoke cannot consent to this",
        ),
        Code::DenyRefused => ("refused", "the person or a guardian said no"),
        Code::DenyWithdrawn => ("withdrawn", "the consent was taken back, or ended by the library"),
        Code::DenyExpired => ("expired", "the consent is past its validity"),
        Code::DenyNoticeOutdated => ("outdated", "the meaning of the purpose changed since the consent"),
        Code::DenyGuardianRequired => (
            "guardian",
            "under 16 (or of unknown age) and no guardian consented",
        ),
        Code::DenyGuardianAuthorityEnded => ("grown-up", "a guardian spoke for somebody who was already 16"),
        Code::DenyReconfirmDue => (
            "reconfirm",
            "16 since longer than the time to confirm a guardian's consent",
        ),
        Code::DenyObjection => ("objection", "an objection stands"),
        Code::DenyRestricted => ("restricted", "processing is restricted"),
        Code::DenyErased => ("erased", "the person was erased"),
        Code::DenyPurposeInactive => ("inactive", "the purpose is not, or no longer, published"),
        Code::DenyScope => ("scope", "none of the data may be used"),
        Code::DenyChannel => ("channel", "not by this channel, or not now"),
        Code::DenyController => ("controller", "the system may not ask this for this library"),
        Code::DenyCustomerExceptionIncomplete => {
            ("not-customer", "a fact of the customer exception is missing")
        }
        Code::DenyArt14NoticeDue => (
            "untold",
            "the person was not yet told where enriched data came from",
        ),
        Code::DenySchoolDomain => (
            "school",
            "a school's profile is not the library's to use, or the reverse",
        ),
        Code::DenyUnknownSubject => ("unknown", "nobody by that name at this library"),
    }
}

fn legend(page: &mut String) {
    page.push_str("Words in the cells\n");
    for code in ReasonCode::ALL {
        let (short, meaning) = word(*code);
        writeln!(page, "  {short:<13} {:<36} {meaning}", code.as_str()).unwrap();
    }
}

/// What is decided without looking at anything the person said: the same for every purpose and action.
fn before_the_person(catalogue: &Catalogue, page: &mut String) {
    let mut codes: BTreeMap<&str, BTreeSet<ReasonCode>> = BTreeMap::new();
    for entry in catalogue.purposes.values() {
        let purpose = &entry.purpose;
        for action in &purpose.actions {
            let asked = asked(catalogue, purpose, *action);
            let question = &asked.question;
            let mut stopped = catalogue.clone();
            let held = std::sync::Arc::make_mut(stopped.purposes.get_mut(&purpose.id).unwrap());
            held.purpose.status = akkoord::domain::purpose::PurposeStatus::Ended;
            let here = record(LIBRARY, Standing::default());
            let elsewhere = record("bibliotheek-het-kompas", Standing::default());
            let unknown_purpose = Question {
                purpose: "horoscope".parse().unwrap(),
                ..question.clone()
            };
            let unknown_system = Question {
                system: "nobody".parse().unwrap(),
                ..question.clone()
            };
            let unknown_library = Question {
                organisation: "atlantis".parse().unwrap(),
                ..question.clone()
            };
            let cases = [
                (
                    "1 the purpose does not exist",
                    catalogue,
                    Subject::Known(&here),
                    &unknown_purpose,
                ),
                (
                    "2 the system has no grant for it",
                    catalogue,
                    Subject::Known(&here),
                    &unknown_system,
                ),
                (
                    "3 the library does not exist",
                    catalogue,
                    Subject::Known(&here),
                    &unknown_library,
                ),
                (
                    "4 the purpose is a draft or has ended",
                    &stopped,
                    Subject::Known(&here),
                    question,
                ),
                (
                    "5 nobody by that identifier",
                    catalogue,
                    Subject::Unknown,
                    question,
                ),
                ("6 somebody who was erased", catalogue, Subject::Erased, question),
                (
                    "7 a member of another library only",
                    catalogue,
                    Subject::Known(&elsewhere),
                    question,
                ),
            ];
            for (what, catalogue, subject, question) in cases {
                let verdict = evaluate(catalogue, subject, question, now());
                codes.entry(what).or_default().insert(verdict.decisive());
            }
        }
    }
    page.push_str("\nBefore anything about the person counts, for every purpose and action\n");
    for (what, codes) in codes {
        let [code] = codes.iter().copied().collect::<Vec<_>>()[..] else {
            panic!("{what}: {codes:?}")
        };
        writeln!(page, "  {what:<40} {}", word(code).0).unwrap();
    }
}

/// A question that is in order, and a channel that is not of the purpose.
struct Asked {
    question: Question,
    foreign_channel: Option<Channel>,
}

fn asked(catalogue: &Catalogue, purpose: &Purpose, action: Action) -> Asked {
    let grant_of = |system: &System| -> Option<Grant> {
        system
            .grants_for(&purpose.id, action)
            .find(|grant| action != Action::Contact || !grant.channels.is_empty())
            .cloned()
    };
    let (system, grant) = catalogue
        .systems
        .values()
        .find_map(|system| Some((system.id.clone(), grant_of(system)?)))
        .unwrap_or_else(|| panic!("no system may {action} for {}", purpose.id));
    let contact = action == Action::Contact;
    Asked {
        question: Question {
            system,
            organisation: LIBRARY.parse().unwrap(),
            purpose: purpose.id.clone(),
            action,
            channel: grant.channels.first().copied().filter(|_| contact),
            data_scopes: grant.data_scopes,
            data_source: purpose
                .enrichment_sources
                .first()
                .cloned()
                .filter(|_| action == Action::Enrich),
        },
        foreign_channel: Channel::ALL
            .iter()
            .copied()
            .find(|c| contact && !purpose.channels.contains(c)),
    }
}

fn record(library: &str, standing: Standing) -> PersonRecord {
    PersonRecord {
        identifiers: Vec::new(),
        standings: [(library.parse().unwrap(), standing)].into(),
    }
}

/// The dimensions of the columns, each with its values.
const DIMENSIONS: [&[&str]; 5] = [
    &["own profile", "school's profile"],
    &["not restricted", "restricted"],
    &["no objection", "objection to this", "objection to all marketing"],
    &[
        "channel open",
        "switched off",
        "paused",
        "channel not of the purpose",
    ],
    &[
        "data may be used",
        "no data may be used",
        "data the person was not told of",
    ],
];

type Circumstances = [usize; 5];

/// What was said, at which age: the rows before anything is grouped.
struct Row {
    said: &'static str,
    age: &'static str,
    standing: Standing,
}

/// Ages as days since a birthday of so many years.
const AGES: [(&str, Option<(i32, u64)>); 7] = [
    ("unknown", None),
    ("8", Some((8, 30))),
    ("14", Some((14, 30))),
    ("16 since 10 days", Some((16, 10))),
    ("16 since 100 days", Some((16, 100))),
    ("17", Some((17, 30))),
    ("40", Some((40, 30))),
];

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 22).unwrap()
}

fn born(age: Option<(i32, u64)>) -> Option<Personal<NaiveDate>> {
    use chrono::Datelike;
    let (years, days) = age?;
    let birthday = today() - Days::new(days);
    Some(Personal::new(
        birthday.with_year(birthday.year() - years).unwrap(),
    ))
}

/// Everything that can have been said.
fn words(purpose: &Purpose, channel: Option<Channel>) -> Vec<(&'static str, Option<Consent>)> {
    let ago = |days: i64| now().plus_seconds(-86_400 * days);
    let guardian = Party::Guardian(PersonId::from_bytes([2; 16]));
    let yes = Consent {
        status: ConsentStatus::Given,
        occurred_at: ago(61),
        by: Party::Oneself,
        notice_version: purpose.version,
        language: Language::Nl,
        data_scopes: purpose.data_scopes.clone(),
        channels: BTreeSet::new(),
        method: IndicationMethod::WebForm,
        event: EventId::from_bytes([9; 16]),
        awaits_guardian: false,
        withdrawn_by_guardian: BTreeMap::new(),
        reminded: None,
    };
    let with = |status| Consent {
        status,
        ..yes.clone()
    };
    let other: BTreeSet<Channel> = Channel::ALL
        .iter()
        .copied()
        .filter(|c| Some(*c) != channel)
        .collect();
    let long_ago = purpose.validity.map_or(ago(300), |_| ago(3 * 366));
    vec![
        ("nothing", None),
        (
            "was asked",
            Some(Consent {
                by: Party::Controller,
                ..with(ConsentStatus::Requested)
            }),
        ),
        ("no (refused)", Some(with(ConsentStatus::Refused))),
        ("no (withdrawn)", Some(with(ConsentStatus::Withdrawn))),
        (
            "yes, ended by the library",
            Some(Consent {
                by: Party::Controller,
                ..with(ConsentStatus::Revoked)
            }),
        ),
        (
            "yes, as a child alone",
            Some(Consent {
                awaits_guardian: true,
                ..with(ConsentStatus::Requested)
            }),
        ),
        ("yes", Some(yes.clone())),
        ("yes, once more", Some(with(ConsentStatus::Renewed))),
        (
            "yes of a guardian",
            Some(Consent {
                by: guardian,
                ..yes.clone()
            }),
        ),
        (
            "yes of a guardian, at 15",
            Some(Consent {
                by: guardian,
                occurred_at: ago(300),
                ..yes.clone()
            }),
        ),
        (
            "yes, longer ago than it lasts",
            Some(Consent {
                occurred_at: long_ago,
                ..yes.clone()
            }),
        ),
        (
            "yes, to an older meaning",
            Some(Consent {
                notice_version: purpose.consent_valid_from - 1,
                ..yes.clone()
            }),
        ),
        (
            "yes, by other channels only",
            Some(Consent {
                channels: other,
                ..yes.clone()
            }),
        ),
        (
            "yes, with other data only",
            Some(Consent {
                data_scopes: BTreeSet::new(),
                ..yes
            }),
        ),
    ]
}

/// Everything that can be known of a membership.
fn memberships() -> Vec<(&'static str, Option<Membership>)> {
    let customer = Membership {
        kind: MembershipKind::Adult,
        since: None,
        until: None,
        paying: true,
        contact_from_sale: true,
        opt_out_offered: true,
    };
    let free = Membership {
        paying: false,
        ..customer.clone()
    };
    let unsold = Membership {
        contact_from_sale: false,
        ..customer.clone()
    };
    let unoffered = Membership {
        opt_out_offered: false,
        ..customer.clone()
    };
    let nothing = Membership {
        paying: false,
        contact_from_sale: false,
        ..unoffered.clone()
    };
    let ended = |days| Membership {
        until: Some(today() - Days::new(days)),
        ..customer.clone()
    };
    vec![
        ("no membership known", None),
        ("every fact", Some(customer.clone())),
        ("not paying", Some(free.clone())),
        ("address not from the sale", Some(unsold.clone())),
        ("no way out was offered", Some(unoffered)),
        (
            "not paying, address not from the sale",
            Some(Membership {
                paying: false,
                ..unsold.clone()
            }),
        ),
        (
            "not paying, no way out offered",
            Some(Membership {
                opt_out_offered: false,
                ..free
            }),
        ),
        (
            "paying only",
            Some(Membership {
                opt_out_offered: false,
                ..unsold
            }),
        ),
        ("none of the facts", Some(nothing)),
        ("every fact, ended 90 days ago", Some(ended(90))),
        ("every fact, ended 200 days ago", Some(ended(200))),
    ]
}

fn rows(purpose: &Purpose, question: &Question) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |said, consent: Option<Consent>, membership: Option<Membership>| {
        for (age, since) in AGES {
            let standing = Standing {
                birth_date: born(since),
                membership: membership.clone(),
                consents: consent
                    .clone()
                    .map(|consent| (purpose.id.clone(), consent))
                    .into_iter()
                    .collect(),
                ..Standing::default()
            };
            rows.push(Row { said, age, standing });
        }
    };
    if purpose.legal_basis == LegalBasis::CustomerException {
        for (known, membership) in memberships() {
            add(known, None, membership);
        }
    } else {
        for (said, consent) in words(purpose, question.channel) {
            add(said, consent, None);
        }
    }
    rows
}

/// The person and the question under circumstances; absent where there is no such thing.
fn under(
    purpose: &Purpose,
    row: &Row,
    asked: &Asked,
    [profile, restricted, objection, channel, data]: Circumstances,
) -> Option<(Standing, Question)> {
    let (mut standing, mut question) = (row.standing.clone(), asked.question.clone());
    let before = now().plus_seconds(-3600);
    if profile == 1 {
        let school = standing.membership.clone().unwrap_or(Membership {
            kind: MembershipKind::School,
            since: None,
            until: None,
            paying: false,
            contact_from_sale: false,
            opt_out_offered: false,
        });
        standing.membership = Some(Membership {
            kind: MembershipKind::School,
            ..school
        });
    }
    if restricted == 1 {
        standing.restricted = Some(before);
    }
    match objection {
        0 => {}
        1 => drop(standing.objections.insert(purpose.id.clone(), before)),
        _ => standing.marketing_objection = Some(before),
    }
    if channel > 0 {
        let asked_by = question.channel?;
        let mut preference = PurposePreference::default();
        match channel {
            1 => drop(preference.channels.insert(asked_by, false)),
            2 => preference.paused_until = Some(now().plus_seconds(3600)),
            _ => question.channel = Some(asked.foreign_channel?),
        }
        standing
            .preferences
            .purposes
            .insert(purpose.id.clone(), preference);
    }
    match data {
        0 => {}
        1 => question.data_scopes = ["shoe-size".parse().unwrap()].into(),
        _ => standing.enrichments.push(Enrichment {
            purpose: "profile-enrichment".parse().unwrap(),
            source: "survey".parse().unwrap(),
            data_scopes: question.data_scopes.clone(),
            since: before,
            told_at: None,
        }),
    }
    Some((standing, question))
}

struct Table {
    rows: Vec<Row>,
    columns: Vec<(Circumstances, Vec<ReasonCode>)>,
    missing: Vec<Vec<CustomerFact>>,
    note: Option<&'static str>,
}

impl Table {
    fn of(catalogue: &Catalogue, purpose: &Purpose, action: Action) -> Self {
        let asked = asked(catalogue, purpose, action);
        let rows = rows(purpose, &asked.question);
        let answer = |row: &Row, circumstances| -> Option<Verdict> {
            let (standing, question) = under(purpose, row, &asked, circumstances)?;
            let record = record(LIBRARY, standing);
            Some(evaluate(catalogue, Subject::Known(&record), &question, now()))
        };
        let column = |circumstances| -> Option<(Circumstances, Vec<ReasonCode>)> {
            let codes = rows
                .iter()
                .map(|row| Some(answer(row, circumstances)?.decisive()));
            Some((circumstances, codes.collect::<Option<Vec<_>>>()?))
        };
        let columns = every_circumstance().into_iter().filter_map(column).collect();
        let missing = rows
            .iter()
            .map(|row| answer(row, [0; 5]).unwrap().reasons[0].missing.clone())
            .collect();
        let by_consent = purpose.legal_basis == LegalBasis::Consent;
        let note = match purpose.age.on_age_of_consent {
            OnAgeOfConsent::KeepAndInform if by_consent => {
                Some("A guardian's consent stays when the child turns 16.")
            }
            OnAgeOfConsent::RequireReconfirm if by_consent => Some(
                "A guardian's consent ends 60 days after the child turned 16, unless the young person confirms it.",
            ),
            _ => None,
        };
        Self {
            rows,
            columns,
            missing,
            note,
        }
    }

    fn shown(&self) -> String {
        let mut text = self.note.map(|note| format!("{note}\n\n")).unwrap_or_default();
        let (mut varying, mut constant) = (Vec::new(), Vec::new());
        for (codes, circumstances) in self.grouped() {
            let all_alike = codes.iter().all(|code| *code == codes[0]);
            if all_alike { &mut constant } else { &mut varying }.push((codes, circumstances));
        }
        // Where nothing depends on the row, the whole table is its constant lines.
        let known: BTreeSet<Circumstances> = self.columns.iter().map(|(c, _)| *c).collect();
        for (name, (_, circumstances)) in ('A'..).zip(&varying) {
            writeln!(text, "  {name}  {}", described(circumstances, &known)).unwrap();
        }
        for (codes, circumstances) in &constant {
            let (short, _) = word(codes[0]);
            writeln!(
                text,
                "  in every row {short}: {}",
                described(circumstances, &known)
            )
            .unwrap();
        }
        if !varying.is_empty() {
            text.push('\n');
            text.push_str(&self.body(&varying));
        }
        text.trim_end().to_owned()
    }

    /// Columns with the same answers in all rows are one.
    fn grouped(&self) -> Vec<(Vec<ReasonCode>, Vec<Circumstances>)> {
        let mut groups: Vec<(Vec<ReasonCode>, Vec<Circumstances>)> = Vec::new();
        for (circumstances, codes) in &self.columns {
            match groups.iter_mut().find(|(known, _)| known == codes) {
                Some((_, of)) => of.push(*circumstances),
                None => groups.push((codes.clone(), vec![*circumstances])),
            }
        }
        groups
    }

    fn body(&self, columns: &[(Vec<ReasonCode>, Vec<Circumstances>)]) -> String {
        let facts = self.missing.iter().any(|facts| !facts.is_empty());
        let heading = if facts {
            "known of the membership"
        } else {
            "last said"
        };
        let mut head = vec![heading.to_owned(), "age".to_owned()];
        head.extend(('A'..).take(columns.len()).map(String::from));
        if facts {
            head.push("missing in A".to_owned());
        }
        let mut lines = vec![head];
        let mut at = 0;
        while at < self.rows.len() {
            let said = self.rows[at].said;
            let of_word: Vec<usize> = (at..self.rows.len())
                .take_while(|r| self.rows[*r].said == said)
                .collect();
            at += of_word.len();
            // Ages with the same answers are one row.
            let mut ages: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
            for row in &of_word {
                let mut cells: Vec<String> = columns
                    .iter()
                    .map(|(codes, _)| word(codes[*row]).0.to_owned())
                    .collect();
                if facts {
                    let names: Vec<&str> = self.missing[*row].iter().map(|fact| fact.as_str()).collect();
                    cells.push(names.join(", "));
                }
                match ages.iter_mut().find(|(known, _)| *known == cells) {
                    Some((_, ages)) => ages.push(self.rows[*row].age),
                    None => ages.push((cells, vec![self.rows[*row].age])),
                }
            }
            for (cells, of) in &ages {
                let age = if of.len() == of_word.len() {
                    "any".to_owned()
                } else {
                    of.join(", ")
                };
                lines.push(
                    [said.to_owned(), age]
                        .into_iter()
                        .chain(cells.iter().cloned())
                        .collect(),
                );
            }
        }
        aligned(&lines)
    }
}

fn every_circumstance() -> Vec<Circumstances> {
    let mut all = vec![[0; 5]];
    for (dimension, values) in DIMENSIONS.iter().enumerate() {
        all = all
            .into_iter()
            .flat_map(|of: Circumstances| {
                (0..values.len()).map(move |value| {
                    let mut of = of;
                    of[dimension] = value;
                    of
                })
            })
            .collect();
    }
    all
}

/// In words: of each dimension the values that occur, left out where all of them do; more than one such product if need be.
fn described(these: &[Circumstances], known: &BTreeSet<Circumstances>) -> String {
    let these: BTreeSet<Circumstances> = these.iter().copied().collect();
    let mut parts = Vec::new();
    describe(&these, known, 0, &mut parts);
    parts.join(";\n       or ")
}

fn describe(
    these: &BTreeSet<Circumstances>,
    known: &BTreeSet<Circumstances>,
    from: usize,
    parts: &mut Vec<String>,
) {
    let values =
        |of: &BTreeSet<Circumstances>, d: usize| -> BTreeSet<usize> { of.iter().map(|c| c[d]).collect() };
    let product = known
        .iter()
        .filter(|c| (0..DIMENSIONS.len()).all(|d| values(these, d).contains(&c[d])))
        .count();
    if product == these.len() {
        let phrase: Vec<String> = (0..DIMENSIONS.len())
            .filter(|d| values(these, *d) != values(known, *d))
            .map(|d| {
                values(these, d)
                    .iter()
                    .map(|v| DIMENSIONS[d][*v])
                    .collect::<Vec<_>>()
                    .join(" or ")
            })
            .collect();
        parts.push(if phrase.is_empty() {
            "always".to_owned()
        } else {
            phrase.join(", ")
        });
        return;
    }
    // Values of this dimension that leave the same of the others belong together.
    let mut alike: Vec<(BTreeSet<Circumstances>, BTreeSet<Circumstances>)> = Vec::new();
    for value in values(these, from) {
        let some: BTreeSet<Circumstances> = these.iter().copied().filter(|c| c[from] == value).collect();
        let rest = some
            .iter()
            .map(|c| {
                let mut c = *c;
                c[from] = 0;
                c
            })
            .collect();
        match alike.iter_mut().find(|(known, _)| *known == rest) {
            Some((_, all)) => all.extend(some),
            None => alike.push((rest, some)),
        }
    }
    for (_, some) in alike {
        describe(&some, known, from + 1, parts);
    }
}

fn aligned(lines: &[Vec<String>]) -> String {
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for (at, line) in lines.iter().enumerate() {
        // What was said is written once.
        let again = at > 1 && lines[at - 1][0] == line[0];
        let cells = line.iter().enumerate().map(|(column, cell)| {
            let cell = if column == 0 && again { "" } else { cell };
            format!("{cell:<0$}", widths[column])
        });
        let shown = cells.collect::<Vec<_>>().join("  ");
        writeln!(text, "  {}", shown.trim_end()).unwrap();
        if at == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            writeln!(text, "  {}", rule.join("  ")).unwrap();
        }
    }
    text
}
