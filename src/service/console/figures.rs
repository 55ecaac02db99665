//! The figures behind the plots. What is counted per month comes from the counters and is shown as in the statistics: not
//! before the month is over, and not under ten. Weeks overlap months, so they are rounded to tens. Reasons and channels are
//! counted in the public lines of the audit log.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::campaigns::{self, Campaign};
use super::scan::scan;
use crate::audit::leaf::Word;
use crate::domain::ids::{OrganisationId, PurposeId};
use crate::domain::moment::Moment;
use crate::service::Service;
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Invalid, Refusal};
use crate::service::reports::{AskStatistics, Month, Shown, Statistics};
use crate::service::work::{Stop, Work};
use crate::store::StoreError;

/// Most months of one page.
const MOST_MONTHS: usize = 24;
/// Days of a week.
const WEEK: i64 = 7;
/// 5 January 1970 was a Monday.
const FIRST_MONDAY: i64 = 4;
/// Upper ends of the groups of lead times, in whole days; the last group is what took longer than a month.
pub const LEAD_DAYS: [u64; 4] = [7, 14, 21, 30];

/// Which figures.
#[derive(Debug, Clone)]
pub struct AskFigures {
    /// The first month.
    pub from: Month,
    /// The last month, which must be over.
    pub to: Month,
    /// One library; absent all of the caller.
    pub organisation: Option<OrganisationId>,
}

/// Yes and withdrawn in one week, rounded to tens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// Its Monday.
    pub monday: NaiveDate,
    /// Yes, once more included.
    pub given: Shown,
    /// Withdrawn.
    pub withdrawn: Shown,
}

/// How long answers to requests took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lead {
    /// Answered requests by the groups of [`LEAD_DAYS`], and at the end those that took longer.
    pub groups: [u64; LEAD_DAYS.len() + 1],
    /// Those answered after their own term, extensions included.
    pub late: u64,
    /// Requests of that time that run still.
    pub running: u64,
}

/// Figures of a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The months.
    pub months: Vec<Month>,
    /// By purpose, for each month: of a hundred who answered, how many said yes, in tenths; absent where it is hidden.
    pub rates: BTreeMap<PurposeId, Vec<Option<u64>>>,
    /// Whole weeks of the time.
    pub weeks: Vec<Week>,
    /// Withdrawals after campaigns, most first.
    pub campaigns: Vec<Campaign>,
    /// Decisive reasons of denials, most first.
    pub denials: Vec<(String, Shown)>,
    /// How words on consent came in, most first.
    pub channels: Vec<(String, Shown)>,
    /// Lead times of requests.
    pub lead: Lead,
    /// Whether there were more entries than were counted for reasons, channels or campaigns.
    pub more: bool,
}

impl Service {
    /// Figures of a time.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for another library or without a scope to read; [`Refusal::Invalid`] for months that are not
    /// over or too many.
    pub async fn figures(&self, call: &Call, asked: AskFigures) -> Result<Figures, Refusal> {
        call.require(Scope::AuditRead)?;
        let months = months(&asked)?;
        let statistics = AskStatistics {
            from: asked.from,
            to: asked.to,
            organisation: asked.organisation.clone(),
            purpose: None,
        };
        let statistics = self.ask_statistics(call, statistics).await?;
        let rates = rates(&statistics, &months);
        let of = asked.clone();
        let (weeks, lead) = self
            .read(call, move |call, work| {
                let organisations = served(call, work, of.organisation.as_ref())?;
                Ok((
                    weeks(work, &of, &organisations)?,
                    lead(work, &of, &organisations)?,
                ))
            })
            .await?;
        let (service, call) = (self.clone(), call.clone());
        let counted = tokio::task::spawn_blocking(move || logs(&service, &call, &asked)).await;
        let Ok(Ok(counted)) = counted else {
            return Err(Refusal::Unavailable);
        };
        Ok(Figures {
            months,
            rates,
            weeks,
            campaigns: counted.campaigns,
            denials: counted.denials,
            channels: counted.channels,
            lead,
            more: counted.more,
        })
    }
}

fn months(asked: &AskFigures) -> Result<Vec<Month>, Refusal> {
    let mut months = vec![asked.from];
    while let Some(last) = months.last().filter(|last| **last < asked.to) {
        months.push(last.next());
        if months.len() > MOST_MONTHS {
            let detail = format!("Choose at most {MOST_MONTHS} months.");
            return Err(Invalid::new("/from", "too-many", detail).into());
        }
    }
    Ok(months)
}

fn served(
    call: &Call,
    work: &Work<'_, '_>,
    asked: Option<&OrganisationId>,
) -> Result<Vec<OrganisationId>, Refusal> {
    let catalogue = work.catalogue();
    match asked {
        Some(asked) => {
            work.require_organisation(call, asked)?;
            Ok(vec![asked.clone()])
        }
        None => Ok(catalogue
            .organisations
            .keys()
            .filter(|id| call.serves(catalogue, id))
            .cloned()
            .collect()),
    }
}

