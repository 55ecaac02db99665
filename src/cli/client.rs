//! `akkoord client`: the clients of calling systems. Secrets are shown once, when they are made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Failure, RootKeyArguments, say, serve};
use crate::config::Config;
use crate::domain::ids::SystemId;
use crate::policy::load::read_folder;
use crate::service::Service;
use crate::service::access::client::{Client, ClientId};
use crate::service::access::{Added, ClientMistake, Credential, NewClient};
use crate::service::call::Scope;

/// What this process is called in the audit log: never as the node that may be serving at the same time.
const NODE_SUFFIX: &str = "-cli";
/// Longest name of a node.
const MAX_NODE: usize = 32;

/// What can be done with clients.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Adds a client and shows its secret once
    Add(AddArguments),
    /// Lists the clients
    List(ListArguments),
    /// Gives a client a new secret; the one before stays valid until the next time
    Rotate(RotateArguments),
    /// Ends a client for good: at once where it is done, within two seconds on every node that serves
    Revoke(RevokeArguments),
}

/// Where the clients are, and how to answer.
#[derive(Debug, Args)]
pub struct PlaceArguments {
    /// The configuration of the service
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Answers in JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    root_key: RootKeyArguments,
}

impl PlaceArguments {
    /// The configuration.
    pub fn config(&self) -> &Path {
        &self.config
    }
}

