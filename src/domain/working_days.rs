//! Days on which a term of law may end. The term of GDPR art. 12(3) is counted as Regulation (EEC, Euratom) 1182/71 says:
//! the day of receipt does not count (art. 3(1)); a term of months ends with the last hour of the day of the same number,
//! or of the last day of a month that has no such day (art. 3(2)(c)); and an end on a Saturday, Sunday or public holiday
//! moves to the end of the next working day (art. 3(4)). Which days are public holidays is for the Member State: art. 3 of
//! the Dutch Algemene termijnenwet.

use chrono::{Datelike, Days, NaiveDate, Weekday};
use chrono_tz::Tz;

use super::moment::{Moment, Period};

/// Easter Sunday by the Gregorian computus (Meeus, Jones and Butcher), for any year from 1583.
pub fn easter(year: i32) -> NaiveDate {
    let a = year.rem_euclid(19);
    let (b, c) = (year.div_euclid(100), year.rem_euclid(100));
    let (d, e) = (b / 4, b % 4);
    let f = (b + 8) / 25;
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15).rem_euclid(30);
    let (i, k) = (c / 4, c % 4);
    let l = (32 + 2 * e + 2 * i - h - k).rem_euclid(7);
    let m = (a + 11 * h + 22 * l) / 451;
    let of_march = h + l - 7 * m + 22;
    NaiveDate::from_ymd_opt(year, 3, 1)
        .and_then(|march| march.checked_add_days(Days::new(u64::try_from(of_march - 1).unwrap_or(0))))
        .unwrap_or(NaiveDate::MAX)
}

/// The day on which the birthday of the King is celebrated: 27 April, and the Saturday before when that is a Sunday.
fn kings_day(year: i32) -> Option<NaiveDate> {
    let day = NaiveDate::from_ymd_opt(year, 4, 27)?;
    if day.weekday() == Weekday::Sun {
        day.pred_opt()
    } else {
        Some(day)
    }
}

/// Whether a day is a generally recognised public holiday of the Netherlands (Algemene termijnenwet art. 3(1)), or Good
/// Friday, which art. 3(2) puts on a par with them. 5 May counts every year, whoever works on it.
pub fn is_public_holiday(day: NaiveDate) -> bool {
    const FIXED: [(u32, u32); 4] = [(1, 1), (5, 5), (12, 25), (12, 26)];
    // Good Friday, Easter Monday, Ascension Day and Whit Monday, in days from Easter Sunday. The Sundays are no working
    // days anyway.
    const BY_EASTER: [i64; 4] = [-2, 1, 39, 50];
    FIXED.contains(&(day.month(), day.day()))
        || kings_day(day.year()) == Some(day)
        || BY_EASTER.contains(&(day - easter(day.year())).num_days())
}

/// Whether a term may end on a day.
pub fn is_working_day(day: NaiveDate) -> bool {
    !matches!(day.weekday(), Weekday::Sat | Weekday::Sun) && !is_public_holiday(day)
}

/// The day itself, or the first working day after it.
pub fn next_working_day(day: NaiveDate) -> NaiveDate {
    // The longest row of days off is that of Easter or Christmas, four days; a week is more than enough.
    day.iter_days()
        .take(14)
        .find(|day| is_working_day(*day))
        .unwrap_or(day)
}

/// The last day of a term of calendar months after something that happened on a day.
pub fn term_ends_on(happened: NaiveDate, months: u32) -> NaiveDate {
    next_working_day(Period::months(months).after(happened))
}

/// The last instant of a term of calendar months after an instant: the last millisecond of its last day by the clock on
/// the wall.
pub fn term_ends(happened: Moment, months: u32, zone: Tz) -> Moment {
    last_instant_of(term_ends_on(happened.date(zone), months), zone)
}

fn last_instant_of(day: NaiveDate, zone: Tz) -> Moment {
    let next = day.succ_opt().unwrap_or(NaiveDate::MAX);
    Moment::from_micros(Moment::start_of(next, zone).micros().saturating_sub(1_000))
}

