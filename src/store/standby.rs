//! Two machines before an answer. PostgreSQL can report a commit as done although no standby has it: when the wait for
//! the standby is cancelled, or its names are cleared meanwhile, the client sees success and diesel drops the warning.
//! So what a standby has flushed is asked for after each commit.

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};

use super::connection::AnyConnection;
use super::error::StoreError;
use super::statement::Statement;

const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

#[derive(QueryableByName)]
struct Ability {
    #[diesel(sql_type = Text)]
    names: String,
    #[diesel(sql_type = Bool)]
    may_see: bool,
}

/// Refuses a database without a synchronous standby, or one whose standbys we may not look at.
pub(super) fn require(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let AnyConnection::Postgres(connection) = connection else {
        return Err(StoreError::Misconfigured(
            "A synchronous standby is required, and SQLite has none. Use PostgreSQL, or switch the requirement off."
                .to_owned(),
        ));
    };
    let ability: Ability = diesel::sql_query(
        "SELECT current_setting('synchronous_standby_names') AS names, \
         pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may_see",
    )
    .get_result(connection)?;
    if ability.names.is_empty() {
        return Err(StoreError::Misconfigured(
            "A synchronous standby is required, and PostgreSQL's synchronous_standby_names is empty. Name a standby \
             there, or switch the requirement off."
                .to_owned(),
        ));
    }
    if !ability.may_see {
        return Err(StoreError::Misconfigured(
            "A synchronous standby is required, and this database user may not see whether it keeps up. As a \
             superuser: GRANT pg_read_all_stats TO the user."
                .to_owned(),
        ));
    }
    Ok(())
}

/// Waits, a second at most, until a synchronous standby has flushed everything up to now.
pub(super) fn confirm(connection: &mut AnyConnection) -> Result<(), StoreError> {
    const NOT_CONFIRMED: StoreError =
        StoreError::NotYetDurable("no synchronous standby confirmed it within a second");
    let AnyConnection::Postgres(connection) = connection else {
        return Ok(());
    };
    let lost = |_| StoreError::NotYetDurable("the connection was lost before a standby confirmed it");
    let started = Instant::now();
    let flushed: String = Statement::<_, Text>::new("SELECT pg_current_wal_flush_lsn()::text", ())
        .get_result(connection)
        .map_err(lost)?;
    loop {
        let confirmed: bool = Statement::<_, Bool>::new(
            "SELECT EXISTS (SELECT FROM pg_stat_replication \
             WHERE sync_state IN ('sync', 'quorum') AND flush_lsn >= CAST(? AS pg_lsn))",
            (flushed.as_str().into_sql::<Text>(),),
        )
        .get_result(connection)
        .map_err(lost)?;
        if confirmed {
            return Ok(());
        }
        if started.elapsed() >= PATIENCE {
            return Err(NOT_CONFIRMED);
        }
        std::thread::sleep(PAUSE);
    }
}
