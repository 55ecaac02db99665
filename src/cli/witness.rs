//! `akkoord witness`: a witness for the audit logs of another organisation.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};

use super::serve::{Signals, no_core_dumps};
use super::{Failure, say};
use crate::crypto::Secret32;
use crate::telemetry::{self, Log};
use crate::witness::{Witness, serve};
use crate::world::{RealWorld, random};

/// What can be done with a witness.
#[derive(Debug, Subcommand)]
pub enum WitnessCommand {
    /// Makes a witness in a new folder and prints its public key
    Init(InitArguments),
    /// Serves the witness of a folder until SIGTERM or SIGINT
    Serve(ServeArguments),
}

/// Arguments of `witness init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The name in its signatures, like an address without scheme: witness.example/akkoord
    #[arg(long)]
    name: String,
}

/// Arguments of `witness serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The folder
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address and port; a proxy that speaks TLS stands in front of it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    bind: SocketAddr,
}

/// Does what was asked.
pub fn run(command: &WitnessCommand) -> Result<(), Failure> {
    match command {
        WitnessCommand::Init(arguments) => init(arguments),
        WitnessCommand::Serve(arguments) => run_witness(arguments),
    }
}

fn init(arguments: &InitArguments) -> Result<(), Failure> {
    let seed = Secret32::from_bytes(random(&RealWorld));
    let made = Witness::init(&arguments.data, &arguments.name, seed);
    let key = made.map_err(|error| Failure::Refused(error.to_string()))?;
    say(&key.to_text());
    say(&format!(
        "Give this key to those whose logs you watch, for [[witnesses.witness]] of their configuration. Put the verifier \
         keys of their logs into {}, one on a line. Back the folder up: a witness that forgot what it saw must not go on.",
        arguments.data.join("logs").display()
    ));
    Ok(())
}

fn run_witness(arguments: &ServeArguments) -> Result<(), Failure> {
    telemetry::start(&Log::default());
    no_core_dumps()?;
    let witness = Witness::open(&arguments.data).map_err(|error| Failure::Refused(error.to_string()))?;
    actix_web::rt::System::new().block_on(async {
        let mut signals = Signals::listen()?;
        let running = serve(witness, Arc::new(RealWorld), arguments.bind)
            .map_err(|error| Failure::Refused(format!("cannot listen on {}: {error}", arguments.bind)))?;
        say(&format!("The witness listens on http://{}", running.addr));
        signals.next().await;
        running.stop().await;
        Ok(())
    })
}
