//! What members said and what systems were answered, per library, purpose and month, from the counters that are written
//! with the events. Whoever reads them must not learn what one person did:
//!
//! * months are shown when they are over, so that a figure never moves while somebody watches;
//! * a figure under ten is shown as `<10`, whether it is nine or nothing, and a row stands there either way;
//! * sums add up what is shown, and nothing else. Whatever is asked, in whatever pieces, is a function of the shown
//!   figures of single months: nothing hidden can be computed from it, also not by difference between two answers.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde::{Serialize, Serializer};

use super::table::{Cell, Report, Table, text};
use crate::domain::ids::{OrganisationId, PurposeId};
use crate::domain::moment::Moment;
use crate::service::call::{Call, Scope};
use crate::service::refusal::{Invalid, Refusal};
use crate::service::work::{Stop, Work};

/// Figures under this are not shown.
pub const SMALL: u64 = 10;
/// Most months of one answer.
pub const MOST_MONTHS: usize = 60;
/// After the end of a month, in seconds: until then a late entry may still be counted.
const SETTLED: i64 = 86_400;

/// What is counted.
pub const MEASURES: [&str; 9] = [
    "given",
    "refused",
    "withdrawn",
    "renewed",
    "revoked",
    "objected",
    "reminded",
    "permitted",
    "denied",
];

/// A month of the calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// Reads `2027-03`.
    pub fn parse(text: &str) -> Option<Self> {
        let day: NaiveDate = format!("{text}-01").parse().ok()?;
        (text.len() == 7 && (1970..=9000).contains(&day.year())).then_some(Self {
            year: day.year(),
            month: day.month(),
        })
    }

    /// The month of an instant.
    pub fn of(at: Moment) -> Self {
        let day = at.utc().date_naive();
        Self {
            year: day.year(),
            month: day.month(),
        }
    }

    /// The month after.
    pub const fn next(self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year + 1,
                month: 1,
            }
        } else {
            Self {
                month: self.month + 1,
                ..self
            }
        }
    }

    /// The month before.
    const fn before(self) -> Self {
        if self.month == 1 {
            Self {
                year: self.year - 1,
                month: 12,
            }
        } else {
            Self {
                month: self.month - 1,
                ..self
            }
        }
    }

    /// So many months earlier.
    pub fn months_before(self, count: usize) -> Self {
        (0..count).fold(self, |month, _| month.before())
    }

    /// The last month whose figures do not move any more.
    pub fn last_settled(now: Moment) -> Self {
        let before = Self::of(now).before();
        if before.is_settled(now) {
            before
        } else {
            before.before()
        }
    }

    /// Its first day, since 1970.
    pub fn first_day(self) -> i64 {
        NaiveDate::from_ymd_opt(self.year, self.month, 1).map_or(0, |day| {
            day.signed_duration_since(NaiveDate::default()).num_days()
        })
    }

    /// Whether nothing is counted in it any more.
    pub fn is_settled(self, now: Moment) -> bool {
        now.seconds() >= self.next().first_day() * 86_400 + SETTLED
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

/// A figure as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Ten or more.
    Exact(u64),
    /// Fewer than ten, or none.
    Few,
}

impl Shown {
    /// As a count is shown.
    pub const fn of(count: u64) -> Self {
        if count < SMALL {
            Self::Few
        } else {
            Self::Exact(count)
        }
    }

    /// To tens: of a time that overlaps months, so that a month less its other parts says nothing about few.
    pub const fn rounded(count: u64) -> Self {
        if count < SMALL {
            Self::Few
        } else {
            Self::Exact((count + 5) / 10 * 10)
        }
    }

    /// The figure, where it is shown.
    pub const fn exact(self) -> Option<u64> {
        match self {
            Self::Exact(count) => Some(count),
            Self::Few => None,
        }
    }

    pub(super) fn cell(self) -> Cell<'static> {
        match self {
            Self::Exact(count) => Cell::Number(count),
            Self::Few => text("<10"),
        }
    }
}

impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(count) => serializer.serialize_u64(*count),
            Self::Few => serializer.serialize_str("<10"),
        }
    }
}

/// Which figures.
#[derive(Debug, Clone)]
pub struct AskStatistics {
    /// The first month.
    pub from: Month,
    /// The last month.
    pub to: Month,
    /// One library; absent all that the caller works for.
    pub organisation: Option<OrganisationId>,
    /// One purpose; absent all of the catalogue in force.
    pub purpose: Option<PurposeId>,
}

/// The figures of one library and purpose in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatisticsRow {
    /// The library.
    pub organisation: OrganisationId,
    /// The purpose.
    pub purpose: PurposeId,
    /// The month; absent in a sum over months.
    pub month: Option<Month>,
    /// In the order of [`MEASURES`].
    pub figures: [Shown; MEASURES.len()],
    /// Of a hundred who answered a question, how many said yes, in tenths; absent where either figure is hidden.
    pub rate_tenths: Option<u64>,
}

/// Figures by library, purpose and month, and what is shown of them together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    /// Month by month.
    pub rows: Vec<StatisticsRow>,
    /// Over all months: sums of the figures that are shown, so each is at least this.
    pub sums: Vec<StatisticsRow>,
}

impl AskStatistics {
    /// Reads only.
    pub(crate) fn read(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Statistics, Stop> {
        if !Work::is_own(call) {
            call.require(Scope::PoliciesRead)
                .or_else(|_| call.require(Scope::AuditRead))?;
        }
        let months = self.months(work.now)?;
        let organisations = super::organisations(call, work, self.organisation.as_ref())?;
        let purposes: Vec<PurposeId> = match &self.purpose {
            Some(purpose) => vec![purpose.clone()],
            None => work.catalogue().purposes.keys().cloned().collect(),
        };
        let mut statistics = Statistics {
            rows: Vec::new(),
            sums: Vec::new(),
        };
        for organisation in organisations {
            let days = self.from.first_day()..=self.to.next().first_day() - 1;
            let mut counted: BTreeMap<(String, Month, String), u64> = BTreeMap::new();
            for count in work.tx().statistics(Some(organisation.as_str()), days)? {
                let month = Month::of(Moment::from_micros(0).plus_seconds(count.day * 86_400));
                *counted.entry((count.purpose, month, count.measure)).or_default() += count.n;
            }
            for purpose in &purposes {
                let rows = months.iter().map(|month| {
                    let figures = MEASURES.map(|measure| {
                        let key = (purpose.to_string(), *month, measure.to_owned());
                        Shown::of(counted.get(&key).copied().unwrap_or(0))
                    });
                    row(&organisation, purpose, Some(*month), figures)
                });
                let rows: Vec<StatisticsRow> = rows.collect();
                statistics.sums.push(sum(&organisation, purpose, &rows));
                statistics.rows.extend(rows);
            }
        }
        Ok(statistics)
    }

    fn months(&self, now: Moment) -> Result<Vec<Month>, Refusal> {
        if self.from > self.to {
            return Err(Invalid::new("?to", "before-from", "`to` must not be before `from`.").into());
        }
        if !self.to.is_settled(now) {
            let detail = "Figures of a month are shown from the second day of the next month on. Ask for earlier months.";
            return Err(Invalid::new("?to", "month-not-over", detail).into());
        }
        let mut months = vec![self.from];
        while let Some(last) = months.last().filter(|last| **last < self.to) {
            months.push(last.next());
            if months.len() > MOST_MONTHS {
                let detail = format!("Ask for at most {MOST_MONTHS} months.");
                return Err(Invalid::new("?from", "too-many", detail).into());
            }
        }
        Ok(months)
    }
}

fn row(
    organisation: &OrganisationId,
    purpose: &PurposeId,
    month: Option<Month>,
    figures: [Shown; MEASURES.len()],
) -> StatisticsRow {
    let [given, refused, ..] = figures;
    // Both must be shown: a rate and one of the two give the other.
    let rate_tenths = given.exact().zip(refused.exact()).map(|(given, refused)| {
        let answers = given.saturating_add(refused).max(1);
        given.saturating_mul(1_000).saturating_add(answers / 2) / answers
    });
    StatisticsRow {
        organisation: organisation.clone(),
        purpose: purpose.clone(),
        month,
        figures,
        rate_tenths,
    }
}

/// What is shown, added up. A sum of nothing but hidden figures is hidden.
fn sum(organisation: &OrganisationId, purpose: &PurposeId, rows: &[StatisticsRow]) -> StatisticsRow {
    let mut figures = [Shown::Few; MEASURES.len()];
    for (at, figure) in figures.iter_mut().enumerate() {
        let shown = rows.iter().filter_map(|row| row.figures.get(at)?.exact());
        *figure = Shown::of(shown.sum());
    }
    row(organisation, purpose, None, figures)
}

impl Statistics {
    /// As tables; to print, without the rows that show no figure.
    pub(super) fn report(&self, printed: bool) -> Report {
        let table = |name, title, rows: &[StatisticsRow]| Table {
            name,
            title,
            columns: ["organisation", "purpose", "month"]
                .into_iter()
                .chain(MEASURES)
                .chain(["consentRatePercent"])
                .collect(),
            rows: rows
                .iter()
                .filter(|row| !printed || row.figures.iter().any(|figure| figure.exact().is_some()))
                .map(|row| {
                    let mut cells = vec![
                        text(row.organisation.as_str()),
                        text(row.purpose.as_str()),
                        text(row.month.map(|month| month.to_string()).unwrap_or_default()),
                    ];
                    cells.extend(row.figures.iter().map(|figure| figure.cell()));
                    let rate = row.rate_tenths;
                    cells.push(text(
                        rate.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10))
                            .unwrap_or_default(),
                    ));
                    cells
                })
                .collect(),
        };
        Report {
            title: "Consent rates",
            facts: Vec::new(),
            notes: vec![
                "A figure under ten is shown as <10, also when it is nought. Months are those of UTC.",
                "Sums add up what is shown: each is at least so much.",
                "The rate is of a hundred who answered a question in that month, how many said yes.",
            ],
            tables: vec![
                table("months", "Month by month", &self.rows),
                table("sums", "All months together, at least", &self.sums),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_read_and_counted() {
        for wrong in [
            "2027-13",
            "2027-1",
            "27-01",
            "2027-01-01",
            "",
            "aaaa-01",
            "2027-00",
        ] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
        let december = Month::parse("2027-12").unwrap();
        assert_eq!(december.next().to_string(), "2028-01");
        let at = |text| Moment::parse_rfc3339(text).unwrap();
        assert!(!december.is_settled(at("2028-01-01T23:59:59Z")));
        assert!(december.is_settled(at("2028-01-02T00:00:00Z")));
        assert_eq!(Month::of(at("2027-12-31T23:59:59Z")), december);
    }

    #[test]
    fn a_rate_is_shown_only_where_both_its_figures_are() {
        let organisation: OrganisationId = "linde".parse().unwrap();
        let purpose: PurposeId = "newsletter".parse().unwrap();
        let of = |given, refused| {
            let mut figures = [Shown::Few; MEASURES.len()];
            (figures[0], figures[1]) = (Shown::of(given), Shown::of(refused));
            row(&organisation, &purpose, None, figures)
        };
        assert_eq!(of(30, 10).rate_tenths, Some(750));
        assert_eq!(of(30, 9).rate_tenths, None);
        assert_eq!(of(9, 30).rate_tenths, None);
        let sums = sum(&organisation, &purpose, &[of(30, 9), of(12, 9)]);
        assert_eq!((sums.figures[0], sums.figures[1]), (Shown::Exact(42), Shown::Few));
    }
}