/// Rates of all libraries together: of those libraries of which both figures of the month are shown, so that a rate says
/// nothing that the months do not.
fn rates(statistics: &Statistics, months: &[Month]) -> BTreeMap<PurposeId, Vec<Option<u64>>> {
    let mut sums: BTreeMap<(PurposeId, Month), (u64, u64)> = BTreeMap::new();
    for row in &statistics.rows {
        let [given, refused, ..] = row.figures;
        if let (Some(month), Some(given), Some(refused)) = (row.month, given.exact(), refused.exact()) {
            let sum = sums.entry((row.purpose.clone(), month)).or_default();
            sum.0 = sum.0.saturating_add(given);
            sum.1 = sum.1.saturating_add(refused);
        }
    }
    let mut rates: BTreeMap<PurposeId, Vec<Option<u64>>> = BTreeMap::new();
    for purpose in sums.keys().map(|(purpose, _)| purpose) {
        if rates.contains_key(purpose) {
            continue;
        }
        let of = months.iter().map(|month| {
            let (given, refused) = sums.get(&(purpose.clone(), *month))?;
            let answers = given.saturating_add(*refused).max(1);
            Some(given.saturating_mul(1_000).saturating_add(answers / 2) / answers)
        });
        rates.insert(purpose.clone(), of.collect());
    }
    rates
}

fn weeks(
    work: &mut Work<'_, '_>,
    asked: &AskFigures,
    organisations: &[OrganisationId],
) -> Result<Vec<Week>, Stop> {
    let week_of = |day: i64| (day - FIRST_MONDAY).div_euclid(WEEK);
    let (first, end) = (asked.from.first_day(), asked.to.next().first_day());
    // Only weeks that lie in the time as a whole.
    let weeks = week_of(first + WEEK - 1)..week_of(end);
    let mut counted: BTreeMap<i64, (u64, u64)> = weeks.clone().map(|week| (week, (0, 0))).collect();
    for organisation in organisations {
        for row in work
            .tx()
            .statistics(Some(organisation.as_str()), first..=end - 1)?
        {
            if let Some((given, withdrawn)) = counted.get_mut(&week_of(row.day)) {
                match row.measure.as_str() {
                    "given" | "renewed" => *given += row.n,
                    "withdrawn" => *withdrawn += row.n,
                    _ => {}
                }
            }
        }
    }
    let monday = |week: i64| {
        let days = u64::try_from(week * WEEK + FIRST_MONDAY).unwrap_or(0);
        NaiveDate::default()
            .checked_add_days(Days::new(days))
            .unwrap_or_default()
    };
    Ok(counted
        .into_iter()
        .map(|(week, (given, withdrawn))| Week {
            monday: monday(week),
            given: Shown::rounded(given),
            withdrawn: Shown::rounded(withdrawn),
        })
        .collect())
}

fn lead(work: &mut Work<'_, '_>, asked: &AskFigures, organisations: &[OrganisationId]) -> Result<Lead, Stop> {
    let (from, to) = span(asked);
    let mut lead = Lead::default();
    for request in work.tx().requests_received(from, to)? {
        if !organisations
            .iter()
            .any(|one| one.as_str() == request.organisation)
        {
            continue;
        }
        let Some(ended) = request.ended_at else {
            lead.running += 1;
            continue;
        };
        lead.late += u64::from(request.due_at < ended);
        let seconds = ended.seconds().saturating_sub(request.received_at.seconds());
        let days = u64::try_from(seconds.div_euclid(86_400)).unwrap_or(0);
        let group = LEAD_DAYS.iter().position(|end| days <= *end);
        if let Some(count) = lead.groups.get_mut(group.unwrap_or(LEAD_DAYS.len())) {
            *count += 1;
        }
    }
    Ok(lead)
}

/// From the first instant of the first month to the last of the last.
pub(super) fn span(asked: &AskFigures) -> (Moment, Moment) {
    let start = |month: Month| Moment::from_micros(0).plus_seconds(month.first_day() * 86_400);
    (start(asked.from), start(asked.to.next()).plus_seconds(-1))
}

struct Counted {
    campaigns: Vec<Campaign>,
    denials: Vec<(String, Shown)>,
    channels: Vec<(String, Shown)>,
    more: bool,
}

fn logs(service: &Service, call: &Call, asked: &AskFigures) -> Result<Counted, StoreError> {
    let time = span(asked);
    let about = |leaf: &crate::audit::leaf::Leaf<'_>| {
        let of = leaf.organisation.as_ref().map(|word| word.as_str());
        asked
            .organisation
            .as_ref()
            .is_none_or(|wanted| of == Some(wanted.as_str()))
    };
    let mut denials: BTreeMap<String, u64> = BTreeMap::new();
    let more = scan(service, call, "decision", time, |_, _, _, leaf| {
        if !about(leaf) {
            return Ok(());
        }
        match &leaf.bulk {
            Some(bulk) => {
                for (reason, count) in &bulk.denied {
                    *denials.entry(reason.to_string()).or_default() += count;
                }
            }
            None => {
                let denied = leaf.outcome.as_ref().is_some_and(|word| word.as_str() == "deny");
                if let Some(reason) = leaf.reasons.first().filter(|_| denied) {
                    *denials.entry(reason.to_string()).or_default() += 1;
                }
            }
        }
        Ok(())
    })?;
    let mut channels: BTreeMap<String, u64> = BTreeMap::new();
    let mut ended = Vec::new();
    let further = scan(service, call, "consent", time, |work, batch, off, leaf| {
        if !about(leaf) {
            return Ok(());
        }
        if let Some(method) = leaf.extra.get(&Word::from("method")) {
            *channels.entry(method.to_string()).or_default() += 1;
        }
        campaigns::note(&mut ended, work, batch, off, leaf)
    })?;
    let (campaigns, last) = campaigns::after(service, call, asked, ended)?;
    Ok(Counted {
        campaigns,
        denials: shown(denials),
        channels: shown(channels),
        more: more || further || last,
    })
}

fn shown(counted: BTreeMap<String, u64>) -> Vec<(String, Shown)> {
    let mut rows: Vec<(String, u64)> = counted.into_iter().collect();
    rows.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
    rows.into_iter()
        .map(|(name, count)| (name, Shown::of(count)))
        .collect()
}
