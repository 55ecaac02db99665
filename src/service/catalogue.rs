//! The catalogue in force. The database says which one it is; every transaction looks, so that a new version takes
//! effect on all nodes at one instant.

use std::collections::HashMap;
use std::sync::Arc;

use super::shared::{Policies, Shared};
use crate::crypto::sha256;
use crate::policy::catalogue::Catalogue;
use crate::policy::finding::Finding;
use crate::policy::load::{CompileOptions, Files, compile};
use crate::policy::meaning::VersionHistory;
use crate::store::{CatalogueRow, Store, StoreError, Tx};
use crate::world::World;

/// Why there is no catalogue to work with.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The policy files have mistakes.
    #[error("the policies have {} mistakes; run `akkoord policy check`", .0.len())]
    Mistakes(Vec<Finding>),
    /// A stored version does not compile with this program.
    #[error(
        "the policies in the database (version {version}) cannot be read by this program; run the program that wrote them"
    )]
    Stored {
        /// The version.
        version: String,
    },
}

/// The catalogue in force; the files become the first one where there is none yet.
pub(crate) fn open(
    store: &Store,
    files: &Files,
    test_subjects: bool,
    world: &dyn World,
) -> Result<Policies, CatalogueError> {
    let rows = store.read("open_catalogue", |tx| tx.catalogue_versions())?;
    if !rows.is_empty() {
        return assemble(&rows, test_subjects);
    }
    let version = numbered(&files.date().unwrap_or_default(), 1);
    compile_files(files, &version, test_subjects).map_err(CatalogueError::Mistakes)?;
    let row = CatalogueRow {
        sequence: 1,
        version,
        content: serde_json::to_string(files).map_err(|_| StoreError::Corrupt)?,
        proposed_by: super::shared::OWN_CLIENT.to_owned(),
        approved_by: None,
        applied_at: world.now(),
    };
    let inserted: Result<(), StoreError> =
        store.change("first_catalogue", |tx| tx.insert_catalogue_version(&row));
    match inserted {
        Ok(()) | Err(StoreError::Conflict { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    // Another node may have been first: what is stored is in force.
    let rows = store.read("open_catalogue", |tx| tx.catalogue_versions())?;
    assemble(&rows, test_subjects)
}

/// The version of a catalogue: its date and its running number.
pub(crate) fn numbered(date: &str, sequence: u64) -> String {
    format!("{date}.{sequence}")
}

/// Takes over a newer catalogue, if there is one.
pub(crate) fn refresh(shared: &Shared, tx: &mut Tx<'_>) -> Result<(), StoreError> {
    let newest = tx.catalogue_sequence()?;
    follow(shared, tx, newest).map(|_| ())
}

/// The same when the number of the newest was read in this transaction. Answers whether there was a newer one.
pub(crate) fn follow(shared: &Shared, tx: &mut Tx<'_>, newest: Option<u64>) -> Result<bool, StoreError> {
    // A reader whose snapshot is older than the newest catalogue decides with the newest all the same.
    if newest.is_some_and(|newest| newest <= shared.policies.load().sequence) {
        return Ok(false);
    }
    let rows = tx.catalogue_versions()?;
    let policies = assemble(&rows, shared.test_subjects).map_err(|error| {
        tracing::error!(error = %error, "a newer catalogue cannot be taken over; nothing is decided with the old one");
        StoreError::Corrupt
    })?;
    // It may have identifier schemes of which the keys were made by whoever applied it.
    shared.keys.take_over(tx, &policies.current).map_err(|error| {
        tracing::error!(error = %error, "the keys of a newer catalogue cannot be taken over");
        StoreError::from(error)
    })?;
    tracing::info!(policy_version = %policies.current.version, "a new catalogue is in force");
    let policies = Arc::new(policies);
    // Never back: another thread may have seen a newer one meanwhile.
    shared.policies.rcu(|known| {
        let newest = if known.sequence < policies.sequence {
            &policies
        } else {
            known
        };
        Arc::clone(newest)
    });
    Ok(true)
}

fn assemble(rows: &[CatalogueRow], test_subjects: bool) -> Result<Policies, CatalogueError> {
    let mut versions = HashMap::new();
    let (mut history, mut sequence) = (Vec::new(), None);
    for row in rows {
        let unreadable = || CatalogueError::Stored {
            version: row.version.clone(),
        };
        let files: Files = serde_json::from_str(&row.content).map_err(|_| unreadable())?;
        let catalogue = compile_files(&files, &row.version, test_subjects).map_err(|_| unreadable())?;
        for (id, entry) in &catalogue.purposes {
            // The first text of a version is its text for ever.
            versions
                .entry((id.clone(), entry.purpose.version))
                .or_insert_with(|| Arc::clone(entry));
        }
        history.push((row.applied_at, Arc::new(catalogue)));
        sequence = Some(row.sequence);
    }
    let current = history.last().map(|(_, catalogue)| Arc::clone(catalogue));
    let (sequence, current) = sequence.zip(current).ok_or(StoreError::Corrupt)?;
    Ok(Policies {
        sequence,
        current,
        versions,
        history,
    })
}

fn compile_files(files: &Files, version: &str, test_subjects: bool) -> Result<Catalogue, Vec<Finding>> {
    let history = VersionHistory::of(files).map_err(|finding| vec![finding])?;
    compile(
        files,
        version,
        &history,
        CompileOptions { test_subjects },
        &sha256,
    )
}