/// Arguments of `client add`.
#[derive(Debug, Args)]
pub struct AddArguments {
    /// Its name: lower-case words joined by hyphens, or `issuer:name` for a client of an [[issuer]] of the configuration
    #[arg(value_name = "ID", value_parser = client_id)]
    id: ClientId,
    /// The system of the policies it speaks for
    #[arg(long, value_parser = system_id)]
    system: SystemId,
    /// What it may do, as `decisions:check`; repeat it, or separate with commas
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',', value_parser = scope)]
    scopes: Vec<Scope>,
    /// File with its public keys as a JWK set: it then proves itself with private_key_jwt and gets no secret
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `client list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `client rotate`.
#[derive(Debug, Args)]
pub struct RotateArguments {
    /// Its name
    #[arg(value_name = "ID", value_parser = client_id)]
    id: ClientId,
    /// Ends the secrets it has now, and every token it got before: for a secret that may have leaked
    #[arg(long)]
    drop_old: bool,
    #[command(flatten)]
    place: PlaceArguments,
}

/// Arguments of `client revoke`.
#[derive(Debug, Args)]
pub struct RevokeArguments {
    /// Its name
    #[arg(value_name = "ID", value_parser = client_id)]
    id: ClientId,
    #[command(flatten)]
    place: PlaceArguments,
}

impl PlaceArguments {
    /// Whether the answer is to be JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }
}

fn client_id(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|error| error.to_string())
}

fn system_id(text: &str) -> Result<SystemId, String> {
    text.parse()
        .map_err(|error: crate::domain::ids::NotAnId| error.to_string())
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| {
        let all: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        format!("the scopes are {}", all.join(", "))
    })
}

/// Does what was asked.
pub fn run(command: &ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Add(arguments) => add(arguments),
        ClientCommand::List(arguments) => list(&arguments.place),
        ClientCommand::Rotate(arguments) => rotate(arguments),
        ClientCommand::Revoke(arguments) => revoke(arguments),
    }
}

fn add(arguments: &AddArguments) -> Result<(), Failure> {
    let credential = match &arguments.jwks {
        Some(_) if arguments.id.is_foreign() => {
            return Err(ClientMistake::Credential(arguments.id.to_string()).into());
        }
        Some(file) => Credential::Keys(
            std::fs::read_to_string(file)
                .map_err(|error| Failure::Refused(format!("cannot read {}: {error}", file.display())))?,
        ),
        None if arguments.id.is_foreign() => Credential::Elsewhere,
        None => Credential::Secret,
    };
    let new = NewClient {
        id: arguments.id.clone(),
        system: arguments.system.clone(),
        scopes: arguments.scopes.iter().copied().collect(),
        credential,
    };
    let added = with_service(&arguments.place, async |service| {
        Ok(service.add_client(&service.operator()?, new).await?)
    })?;
    tell(&arguments.place, "Added", &added);
    Ok(())
}

fn rotate(arguments: &RotateArguments) -> Result<(), Failure> {
    let rotated = with_service(&arguments.place, async |service| {
        let operator = service.operator()?;
        Ok(service
            .rotate_client(&operator, arguments.id.as_str(), arguments.drop_old)
            .await?)
    })?;
    tell(&arguments.place, "New secret for", &rotated);
    if !arguments.place.json {
        say(if arguments.drop_old {
            "Every other secret and every token it got before has ended."
        } else {
            "The secret before this one stays valid until the next `rotate`, or until `rotate --drop-old`."
        });
    }
    Ok(())
}

fn revoke(arguments: &RevokeArguments) -> Result<(), Failure> {
    let revoked = with_service(&arguments.place, async |service| {
        let operator = service.operator()?;
        Ok(service.revoke_client(&operator, arguments.id.as_str()).await?)
    })?;
    if arguments.place.json {
        say(&described(&revoked).to_string());
    } else {
        say(&format!(
            "Revoked {}: within two seconds no node that serves lets it in. Its name is not used again.",
            revoked.id
        ));
    }
    Ok(())
}

fn list(place: &PlaceArguments) -> Result<(), Failure> {
    let clients = with_service(place, async |service| {
        service
            .clients()
            .await
            .map_err(|error| ClientMistake::Register(error).into())
    })?;
    if place.json {
        let all: Vec<Value> = clients.iter().map(described).collect();
        say(&Value::from(all).to_string());
    } else if clients.is_empty() {
        say("There are no clients. Add one with `akkoord client add`.");
    } else {
        say(&table(&clients));
    }
    Ok(())
}

/// Opens the service of a configuration, does something with it, and ends it.
pub fn with_service<T>(
    place: &PlaceArguments,
    act: impl AsyncFnOnce(&Service) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut config = Config::load(&place.config)?;
    serve::no_core_dumps()?;
    let length = MAX_NODE.saturating_sub(NODE_SUFFIX.len());
    config.node = config.node.chars().take(length).collect::<String>() + NODE_SUFFIX;
    let root_key = place.root_key.source(&config)?.read()?;
    let files = read_folder(&config.policies).map_err(|error| Failure::Misconfigured(error.to_string()))?;
    let service = serve::open(&config, root_key, files)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("cannot start: {error}")))?;
    let done = runtime.block_on(act(&service));
    service.stop();
    done
}

/// Says what was made, with the secret that is shown this once.
fn tell(place: &PlaceArguments, what: &str, added: &Added) {
    let client = &added.client;
    if place.json {
        let mut shown = described(client);
        if let (Some(object), Some(secret)) = (shown.as_object_mut(), &added.secret) {
            object.insert("secret".to_owned(), Value::from(secret.reveal()));
        }
        say(&shown.to_string());
        return;
    }
    say(&format!(
        "{what} client {} of system {}.",
        client.id, client.system
    ));
    say(&format!("  Scopes  {}", words(&client.scopes)));
    match &added.secret {
        Some(secret) => {
            say(&format!("  Secret  {}", secret.reveal()));
            say(
                "It is shown this once and kept as a hash only. Put it in the system's own store of secrets.",
            );
        }
        None => say(&format!("  Proof   {}", proof(client))),
    }
}

fn described(client: &Client) -> Value {
    json!({
        "clientId": client.id.as_str(),
        "system": client.system.as_str(),
        "scopes": client.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "authentication": proof(client),
        "state": state(client),
        "secretsCreatedAt": client.secrets.iter().map(|secret| secret.created_at.rfc3339()).collect::<Vec<_>>(),
        "createdAt": client.created_at.rfc3339(),
        "changedAt": client.changed_at.rfc3339(),
    })
}

fn state(client: &Client) -> &'static str {
    if client.is_active() { "active" } else { "revoked" }
}

/// How it proves itself, as RFC 7591 names it.
fn proof(client: &Client) -> &'static str {
    if client.id.is_foreign() {
        "issuer"
    } else if client.jwks.is_some() {
        "private_key_jwt"
    } else {
        "client_secret_basic"
    }
}

fn words(scopes: &BTreeSet<Scope>) -> String {
    let words: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    words.join(" ")
}

fn table(clients: &[Client]) -> String {
    let rows = clients.iter().map(|client| {
        [
            client.id.to_string(),
            client.system.to_string(),
            state(client).to_owned(),
            proof(client).to_owned(),
            client.changed_at.rfc3339(),
            words(&client.scopes),
        ]
    });
    super::columns(
        ["CLIENT", "SYSTEM", "STATE", "PROOF", "CHANGED", "SCOPES"],
        rows.collect(),
    )
}
