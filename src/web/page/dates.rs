//! Dates and times as people write them.

use chrono::{Datelike, NaiveDate, Timelike};
use chrono_tz::Tz;

use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::service::reports::Month;
use crate::web::texts;

/// 3 november 2026 · 3 November 2026.
pub fn day(date: NaiveDate, language: Language) -> String {
    format!("{} {} {}", date.day(), month(date, language), date.year())
}

/// november · November.
pub fn month(date: NaiveDate, language: Language) -> String {
    texts::say(language, &format!("month-{}", date.month()), &[])
}

/// 3 november 2026, 14.05 uur · 3 November 2026, 14:05.
pub fn moment(moment: Moment, zone: Tz, language: Language) -> String {
    format!(
        "{}, {}",
        day(moment.date(zone), language),
        time(moment, zone, language)
    )
}

/// 14.05 uur · 14:05.
pub fn time(moment: Moment, zone: Tz, language: Language) -> String {
    let time = moment.utc().with_timezone(&zone).time();
    match language {
        Language::Nl => format!("{}.{:02} uur", time.hour(), time.minute()),
        Language::En => format!("{}:{:02}", time.hour(), time.minute()),
    }
}

/// november 2026 · November 2026.
pub fn month_of_year(month: Month, language: Language) -> String {
    let first: Option<NaiveDate> = format!("{month}-01").parse().ok();
    first.map_or_else(
        || month.to_string(),
        |first| format!("{} {}", self::month(first, language), first.year()),
    )
}

/// 1.234.567 · 1,234,567.
pub fn thousands(number: u64, language: Language) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(if language == Language::Nl { '.' } else { ',' });
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(thousands(1_234_567, Language::Nl), "1.234.567");
        assert_eq!(thousands(1_000, Language::En), "1,000");
        assert_eq!(thousands(999, Language::En), "999");
        assert_eq!(
            month_of_year(Month::parse("2026-11").unwrap(), Language::Nl),
            "november 2026"
        );
    }

    #[test]
    fn dates_are_written_as_people_do() {
        let at = Moment::parse_rfc3339("2026-11-03T13:05:09Z").unwrap();
        let zone = chrono_tz::Europe::Amsterdam;
        assert_eq!(moment(at, zone, Language::Nl), "3 november 2026, 14.05 uur");
        assert_eq!(moment(at, zone, Language::En), "3 November 2026, 14:05");
        let night = Moment::parse_rfc3339("2026-06-30T22:30:00Z").unwrap();
        assert_eq!(moment(night, zone, Language::Nl), "1 juli 2026, 0.30 uur");
    }
}