#[cfg(test)]
mod tests {
    use chrono_tz::Europe::Amsterdam;
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn moment(text: &str) -> Moment {
        Moment::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn easter_is_where_the_almanac_has_it() {
        // The earliest and latest possible dates, the classic exceptions of Gauss' rule, and the years around now.
        for date in [
            "1818-03-22",
            "1943-04-25",
            "1954-04-18",
            "1981-04-19",
            "2000-04-23",
            "2019-04-21",
            "2024-03-31",
            "2025-04-20",
            "2026-04-05",
            "2027-03-28",
            "2028-04-16",
            "2029-04-01",
            "2030-04-21",
            "2038-04-25",
            "2049-04-18",
            "2076-04-19",
            "2285-03-22",
        ] {
            assert_eq!(easter(day(date).year()), day(date));
        }
    }

    #[test]
    fn the_public_holidays_of_2026_and_2027() {
        let of = |year: i32| -> Vec<String> {
            let from = NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
            let days = from.iter_days().take_while(|day| day.year() == year);
            days.filter(|day| is_public_holiday(*day))
                .map(|day| day.format("%m-%d").to_string())
                .collect()
        };
        assert_eq!(
            of(2026),
            [
                "01-01", "04-03", "04-06", "04-27", "05-05", "05-14", "05-25", "12-25", "12-26"
            ]
        );
        assert_eq!(
            of(2027),
            [
                "01-01", "03-26", "03-29", "04-27", "05-05", "05-06", "05-17", "12-25", "12-26"
            ]
        );
    }

    #[test]
    fn kings_day_is_never_on_a_sunday() {
        for (year, date) in [
            (2025, "2025-04-26"),
            (2026, "2026-04-27"),
            (2031, "2031-04-26"),
            (2036, "2036-04-26"),
        ] {
            assert_eq!(kings_day(year), Some(day(date)));
        }
    }

    #[test]
    fn r55_a_term_is_one_calendar_month_and_ends_on_a_working_day() {
        for (received, due, why) in [
            ("2026-11-22", "2026-12-22", "an ordinary month"),
            ("2026-08-31", "2026-09-30", "September has no 31st"),
            ("2027-01-31", "2027-03-01", "28 February 2027 is a Sunday"),
            ("2028-01-31", "2028-02-29", "a leap year"),
            ("2026-11-25", "2026-12-28", "Christmas, Boxing Day and a Sunday"),
            ("2026-12-01", "2027-01-04", "New Year's Day and a weekend"),
            ("2026-03-03", "2026-04-07", "Good Friday to Easter Monday"),
            ("2026-03-27", "2026-04-28", "King's Day"),
            ("2026-04-05", "2026-05-06", "Liberation Day"),
            (
                "2027-04-05",
                "2027-05-07",
                "Liberation Day and Ascension Day after each other",
            ),
            ("2026-04-25", "2026-05-26", "Whit Monday"),
        ] {
            assert_eq!(term_ends_on(day(received), 1), day(due), "{received}: {why}");
        }
        // Two more months are counted from the receipt, not from the shifted end of the first.
        assert_eq!(term_ends_on(day("2027-01-31"), 3), day("2027-04-30"));
    }

    #[test]
    fn r55_the_day_of_receipt_is_the_one_in_amsterdam_also_over_daylight_saving() {
        for (received, due) in [
            // A second before and after midnight in Amsterdam, in winter.
            ("2026-11-22T22:59:59Z", "2026-12-22T22:59:59.999Z"),
            ("2026-11-22T23:00:00Z", "2026-12-23T22:59:59.999Z"),
            // From winter time into summer time: the day ends an hour earlier by UTC.
            ("2026-03-10T12:00:00Z", "2026-04-10T21:59:59.999Z"),
            // And back.
            ("2026-10-20T21:59:59Z", "2026-11-20T22:59:59.999Z"),
            ("2026-10-20T22:00:00Z", "2026-11-23T22:59:59.999Z"),
        ] {
            assert_eq!(
                term_ends(moment(received), 1, Amsterdam).rfc3339(),
                moment(due).rfc3339(),
                "{received}"
            );
        }
    }

    fn any_day() -> impl Strategy<Value = NaiveDate> {
        (0_u64..36_500 * 3).prop_map(|n| NaiveDate::from_ymd_opt(1990, 1, 1).unwrap() + Days::new(n))
    }

    proptest! {
        #[test]
        fn a_term_never_ends_on_a_day_off_nor_early(received in any_day(), months in 1_u32..=3) {
            let calendar = Period::months(months).after(received);
            let end = term_ends_on(received, months);
            prop_assert!(is_working_day(end));
            prop_assert!(end >= calendar);
            // Nothing but days off lies between.
            prop_assert!(calendar.iter_days().take_while(|d| *d < end).all(|d| !is_working_day(d)));
            prop_assert!((end - calendar).num_days() <= 5);
            prop_assert!((end - received).num_days() >= 28);
        }

        #[test]
        fn whoever_asks_later_is_never_answered_earlier(received in any_day(), later in 0_u64..40, months in 1_u32..=3) {
            let after = received + Days::new(later);
            prop_assert!(term_ends_on(received, months) <= term_ends_on(after, months));
        }

        #[test]
        fn more_months_are_never_shorter(received in any_day(), months in 1_u32..=2) {
            prop_assert!(term_ends_on(received, months) < term_ends_on(received, months + 1));
        }

        #[test]
        fn a_term_ends_with_the_last_moment_of_its_day(seconds in 631_152_000_i64..4_102_444_800) {
            let received = Moment::from_micros(seconds * 1_000_000);
            let end = term_ends(received, 1, Amsterdam);
            prop_assert_eq!(end.date(Amsterdam), term_ends_on(received.date(Amsterdam), 1));
            let after = Moment::from_micros(end.micros() + 1_000);
            prop_assert_eq!(Moment::start_of(after.date(Amsterdam), Amsterdam), after);
        }

        #[test]
        fn easter_is_a_sunday_in_its_season(year in 1583_i32..4000) {
            let easter = easter(year);
            prop_assert_eq!(easter.weekday(), Weekday::Sun);
            let first = NaiveDate::from_ymd_opt(year, 3, 22).unwrap();
            let last = NaiveDate::from_ymd_opt(year, 4, 25).unwrap();
            prop_assert!((first..=last).contains(&easter));
        }
    }
}
