//! How identities, instants and numbers of the domain read from columns. Writing goes by plain bytes and numbers.

use diesel::backend::Backend;
use diesel::deserialize::{FromSql, Queryable, Result};
use diesel::sql_types::{BigInt, Binary, SingleValue};

use crate::domain::ids::{
    ErasureId, ErasureTaskId, EventId, IdentifierId, PersonId, ProposalId, RightsRequestId,
};
use crate::domain::moment::Moment;

/// What a column holds that no row of ours should hold.
#[derive(Debug, thiserror::Error)]
#[error("a column holds a value of the wrong length or range")]
struct WrongColumn;

macro_rules! queryable {
    ($($type:ty),+) => {$(
        impl<DB: Backend, ST: SingleValue> Queryable<ST, DB> for $type
        where
            Self: FromSql<ST, DB>,
        {
            type Row = Self;
            fn build(row: Self) -> Result<Self> {
                Ok(row)
            }
        }
    )+};
}

macro_rules! identity {
    ($($type:ty),+) => {$(
        impl<DB: Backend> FromSql<Binary, DB> for $type
        where
            Vec<u8>: FromSql<Binary, DB>,
        {
            fn from_sql(raw: DB::RawValue<'_>) -> Result<Self> {
                Self::from_slice(&Vec::<u8>::from_sql(raw)?).ok_or_else(|| WrongColumn.into())
            }
        }
        queryable!($type);
    )+};
}

identity!(
    PersonId,
    EventId,
    IdentifierId,
    RightsRequestId,
    ErasureId,
    ErasureTaskId,
    ProposalId
);

impl<DB: Backend> FromSql<BigInt, DB> for Moment
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(raw: DB::RawValue<'_>) -> Result<Self> {
        Ok(Self::from_micros(i64::from_sql(raw)?))
    }
}
queryable!(Moment);

/// Exactly `N` bytes.
#[derive(Debug)]
pub struct Bytes<const N: usize>([u8; N]);

impl<const N: usize, DB: Backend> FromSql<Binary, DB> for Bytes<N>
where
    Vec<u8>: FromSql<Binary, DB>,
{
    fn from_sql(raw: DB::RawValue<'_>) -> Result<Self> {
        let bytes = Vec::<u8>::from_sql(raw)?;
        Ok(Self(bytes.try_into().map_err(|_| WrongColumn)?))
    }
}

impl<const N: usize, DB: Backend, ST: SingleValue> Queryable<ST, DB> for Bytes<N>
where
    Self: FromSql<ST, DB>,
{
    type Row = Self;
    fn build(row: Self) -> Result<Self> {
        Ok(row)
    }
}

impl<const N: usize> From<Bytes<N>> for [u8; N] {
    fn from(bytes: Bytes<N>) -> Self {
        bytes.0
    }
}

/// A number that is never negative.
#[derive(Debug)]
pub struct Number<T>(T);

impl<T: TryFrom<i64>, DB: Backend> FromSql<BigInt, DB> for Number<T>
where
    i64: FromSql<BigInt, DB>,
{
    fn from_sql(raw: DB::RawValue<'_>) -> Result<Self> {
        let number = T::try_from(i64::from_sql(raw)?).map_err(|_| WrongColumn)?;
        Ok(Self(number))
    }
}

impl<T, DB: Backend, ST: SingleValue> Queryable<ST, DB> for Number<T>
where
    Self: FromSql<ST, DB>,
{
    type Row = Self;
    fn build(row: Self) -> Result<Self> {
        Ok(row)
    }
}

impl From<Number<u64>> for u64 {
    fn from(number: Number<u64>) -> Self {
        number.0
    }
}

impl From<Number<u32>> for u32 {
    fn from(number: Number<u32>) -> Self {
        number.0
    }
}

impl From<Number<u16>> for u16 {
    fn from(number: Number<u16>) -> Self {
        number.0
    }
}

/// A number as a column holds it. Numbers beyond 2⁶³ do not occur: they count things or come out of a column.
pub(super) fn int(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
