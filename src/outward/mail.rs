//! Mail that is sent: over SMTP, into a folder (for the demo and for trying out), or into memory (for tests).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use rustls::crypto::ring as tls;
use url::Url;
use zeroize::Zeroizing;

use crate::service::Service;
use crate::service::access::issuer::is_loopback;
use crate::service::post::{Letter, NotSent, SendMail, Sending};

/// How often the post is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a mail server may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How mail is carried.
#[derive(Debug, Clone)]
pub enum Carrier {
    /// By a mail server: `smtps://host`, or `smtp://host` with STARTTLS. User and password, when it asks for them.
    Smtp(Url, Option<(String, Zeroizing<String>)>),
    /// As `.eml` files in a folder.
    Folder(PathBuf),
    /// In memory.
    Memory(Kept),
}

/// Mail that was kept instead of sent.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Letter>>>);

impl Kept {
    /// What was sent until now, oldest first.
    pub fn letters(&self) -> Vec<Letter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Debug)]
enum Way {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(AsyncFileTransport<Tokio1Executor>),
    Memory(Kept),
}

/// Sends mail in our name.
#[derive(Debug)]
pub struct Postman {
    from: Mailbox,
    way: Way,
}

impl Postman {
    /// A postman; `from` is an address, perhaps with a name: `Bibliotheek <privacy@bibliotheek.example>`.
    ///
    /// # Errors
    /// A sentence about what cannot be.
    pub fn new(from: &str, carrier: Carrier) -> Result<Self, String> {
        let from = from
            .parse()
            .map_err(|_| "`from` is an e-mail address, or a name with an address in <>".to_owned())?;
        let way = match carrier {
            Carrier::Memory(kept) => Way::Memory(kept),
            Carrier::Folder(folder) => {
                std::fs::create_dir_all(&folder)
                    .map_err(|error| format!("the folder {} cannot be made: {error}", folder.display()))?;
                Way::Folder(AsyncFileTransport::new(folder))
            }
            Carrier::Smtp(url, account) => Way::Smtp(smtp(&url, account)?),
        };
        Ok(Self { from, way })
    }

    async fn carry(&self, letter: &Letter) -> Result<(), NotSent> {
        if let Way::Memory(kept) = &self.way {
            let mut letters = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
            letters.push(letter.clone());
            return Ok(());
        }
        let to: Mailbox = letter.to.reveal().parse().map_err(|_| NotSent::Refused)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject.as_str())
            .message_id(None)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.reveal().clone())
            .map_err(|_| NotSent::Refused)?;
        match &self.way {
            Way::Smtp(server) => match server.send(message).await {
                Ok(_) => Ok(()),
                Err(error) if error.is_permanent() => Err(NotSent::Refused),
                Err(_) => Err(NotSent::Later),
            },
            Way::Folder(folder) => folder.send(message).await.map(|_| ()).map_err(|_| NotSent::Later),
            Way::Memory(_) => Ok(()),
        }
    }
}

fn smtp(
    url: &Url,
    account: Option<(String, Zeroizing<String>)>,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let wrong =
        "`server` is smtps://host, or smtp://host for STARTTLS; without TLS only to this machine".to_owned();
    let host = url.host_str().ok_or_else(|| wrong.clone())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "`server` has no user and no password in it: `user` and `password` are for that".to_owned(),
        );
    }
    // Another part of the process may have been first; then it is the same provider.
    let _ = tls::default_provider().install_default();
    let builder = match url.scheme() {
        "smtps" => AsyncSmtpTransport::<Tokio1Executor>::relay(host),
        "smtp" if is_loopback(url) => Ok(AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)),
        "smtp" => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host),
        _ => return Err(wrong),
    };
    let mut builder = builder.map_err(|_| wrong)?.timeout(Some(TIMEOUT));
    if let Some(port) = url.port() {
        builder = builder.port(port);
    }
    if let Some((user, password)) = account {
        builder = builder.credentials(Credentials::new(user, password.to_string()));
    }
    Ok(builder.build())
}

impl SendMail for Postman {
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a> {
        Box::pin(self.carry(letter))
    }
}

/// A postman at work; he stops when this is dropped.
#[derive(Debug)]
pub struct Round(tokio::task::JoinHandle<()>);

impl Drop for Round {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a service's mail from now on.
pub fn start(service: Service, postman: Postman) -> Round {
    Round(tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            if service.deliver_mail(&postman).await.is_err() {
                tracing::warn!(alarm = "mail-late", "the post could not be looked at");
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::personal::Personal;

    fn letter(to: &str) -> Letter {
        Letter {
            to: Personal::new(to.to_owned()),
            subject: "Je keuze · één".to_owned(),
            text: Personal::new("Hallo,\n\nDit is een brief.\n".to_owned()),
        }
    }

    #[tokio::test]
    async fn mail_is_carried_into_a_folder_and_into_memory() {
        let folder = tempfile::tempdir().unwrap();
        let from = "Bibliotheek <privacy@bibliotheek.example>";
        let postman = Postman::new(from, Carrier::Folder(folder.path().join("post"))).unwrap();
        postman
            .carry(&letter("noor.dewit@lindemail.example"))
            .await
            .unwrap();
        let files: Vec<_> = std::fs::read_dir(folder.path().join("post")).unwrap().collect();
        assert_eq!(files.len(), 1);
        let text = std::fs::read_to_string(files[0].as_ref().unwrap().path()).unwrap();
        for part in [
            "noor.dewit@lindemail.example",
            "privacy@bibliotheek.example",
            "Dit is een brief.",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert_eq!(postman.carry(&letter("nobody")).await, Err(NotSent::Refused));

        let kept = Kept::default();
        let postman = Postman::new("privacy@bibliotheek.example", Carrier::Memory(kept.clone())).unwrap();
        postman.carry(&letter("a@b.example")).await.unwrap();
        assert_eq!(kept.letters(), [letter("a@b.example")]);
    }

    #[test]
    fn a_mail_server_is_spoken_to_over_tls() {
        let server = |url: &str| Carrier::Smtp(url.parse().unwrap(), None);
        let from = "privacy@bibliotheek.example";
        for good in [
            "smtps://mail.example",
            "smtp://mail.example:587",
            "smtp://localhost:2525",
        ] {
            assert!(Postman::new(from, server(good)).is_ok(), "{good}");
        }
        for wrong in ["https://mail.example", "smtps://u:p@mail.example"] {
            assert!(Postman::new(from, server(wrong)).is_err(), "{wrong}");
        }
        assert!(Postman::new("nobody", server("smtps://mail.example")).is_err());
    }
}
