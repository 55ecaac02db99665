//! Age, by the calendar of the network's time zone. An unknown birth date counts as under 16 (R23).

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use super::moment::Moment;

/// The age below which a guardian's consent is needed: GDPR art. 8(1), UAVG art. 5(1).
pub const AGE_OF_CONSENT: u32 = 16;

/// The date on which somebody reaches an age. Who was born on 29 February reaches it on 1 March (R21).
pub fn birthday(birth: NaiveDate, age: u32) -> NaiveDate {
    let year = birth.year() + i32::try_from(age).unwrap_or(i32::MAX / 2);
    birth
        .with_year(year)
        .or_else(|| NaiveDate::from_ymd_opt(year, 3, 1))
        .unwrap_or(NaiveDate::MAX)
}

/// The first instant of the birthday: the start of the day in the network's time zone.
pub fn reaches(birth: NaiveDate, age: u32, zone: Tz) -> Moment {
    Moment::start_of(birthday(birth, age), zone)
}

/// Whether somebody has an age at an instant; never when the birth date is unknown.
pub fn has_reached(birth: Option<NaiveDate>, age: u32, at: Moment, zone: Tz) -> bool {
    age == 0 || birth.is_some_and(|birth| reaches(birth, age, zone) <= at)
}
