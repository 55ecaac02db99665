//! `akkoord keys`: the keys of the network, by name and never by their bytes.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::{PlaceArguments, with_service};
use super::{Failure, columns, say};
use crate::service::signing::{KeyFacts, LEAD};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Lists the keys: what each is for, which one is in use, and since when
    List(KeysArguments),
    /// Makes a new key to sign receipts and tokens with; a minute later every node signs with it, without a restart
    RotateSigning(KeysArguments),
    /// Begins a new key epoch now instead of when the week is over: wraps every person's key anew, and destroys the key of
    /// the epoch before, so that no older backup can bring back who was erased; nobody waits for it
    TurnEpoch(TurnArguments),
}

/// Arguments of `keys turn-epoch`.
#[derive(Debug, Args)]
pub struct TurnArguments {
    /// Also destroys keys of people that do not open, because they were changed outside the service: these people can
    /// never be read again
    #[arg(long)]
    give_up_unreadable: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of the commands of `keys`.
#[derive(Debug, Args)]
pub struct KeysArguments {
    #[command(flatten)]
    place: PlaceArguments,
}

/// Does what was asked.
pub fn run(command: &KeysCommand) -> Result<(), Failure> {
    match command {
        KeysCommand::List(arguments) => list(&arguments.place),
        KeysCommand::RotateSigning(arguments) => rotate(&arguments.place),
        KeysCommand::TurnEpoch(arguments) => turn_epoch(arguments),
    }
}

fn list(place: &PlaceArguments) -> Result<(), Failure> {
    let keys = with_service(place, async |service| Ok(service.key_facts()?))?;
    if place.json {
        let all: Vec<Value> = keys.iter().map(described).collect();
        say(&Value::from(all).to_string());
        return Ok(());
    }
    let at = |moment: Option<crate::domain::moment::Moment>| {
        moment.map_or_else(|| "-".to_owned(), |moment| moment.rfc3339())
    };
    let rows = keys.iter().map(|key| {
        [
            key.name.clone(),
            key.version.to_string(),
            key.state().to_owned(),
            at(key.from),
            at(key.replaced_at),
            key.key_id.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    say(&columns(
        ["KEY", "VERSION", "STATE", "FROM", "REPLACED", "KEY ID"],
        rows.collect(),
    ));
    Ok(())
}

fn rotate(place: &PlaceArguments) -> Result<(), Failure> {
    let turn = with_service(place, async |service| {
        let turn = service.rotate_signing(&service.operator()?).await;
        turn.map_err(|mistake| Failure::Refused(mistake.to_string()))
    })?;
    let kid = turn.public.thumbprint();
    if place.json {
        say(&json!({"keyId": kid, "version": turn.version, "from": turn.from.rfc3339()}).to_string());
    } else {
        say(&format!(
            "Made signing key {kid} (version {}).\nFrom {} on, {LEAD} seconds from now, every node signs receipts and \
             tokens with it; none needs a restart.\nThe earlier keys stay in /.well-known/jwks.json, so that every receipt \
             still verifies.",
            turn.version,
            turn.from.rfc3339(),
        ));
    }
    Ok(())
}

fn turn_epoch(arguments: &TurnArguments) -> Result<(), Failure> {
    let turned = with_service(&arguments.place, async |service| {
        let call = service.operator()?;
        let turned = service.turn_epoch(&call, arguments.give_up_unreadable);
        turned.map_err(|mistake| Failure::Refused(mistake.to_string()))
    })?;
    if arguments.place.json {
        let text = json!({
            "epoch": turned.epoch, "rewrapped": turned.rewrapped, "destroyed": turned.destroyed,
            "unreadable": turned.unreadable,
        });
        say(&text.to_string());
    } else {
        let destroyed: Vec<String> = turned.destroyed.iter().map(u64::to_string).collect();
        say(&format!(
            "Epoch {} has begun; {} keys of people are wrapped under it.\nDestroyed: the key of epoch {}.",
            turned.epoch,
            turned.rewrapped,
            if destroyed.is_empty() {
                "none".to_owned()
            } else {
                destroyed.join(", ")
            }
        ));
    }
    if turned.unfinished {
        return Err(Failure::Imperfect(format!(
            "{} keys of people do not open, and the key of their epoch is kept: they were changed outside the service. \
             Restore them from the key store's own backup and run this again, or give them up for good with \
             --give-up-unreadable.",
            turned.unreadable
        )));
    }
    Ok(())
}

fn described(key: &KeyFacts) -> Value {
    json!({
        "key": key.name,
        "version": key.version,
        "state": key.state(),
        "createdAt": key.created_at.rfc3339(),
        "from": key.from.map(|at| at.rfc3339()),
        "replacedAt": key.replaced_at.map(|at| at.rfc3339()),
        "keyId": key.key_id,
    })
}
