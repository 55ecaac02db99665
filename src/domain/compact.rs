//! Dates in the stored form of a record (CBOR, RFC 8949): days since 1970.

use chrono::NaiveDate;
use minicbor::decode::{self, Decoder};
use minicbor::encode::{self, Encoder, Write};

use super::personal::Personal;

/// What is a day.
pub(super) trait Day: Sized {
    /// The day.
    fn day(&self) -> NaiveDate;
    /// From the day.
    fn of(day: NaiveDate) -> Self;
}

impl Day for NaiveDate {
    fn day(&self) -> NaiveDate {
        *self
    }

    fn of(day: NaiveDate) -> Self {
        day
    }
}

impl Day for Personal<NaiveDate> {
    fn day(&self) -> NaiveDate {
        *self.reveal()
    }

    fn of(day: NaiveDate) -> Self {
        Self::new(day)
    }
}

/// Writes a day; one that is not known is left out by the field itself.
pub(super) fn encode<C, T: Day, W: Write>(
    day: &Option<T>,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), encode::Error<W::Error>> {
    match day {
        Some(day) => e.i32(day.day().to_epoch_days()).map(|_| ()),
        None => e.null().map(|_| ()),
    }
}

/// Reads a day.
pub(super) fn decode<C, T: Day>(d: &mut Decoder<'_>, _: &mut C) -> Result<Option<T>, decode::Error> {
    let at = d.position();
    let day = NaiveDate::from_epoch_days(d.i32()?)
        .ok_or_else(|| decode::Error::message("no day of the calendar").at(at))?;
    Ok(Some(T::of(day)))
}
