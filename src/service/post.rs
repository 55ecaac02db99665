//! Mail to members: a link to sign in, a word recorded at the desk. A mail is written down, sealed, before it is sent, so that
//! an answer never waits for a mail server, and a mail that could not be sent is tried again for three days.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};

use super::Service;
use super::refusal::Refusal;
use super::sessions::MAIL_KEPT;
use crate::domain::hex::hex;
use crate::domain::ids::PersonId;
use crate::domain::personal::Personal;
use crate::store::MailRow;
use crate::world::random;

/// How many are sent in one go.
const AT_ONCE: i64 = 20;
/// Seconds after which a mail is tried again the first time; the pause doubles until it is six hours.
const RETRY_SECONDS: i64 = 60;

/// One mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// The address.
    pub to: Personal<String>,
    /// Its subject; nothing personal.
    pub subject: String,
    /// Its text, plain.
    pub text: Personal<String>,
}

/// Why a mail was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It never will be: the address is none, or the server refuses it for good.
    #[error("refused for good")]
    Refused,
    /// Perhaps later.
    #[error("not now")]
    Later,
}

/// A mail on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// What carries mail; the room `outward` has it.
pub trait SendMail: Send + Sync + fmt::Debug {
    /// Sends one mail.
    fn send<'a>(&'a self, letter: &'a Letter) -> Sending<'a>;
}

fn label(id: &[u8; 16]) -> String {
    format!("mail {}", hex(id))
}

impl Service {
    /// A mail as it waits in the database.
    pub(super) fn sealed_letter(&self, id: &[u8; 16], letter: &Letter) -> Result<String, Refusal> {
        self.sealed(&label(id), letter)
    }

    /// Puts a mail in the post. It goes with the person who is erased.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn post(&self, person_id: Option<PersonId>, letter: &Letter) -> Result<(), Refusal> {
        let (id, now) = (random::<16>(self.world()), self.world().now());
        let row = MailRow {
            id,
            person_id,
            sealed: self.sealed_letter(&id, letter)?,
            attempts: 0,
            created_at: now,
            due_at: now,
        };
        self.sessions("add_mail", move |tx| tx.add_mail(&row)).await
    }

    /// The address of a member, to answer at: the one that a library of theirs recorded.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn address_of(&self, person: PersonId) -> Result<Option<Personal<String>>, Refusal> {
        let call = self.operator()?;
        self.read(&call, move |_, work| {
            let found = work.person(person)?;
            Ok(found.and_then(|found| {
                let mut identifiers = found.record.identifiers.iter();
                identifiers
                    .find(|identifier| identifier.scheme.as_str() == "email")
                    .map(|identifier| identifier.value.clone())
            }))
        })
        .await
    }

    /// Sends what is due; gives how many went.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn deliver_mail(&self, sender: &dyn SendMail) -> Result<usize, Refusal> {
        let now = self.world().now();
        let rows = self.look("due_mail", move |tx| tx.due_mail(now, AT_ONCE)).await?;
        let mut sent = 0;
        for row in rows {
            let (id, attempts) = (row.id, row.attempts);
            let pause = RETRY_SECONDS.saturating_mul(1 << attempts.min(9)).min(6 * 3_600);
            let until = now.plus_seconds(pause);
            // Another node may have taken it a moment ago.
            let taken = self
                .sessions("take_mail", move |tx| tx.take_mail(&id, attempts, until))
                .await?;
            if !taken {
                continue;
            }
            let opened = self.keys().open_token(&label(&id), &row.sealed);
            let letter = opened.and_then(|bytes| serde_json::from_slice::<Letter>(&bytes).ok());
            let outcome = match &letter {
                Some(letter) => sender.send(letter).await,
                None => Err(NotSent::Refused),
            };
            match outcome {
                Err(NotSent::Later) if row.created_at.plus_seconds(MAIL_KEPT) > until => {
                    tracing::warn!(alarm = "mail-late", "a mail is tried again later");
                    continue;
                }
                Err(error) => {
                    tracing::warn!(alarm = "mail-lost", error = %error, "a mail is given up")
                }
                Ok(()) => sent += 1,
            }
            self.sessions("delete_mail", move |tx| tx.delete_mail(&id))
                .await?;
        }
        Ok(sent)
    }
}
