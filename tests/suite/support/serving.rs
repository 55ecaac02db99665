//! The real program serving real data: configured once, killed and started again as often as a test likes.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use akkoord::world::RealWorld;

use super::app::{ROOT_KEY, Setup, service, token};
use super::client::Client;
use super::program::{Running, akkoord};
use super::source::root;

const START: Duration = Duration::from_secs(120);

/// A configured installation: a configuration, a root key, and clients with tokens.
pub struct Installation {
    configuration: PathBuf,
    tokens: Vec<String>,
}

/// The program while it serves.
pub struct Serving {
    pub program: Running,
    pub address: SocketAddr,
}

impl Installation {
    /// Prepares the database at the URL, with so many clients of the system `crm`. `limits` are lines for `[limits]`.
    pub fn new(url: &str, folder: &Path, clients: usize, limits: &str) -> Installation {
        let public_base = "http://127.0.0.1:8080".to_owned();
        let key = folder.join("root.key");
        std::fs::write(&key, format!("{ROOT_KEY:02x}").repeat(32)).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let configuration = folder.join("akkoord.toml");
        let text = format!(
            "database = \"{url}\"\npolicies = \"{}\"\nnode = \"node-1\"\nbind = \"127.0.0.1:0\"\n\
             public_base = \"{public_base}\"\nroot_key = {{ file = \"root.key\" }}\n\
             [limits]\n{limits}\n[log]\nlevel = \"debug\"\n",
            root().join("policies").display()
        );
        std::fs::write(&configuration, text).unwrap();
        let setup = Setup {
            node: "provision",
            public_base,
            ..Setup::default()
        };
        let tokens = actix_web::rt::System::new().block_on(async {
            let service = service(url, Arc::new(RealWorld), &setup);
            let mut tokens = Vec::new();
            for number in 0..clients {
                tokens.push(token(&service, "crm", &format!("crm-{number}")).await);
            }
            service.stop();
            tokens
        });
        Installation {
            configuration,
            tokens,
        }
    }

    /// Where the configuration is.
    pub fn configuration(&self) -> &str {
        self.configuration.to_str().unwrap()
    }

    /// Serves metrics too, on a port that is free now.
    pub fn serve_metrics(&mut self) -> SocketAddr {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = std::fs::read_to_string(&self.configuration).unwrap();
        std::fs::write(&self.configuration, format!("metrics_bind = \"{free}\"\n{text}")).unwrap();
        free
    }

    /// Adds tables to the configuration.
    pub fn configure(&mut self, tables: &str) {
        let text = std::fs::read_to_string(&self.configuration).unwrap();
        std::fs::write(&self.configuration, format!("{text}{tables}")).unwrap();
    }

    /// Starts the program and waits until it listens.
    pub fn start(&self) -> Serving {
        let mut program = Running::start(akkoord(&[
            "serve",
            "--config",
            self.configuration.to_str().unwrap(),
        ]));
        let address = program
            .wait_for("akkoord listens on http://", START)
            .parse()
            .unwrap();
        Serving { program, address }
    }

    /// The token of one of the clients.
    pub fn token(&self, number: usize) -> &str {
        &self.tokens[number % self.tokens.len()]
    }

    /// A caller with the token of one of the clients.
    pub fn client(&self, number: usize, at: SocketAddr) -> Client {
        Client::new(at, self.token(number))
    }
}

impl Serving {
    /// Waits until a process that was killed is gone.
    pub fn kill_was_sent(mut self) {
        assert!(self.program.ended(Duration::from_secs(30)).is_some());
    }
}
