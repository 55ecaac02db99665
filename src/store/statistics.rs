//! Counters per library, purpose and day, written with the event they count; they name nobody.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Text};

use super::columns::Number;
use super::error::StoreError;
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
        // In one order for all transactions, so that two of them do not wait for each other.
        let mut sums: BTreeMap<(&str, &str, i64, &str), i64> = BTreeMap::new();
        for add in additions {
            let key = (
                add.organisation.as_str(),
                add.purpose.as_str(),
                add.day,
                add.measure.as_str(),
            );
            let sum = sums.entry(key).or_default();
            *sum = sum.saturating_add(super::columns::int(add.n));
        }
        if sums.is_empty() {
            return Ok(());
        }
        self.each(
            |connection| {
                for ((organisation, purpose, day, measure), n) in &sums {
                    Statement::<_>::new(
                        "INSERT INTO statistic (organisation, purpose, day, measure, n) VALUES (?, ?, ?, ?, ?) \
                         ON CONFLICT (organisation, purpose, day, measure) DO UPDATE SET n = n + excluded.n",
                        (
                            (*organisation).into_sql::<Text>(),
                            (*purpose).into_sql::<Text>(),
                            day.into_sql::<BigInt>(),
                            (*measure).into_sql::<Text>(),
                            n.into_sql::<BigInt>(),
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
                        sums.keys().map(|key| key.0).collect::<Vec<_>>().into_sql::<Array<Text>>(),
                        sums.keys().map(|key| key.1).collect::<Vec<_>>().into_sql::<Array<Text>>(),
                        sums.keys().map(|key| key.2).collect::<Vec<_>>().into_sql::<Array<BigInt>>(),
                        sums.keys().map(|key| key.3).collect::<Vec<_>>().into_sql::<Array<Text>>(),
                        sums.values().copied().collect::<Vec<_>>().into_sql::<Array<BigInt>>(),
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
