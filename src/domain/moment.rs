//! Instants and calendar periods. Inside, an instant is microseconds since 1970 UTC; dates exist only in a time zone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Moment(#[n(0)] i64);

impl Moment {
    /// From microseconds since 1970 UTC.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 UTC.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since 1970 UTC, rounded down: the unit of audit leaves.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Seconds since 1970 UTC, rounded down: the unit of tokens.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This instant moved by whole seconds.
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// This instant moved forward by a calendar period: months keep the local time of day, and end-of-month days are
    /// clipped (31 January + P1M = 28 or 29 February).
    pub fn plus(self, period: Period, zone: Tz) -> Self {
        let local = self.utc().with_timezone(&zone);
        let date = period.after(local.date_naive());
        Self::local(date, local.time(), zone)
    }

    /// This instant moved back by a calendar period, clipped in the same way.
    pub fn minus(self, period: Period, zone: Tz) -> Self {
        let local = self.utc().with_timezone(&zone);
        let date = period.before(local.date_naive());
        Self::local(date, local.time(), zone)
    }

    /// The calendar date of this instant in a time zone.
    pub fn date(self, zone: Tz) -> NaiveDate {
        self.utc().with_timezone(&zone).date_naive()
    }

    /// The first instant of a date in a time zone.
    pub fn start_of(date: NaiveDate, zone: Tz) -> Self {
        Self::local(date, chrono::NaiveTime::MIN, zone)
    }

    fn local(date: NaiveDate, time: chrono::NaiveTime, zone: Tz) -> Self {
        let naive = date.and_time(time);
        // A time that the clock skips or repeats in spring and autumn: the earliest valid one, else an hour later.
        let found = zone.from_local_datetime(&naive).earliest().or_else(|| {
            zone.from_local_datetime(&(naive + chrono::TimeDelta::hours(1)))
                .earliest()
        });
        found.map_or_else(
            || Self(naive.and_utc().timestamp_micros()),
            |t| Self(t.timestamp_micros()),
        )
    }

    /// The instant as a chrono value in UTC.
    pub fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// RFC 3339 in UTC with `Z` and milliseconds, as every answer of the API writes it.
    pub fn rfc3339(self) -> String {
        self.utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// Reads RFC 3339 with any offset except `-00:00` (RFC 3339 §4.3: offset unknown).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        if text.ends_with("-00:00") {
            return None;
        }
        let parsed = DateTime::parse_from_rfc3339(text).ok()?;
        (0..=9999)
            .contains(&parsed.year())
            .then(|| Self(parsed.timestamp_micros()))
    }
}

/// A calendar period of ISO 8601 with years, months, weeks or days (`P24M`, `P60D`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    months: u32,
    days: u32,
}

impl Period {
    /// A period of whole days.
    pub const fn days(days: u32) -> Self {
        Self { months: 0, days }
    }

    /// A period of whole months.
    pub const fn months(months: u32) -> Self {
        Self { months, days: 0 }
    }

    /// The date this long after another; the last day of the month where that day does not exist.
    pub fn after(self, date: NaiveDate) -> NaiveDate {
        date.checked_add_months(Months::new(self.months))
            .and_then(|d| d.checked_add_days(Days::new(self.days.into())))
            .unwrap_or(NaiveDate::MAX)
    }

    /// The date this long before another; the last day of the month where that day does not exist.
    pub fn before(self, date: NaiveDate) -> NaiveDate {
        date.checked_sub_months(Months::new(self.months))
            .and_then(|d| d.checked_sub_days(Days::new(self.days.into())))
            .unwrap_or(NaiveDate::MIN)
    }
}

/// Why a text is no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an ISO 8601 period of years, months, weeks or days, such as P24M or P60D")]
pub struct NotAPeriod;

impl FromStr for Period {
    type Err = NotAPeriod;

    fn from_str(text: &str) -> Result<Self, NotAPeriod> {
        let mut rest = text
            .strip_prefix('P')
            .filter(|r| !r.is_empty())
            .ok_or(NotAPeriod)?;
        let (mut months, mut days) = (0_u32, 0_u32);
        for (unit, to_months, to_days) in [('Y', 12, 0), ('M', 1, 0), ('W', 0, 7), ('D', 0, 1)] {
            let Some((number, after)) = rest.split_once(unit) else {
                continue;
            };
            let number: u32 = number.parse().ok().filter(|n| *n <= 10_000).ok_or(NotAPeriod)?;
            months += number * to_months;
            days += number * to_days;
            rest = after;
        }
        if rest.is_empty() {
            Ok(Self { months, days })
        } else {
            Err(NotAPeriod)
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.months, self.days) {
            (0, days) => write!(f, "P{days}D"),
            (months, 0) => write!(f, "P{months}M"),
            (months, days) => write!(f, "P{months}M{days}D"),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
