//! P6: who asked about me. System, library, purpose and answer, a day at a time; never who of the staff.

use std::collections::BTreeMap;

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;
use serde::Deserialize;

use crate::domain::decision::ReasonCode;
use crate::domain::moment::Moment;
use crate::policy::catalogue::Catalogue;
use crate::portal::member::{Subject, call, dress};
use crate::service::Service;
use crate::service::search::FoundEntry;
use crate::web::page::{Page, dates, show};
use crate::web::problem::Problem;
use crate::web::session::Member;

/// How many days a page shows, the one that has begun besides.
const DAYS: chrono::Days = chrono::Days::new(30);

#[derive(Template)]
#[template(path = "portal/asked.html")]
struct Asked {
    page: Page,
    /// From which day to which.
    span: String,
    summary: String,
    filters: Vec<Filter>,
    days: Vec<Day>,
    /// Where older and the newest ones are.
    older: Option<String>,
    newest: Option<String>,
}

struct Filter {
    text: String,
    to: String,
    current: bool,
}

struct Day {
    date: String,
    lines: Vec<Line>,
}

struct Line {
    what: String,
    answer: String,
    pictogram: &'static str,
    why: String,
}

/// What the address says besides.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    /// `ja` or `nee`.
    #[serde(default)]
    antwoord: String,
    /// Until when, in microseconds: where the page before ended.
    #[serde(default)]
    voor: String,
}

/// A check of somebody, as far as it is shown.
struct Check {
    at: Moment,
    system: String,
    library: String,
    purpose: String,
    permitted: bool,
    reason: Option<ReasonCode>,
}

impl Check {
    fn of(entry: &FoundEntry, catalogue: &Catalogue, page: &Page) -> Option<Self> {
        let leaf = &entry.leaf;
        let reason = match &entry.about {
            Some(outcome) => Some(outcome.reason),
            None => leaf
                .reasons
                .first()
                .and_then(|word| ReasonCode::parse(word.as_str())),
        };
        let system = leaf.system.as_str();
        let known = system
            .parse()
            .ok()
            .and_then(|id: crate::domain::ids::SystemId| catalogue.systems.get(&id));
        let purpose = leaf.purpose.as_ref()?.as_str();
        let entry_of = purpose
            .parse()
            .ok()
            .and_then(|id: crate::domain::ids::PurposeId| catalogue.purposes.get(&id));
        let library = leaf
            .organisation
            .as_ref()
            .map(|word| word.as_str().to_owned())
            .unwrap_or_default();
        let named = library
            .parse()
            .ok()
            .and_then(|id: crate::domain::ids::OrganisationId| catalogue.organisations.get(&id));
        Some(Self {
            at: Moment::from_micros(leaf.millis.saturating_mul(1_000)),
            system: known
                .and_then(|system| system.title.get(&page.language).cloned())
                .unwrap_or_else(|| system.to_owned()),
            library: named.map(|own| own.name.clone()).unwrap_or(library),
            purpose: entry_of
                .and_then(|entry| entry.notice(page.language, false))
                .map_or_else(|| purpose.to_owned(), |notice| notice.title.clone()),
            permitted: reason.is_some_and(|reason| reason.as_str().starts_with("permit")),
            reason,
        })
    }
}

/// The list.
#[get("/mijn/wie-vroeg")]
pub async fn list(
    request: HttpRequest,
    member: Member,
    wanted: Query<Wanted>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    let page = dress(Page::of(&request), &service, &member).titled("asked-title");
    let subject = Subject::oneself(&member);
    let catalogue = service.catalogue();
    let now = service.world().now();
    // Older ones a page at a time: no look reads more than its own days.
    let earlier = wanted.voor.parse().ok().map(Moment::from_micros);
    let earlier = earlier.filter(|before| *before < now && before.micros() > 0);
    let (before, last) = match earlier {
        Some(before) => (before, Moment::from_micros(before.micros().saturating_sub(1))),
        // What is written at this moment belongs to it as well.
        None => (now.plus_seconds(60), now),
    };
    let first = last.date(page.zone());
    let first = first.checked_sub_days(DAYS).unwrap_or(first);
    let from = Moment::start_of(first, page.zone());
    let found = service
        .own_checks(&call(&page)?, subject.person, from, before)
        .await?;
    let checks: Vec<Check> = found
        .items
        .iter()
        .filter_map(|entry| Check::of(entry, &catalogue, &page))
        .collect();
    let wants = match wanted.antwoord.as_str() {
        "ja" => Some(true),
        "nee" => Some(false),
        _ => None,
    };
    let shown: Vec<&Check> = checks
        .iter()
        .filter(|check| wants.is_none_or(|wants| wants == check.permitted))
        .collect();
    let to = |filter: Option<bool>, before: Option<Moment>| {
        let answer = filter.map(|yes| format!("antwoord={}", if yes { "ja" } else { "nee" }));
        let before = before.map(|before| format!("voor={}", before.micros()));
        let query: Vec<String> = answer.into_iter().chain(before).collect();
        let sign = if query.is_empty() { "" } else { "?" };
        page.to(&format!("/mijn/wie-vroeg{sign}{}", query.join("&")))
    };
    let filters = [
        (None, "asked-all"),
        (Some(true), "asked-yes"),
        (Some(false), "asked-no"),
    ];
    Ok(show(&Asked {
        span: page.say2("asked-span", "from", page.day(&found.from), "to", page.day(&last)),
        summary: summary(&checks, &page),
        filters: filters
            .into_iter()
            .map(|(filter, text)| Filter {
                text: page.say(text),
                to: to(filter, earlier),
                current: filter == wants,
            })
            .collect(),
        days: days(&shown, &page),
        older: found.older.then(|| to(wants, Some(found.from))),
        newest: earlier.map(|_| to(wants, None)),
        page,
    }))
}

