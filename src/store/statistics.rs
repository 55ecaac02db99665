//! Counters per library, purpose and day, written with the event they count; they name nobody.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::columns::{Number, int};
use super::error::StoreError;
use super::people::list;
use super::schema::statistic;
use super::statement::Statement;
use super::tx::Tx;

/// A counter, or what to add to one.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Statistic {
    /// The library.
    pub organisation: String,
    /// The purpose.
    pub purpose: String,
    /// Days since 1970.
    pub day: i64,
    /// What is counted.
    pub measure: String,
    /// How many.
    #[diesel(deserialize_as = Number<u64>)]
    pub n: u64,
}

impl Tx<'_> {
    /// Adds to counters; several additions to one counter count together.
    ///
    /// # Errors
    /// Those of the database.
    pub fn add_statistics(&mut self, additions: &[Statistic]) -> Result<(), StoreError> {
        let sums = summed(additions);
        if sums.is_empty() {
            return Ok(());
        }
        self.each(
            |connection| {
                for sum in &sums {
                    Statement::<_>::new(
                        "INSERT INTO statistic (organisation, purpose, day, measure, n) VALUES (?, ?, ?, ?, ?) \
                         ON CONFLICT (organisation, purpose, day, measure) DO UPDATE SET n = n + excluded.n",
                        (
                            sum.organisation.as_str().into_sql::<Text>(),
                            sum.purpose.as_str().into_sql::<Text>(),
                            sum.day.into_sql::<BigInt>(),
                            sum.measure.as_str().into_sql::<Text>(),
                            int(sum.n).into_sql::<BigInt>(),
                        ),
                    )
                    .execute(connection)?;
                }
                Ok(())
            },
            |connection| {
                Statement::<_>::new(
                    "INSERT INTO statistic AS s (organisation, purpose, day, measure, n) \
                     SELECT unnest(?), unnest(?), unnest(?), unnest(?), unnest(?) \
                     ON CONFLICT (organisation, purpose, day, measure) DO UPDATE SET n = s.n + excluded.n",
                    (
                        list(&sums, |sum| sum.organisation.as_str()).into_sql::<Array<Text>>(),
                        list(&sums, |sum| sum.purpose.as_str()).into_sql::<Array<Text>>(),
                        list(&sums, |sum| sum.day).into_sql::<Array<BigInt>>(),
                        list(&sums, |sum| sum.measure.as_str()).into_sql::<Array<Text>>(),
                        list(&sums, |sum| int(sum.n)).into_sql::<Array<BigInt>>(),
                    ),
                )
                .execute(connection)
                .map(|_| ())
            },
        )
    }

    /// Counters of a library (or of all) on these days, in the order of library, purpose, day and measure.
    ///
    /// # Errors
    /// Those of the database.
    pub fn statistics(
        &mut self,
        organisation: Option<&str>,
        days: RangeInclusive<i64>,
    ) -> Result<Vec<Statistic>, StoreError> {
        let (first, last) = days.into_inner();
        self.run(|connection| {
            let mut query = statistic::table
                .filter(statistic::day.between(first, last))
                .order((
                    statistic::organisation,
                    statistic::purpose,
                    statistic::day,
                    statistic::measure,
                ))
                .select((
                    statistic::organisation,
                    statistic::purpose,
                    statistic::day,
                    statistic::measure,
                    statistic::n,
                ))
                .into_boxed();
            if let Some(organisation) = organisation {
                query = query.filter(statistic::organisation.eq(organisation));
            }
            query.load(connection)
        })
    }
}

/// One addition to each counter, in one order for all transactions, so that two of them do not wait for each other.
pub(super) fn summed(additions: &[Statistic]) -> Vec<Statistic> {
    let mut sums: BTreeMap<(&str, &str, i64, &str), u64> = BTreeMap::new();
    for add in additions {
        let key = (
            add.organisation.as_str(),
            add.purpose.as_str(),
            add.day,
            add.measure.as_str(),
        );
        let sum = sums.entry(key).or_default();
        *sum = sum.saturating_add(add.n);
    }
    let sums = sums
        .into_iter()
        .map(|((organisation, purpose, day, measure), n)| Statistic {
            organisation: organisation.to_owned(),
            purpose: purpose.to_owned(),
            day,
            measure: measure.to_owned(),
            n,
        });
    sums.collect()
}
