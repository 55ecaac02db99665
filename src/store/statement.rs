//! Statements that stay prepared. diesel keeps inserts, selects and deletes of a fixed form prepared, but neither
//! `UPDATE` nor `sql_query`; [`Statement`] is for those. Many rows go in one PostgreSQL statement through `unnest`, so
//! that its text does not depend on how many; SQLite has no round trip to save and takes them one by one.

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::RunQueryDsl;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, SingleValue};

#[diesel::declare_sql_function]
extern "SQL" {
    /// The elements of an array as rows. Several in one select list advance together.
    fn unnest<ST: SingleValue>(array: Array<ST>) -> ST;
}

/// A fixed text with a `?` for each bind, kept prepared per connection.
#[derive(Debug)]
pub(super) struct Statement<B, ST = ()> {
    sql: &'static str,
    binds: B,
    columns: std::marker::PhantomData<ST>,
}

impl<B, ST> Statement<B, ST> {
    pub(super) const fn new(sql: &'static str, binds: B) -> Self {
        Self {
            sql,
            binds,
            columns: std::marker::PhantomData,
        }
    }
}

/// The binds of a statement, in the order of its `?`. A bind that is a tuple stands for as many values, with commas between.
pub(super) trait Binds<DB: Backend> {
    fn push<'b>(&'b self, at: usize, pass: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

macro_rules! binds {
    ($($name:ident $at:tt),+) => {
        impl<DB: Backend, $($name: QueryFragment<DB>),+> Binds<DB> for ($($name,)+) {
            fn push<'b>(&'b self, at: usize, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                match at {
                    $($at => self.$at.walk_ast(pass),)+
                    _ => Err(diesel::result::Error::QueryBuilderError("a statement has more `?` than binds".into())),
                }
            }
        }
    };
}
impl<DB: Backend> Binds<DB> for () {
    fn push<'b>(&'b self, _at: usize, _pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        Ok(())
    }
}
binds!(A 0);
binds!(A 0, B 1);
binds!(A 0, B 1, C 2);
binds!(A 0, B 1, C 2, D 3);
binds!(A 0, B 1, C 2, D 3, E 4);
binds!(A 0, B 1, C 2, D 3, E 4, F 5);
binds!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
binds!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
binds!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);

impl<DB: Backend, B: Binds<DB>, ST> QueryFragment<DB> for Statement<B, ST> {
    fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (at, part) in self.sql.split('?').enumerate() {
            if let Some(bind) = at.checked_sub(1) {
                self.binds.push(bind, pass.reborrow())?;
            }
            pass.push_sql(part);
        }
        Ok(())
    }
}

impl<B, ST> QueryId for Statement<B, ST> {
    type QueryId = ();
    // Told apart by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<B, ST> Query for Statement<B, ST> {
    type SqlType = ST;
}

impl<B, ST, C: Connection> RunQueryDsl<C> for Statement<B, ST> {}

/// Inserts all rows of a slice; one statement on PostgreSQL, one prepared statement run per row on SQLite.
macro_rules! insert_rows {
    ($tx:expr, $table:ident, $rows:expr, |$row:ident| { $($column:ident: $sql:ty = $value:expr),+ $(,)? }) => {{
        let rows = $rows;
        if rows.is_empty() {
            return Ok(());
        }
        $tx.each(
            |connection| {
                for $row in rows {
                    diesel::insert_into($table::table)
                        .values(($($table::$column.eq($value),)+))
                        .execute(connection)?;
                }
                Ok(())
            },
            |connection| {
                diesel::select(($(
                    $crate::store::statement::unnest::<$sql, _>(rows.iter().map(|$row| $value).collect::<Vec<_>>()),
                )+))
                .insert_into($table::table)
                .into_columns(($($table::$column,)+))
                .execute(connection)?;
                Ok(())
            },
        )
    }};
}
pub(super) use insert_rows;
