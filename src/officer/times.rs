//! A time that is looked at: two days in the address.

use serde::Deserialize;

use super::audit::day;
use super::blocks::Field;
use super::seat::Seat;
use crate::domain::moment::Moment;
use crate::service::Service;

/// Days that are looked back where none are named.
const DAYS: i64 = 30;

/// From when until when.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Span {
    pub(super) van: String,
    pub(super) tot: String,
}

impl Span {
    /// The first and the last instant.
    pub fn times(&self, service: &Service) -> (Moment, Moment) {
        let now = service.world().now();
        (
            day(&self.van, false, service).unwrap_or_else(|| now.plus_seconds(-DAYS * 86_400)),
            day(&self.tot, true, service).unwrap_or(now),
        )
    }
}

/// The fields of a form that asks for it.
pub fn span_fields(seat: &Seat, service: &Service, span: &Span) -> Vec<Field> {
    let (from, to) = span.times(service);
    let zone = service.catalogue().network.zone;
    vec![
        Field::date("van", seat.page.say("fg-from"), &from.date(zone).to_string()),
        Field::date("tot", seat.page.say("fg-to"), &to.date(zone).to_string()),
    ]
}
