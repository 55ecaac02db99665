//! `akkoord check`: who of a list may be approached. A client of the API like any other: it sends the list while the
//! answer comes in, and can go on where it was interrupted.

mod progress;
mod run;
mod table;

use std::path::PathBuf;

use clap::Args;
use url::Url;

use super::Failure;
use crate::domain::personal::Personal;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The list: CSV with a header, commas or semicolons between its columns
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The column that says who it is
    #[arg(long, value_name = "NAME", default_value = "value")]
    column: String,
    /// What that column holds: an identifier scheme, or personId
    #[arg(long, value_name = "SCHEME", default_value = "member-number")]
    scheme: String,
    /// For which library
    #[arg(long, value_name = "ID")]
    organisation: String,
    /// For which purpose
    #[arg(long, value_name = "ID")]
    purpose: String,
    /// To do what: contact, profile, share or process
    #[arg(long, value_name = "ACTION", default_value = "contact")]
    action: String,
    /// By which channel: email, sms, push, phone, post, portal or desk; required for contact
    #[arg(long, value_name = "CHANNEL", required_if_eq("action", "contact"))]
    channel: Option<String>,
    /// With which data, separated with commas
    #[arg(long, value_name = "IDS")]
    data_scopes: Option<String>,
    /// Your campaign or case, for the audit log; kept encrypted
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Where the rows of those who may be approached go, with the reason and the data that may be used
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Where the rows of all others go, with the reason
    #[arg(long, value_name = "FILE")]
    denied: PathBuf,
    /// Goes on where an earlier run with the same question was interrupted
    #[arg(long, conflicts_with = "force")]
    resume: bool,
    /// Writes over files that are there
    #[arg(long)]
    force: bool,
    /// The service, as https://privacy.example
    #[arg(long, value_name = "URL", env = "AKKOORD_URL")]
    url: Url,
    /// The client
    #[arg(long, value_name = "ID", env = "AKKOORD_CLIENT_ID")]
    client_id: String,
    /// File with the client's secret; without it AKKOORD_CLIENT_SECRET holds the secret
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl CheckArguments {
    fn secret(&self) -> Result<Personal<String>, Failure> {
        let text = match &self.secret_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| Failure::Refused(format!("cannot read {}: {error}", file.display())))?,
            None => std::env::var("AKKOORD_CLIENT_SECRET").map_err(|_| {
                Failure::Refused(
                    "give the secret of the client in --secret-file or AKKOORD_CLIENT_SECRET".to_owned(),
                )
            })?,
        };
        Ok(Personal::new(text.trim().to_owned()))
    }

    fn query(&self) -> Vec<(&str, &str)> {
        let asked = [
            ("organisation", Some(self.organisation.as_str())),
            ("purpose", Some(self.purpose.as_str())),
            ("action", Some(self.action.as_str())),
            ("channel", self.channel.as_deref()),
            ("dataScopes", self.data_scopes.as_deref()),
            ("scheme", Some(self.scheme.as_str())),
            ("reference", self.reference.as_deref()),
        ];
        asked
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Does what was asked.
pub fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    runtime.block_on(run::check(arguments))
}
