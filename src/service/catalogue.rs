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
    if newest == Some(shared.policies.load().sequence) {
        return Ok(());
    }
    let rows = tx.catalogue_versions()?;
    let policies = assemble(&rows, shared.test_subjects).map_err(|error| {
        tracing::error!(error = %error, "a newer catalogue cannot be taken over; nothing is decided with the old one");
        StoreError::Corrupt
    })?;
    tracing::info!(policy_version = %policies.current.version, "a new catalogue is in force");
    shared.policies.store(Arc::new(policies));
    Ok(())
}

fn assemble(rows: &[CatalogueRow], test_subjects: bool) -> Result<Policies, CatalogueError> {
    let mut versions = HashMap::new();
    let mut current = None;
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
        current = Some((row.sequence, catalogue));
    }
    let (sequence, catalogue) = current.ok_or(StoreError::Corrupt)?;
    Ok(Policies {
        sequence,
        current: Arc::new(catalogue),
        versions,
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