fn summary(recent: &[Check], page: &Page) -> String {
    if recent.is_empty() {
        return page.say("asked-none");
    }
    let mut systems: Vec<&str> = recent.iter().map(|check| check.system.as_str()).collect();
    systems.sort_unstable();
    systems.dedup();
    let yes = recent.iter().filter(|check| check.permitted).count();
    let systems = page.say1("asked-systems", "count", systems.len());
    let (times, no) = (recent.len(), recent.len() - yes);
    page.say_with(
        "asked-summary",
        &[
            ("systems", &systems),
            ("times", &times),
            ("yes", &yes),
            ("no", &no),
        ],
    )
}

/// What was asked on one day: by what it was and its answer, how often, and one of them.
type Lines<'c> = BTreeMap<(String, bool), (usize, &'c Check)>;

/// A day at a time, newest first; what was asked several times that day is one line.
fn days(checks: &[&Check], page: &Page) -> Vec<Day> {
    let mut days: Vec<(chrono::NaiveDate, Lines<'_>)> = Vec::new();
    for check in checks {
        let date = check.at.date(page.zone());
        if days.last().is_none_or(|(last, _)| *last != date) {
            days.push((date, BTreeMap::new()));
        }
        if let Some((_, lines)) = days.last_mut() {
            let key = format!("{}\n{}\n{}", check.system, check.purpose, check.library);
            lines.entry((key, check.permitted)).or_insert((0, check)).0 += 1;
        }
    }
    days.into_iter()
        .map(|(date, lines)| Day {
            date: dates::day(date, page.language),
            lines: lines
                .into_values()
                .map(|(times, check)| Line {
                    what: page.say_with(
                        "asked-line",
                        &[
                            ("system", &check.system),
                            ("library", &check.library),
                            ("purpose", &check.purpose),
                            ("times", &times),
                        ],
                    ),
                    answer: page.say(if check.permitted {
                        "asked-answer-yes"
                    } else {
                        "asked-answer-no"
                    }),
                    pictogram: if check.permitted { "yes" } else { "no" },
                    why: why(check.reason, page),
                })
                .collect(),
        })
        .collect()
}

/// Why it was or was not allowed, to the person themself.
fn why(reason: Option<ReasonCode>, page: &Page) -> String {
    use ReasonCode as Code;
    let Some(reason) = reason else {
        return String::new();
    };
    page.say(match reason {
        Code::PermitConsent => "why-yes",
        Code::PermitContract => "why-member",
        Code::PermitLegalObligation => "why-law",
        Code::PermitPublicTask | Code::PermitLegitimateInterest => "why-task",
        Code::PermitCustomerException => "why-customer",
        Code::DenyNoConsent => "why-not-chosen",
        Code::DenyRefused => "why-no",
        Code::DenyWithdrawn => "why-stopped",
        Code::DenyExpired => "why-expired",
        Code::DenyNoticeOutdated => "why-new-text",
        Code::DenyGuardianRequired | Code::DenyGuardianAuthorityEnded => "why-guardian",
        Code::DenyReconfirmDue => "why-sixteen",
        Code::DenyObjection => "why-objected",
        Code::DenyRestricted => "why-locked",
        Code::DenyChannel => "why-channel",
        Code::DenyErased
        | Code::DenyPurposeInactive
        | Code::DenyScope
        | Code::DenyController
        | Code::DenyCustomerExceptionIncomplete
        | Code::DenyArt14NoticeDue
        | Code::DenySchoolDomain
        | Code::DenyUnknownSubject => "why-rules",
    })
}
