//! A link by mail that signs a member in once, for libraries without a provider of accounts (ASVS V6.6): random, kept as a
//! hash, good for fifteen minutes and one use. Whoever asks hears the same whether an address is known or not.

use serde::{Deserialize, Serialize};

use super::{MemberIdentity, Token};
use crate::crypto::sha256_parts;
use crate::domain::hex::hex;
use crate::domain::ids::PersonId;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::store::LoginLinkRow;

/// Seconds for which a link works.
pub const LINK_SECONDS: i64 = 15 * 60;
/// Most links for one member that work at the same time; who asks more often gets no more mail.
const MOST_LINKS: i64 = 3;

/// What a link says, beside the person in its row.
#[derive(Serialize, Deserialize)]
struct Content {
    onward: String,
}

fn hash(token: &Token) -> [u8; 32] {
    sha256_parts(&[b"akkoord login link\n", token.reveal().as_bytes()])
}

fn label(hash: &[u8; 32]) -> String {
    format!("login-link {}", hex(hash))
}

impl Service {
    /// Makes a link for a member; `None` when there are enough that still work. `onward` is a path here.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn make_login_link(&self, person: PersonId, onward: &str) -> Result<Option<Token>, Refusal> {
        let now = self.world().now();
        let token = Token::fresh(self.shared());
        let hash = hash(&token);
        let content = Content {
            onward: onward.to_owned(),
        };
        let row = LoginLinkRow {
            hash,
            person_id: person,
            sealed: self.sealed(&label(&hash), &content)?,
            created_at: now,
            ends_at: now.plus_seconds(LINK_SECONDS),
        };
        let made = self
            .sessions("add_login_link", move |tx| {
                if tx.login_links_since(person, now.plus_seconds(-LINK_SECONDS))? >= MOST_LINKS {
                    return Ok(false);
                }
                tx.add_login_link(&row).map(|()| true)
            })
            .await?;
        Ok(made.then_some(token))
    }

    /// Whether a link would work now. Looking does not use it: scanners of mail look at every link.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn is_login_link(&self, token: &Token) -> Result<bool, Refusal> {
        let (hash, now) = (hash(token), self.world().now());
        let row = self.look("login_link", move |tx| tx.login_link(&hash)).await?;
        Ok(row.is_some_and(|row| now < row.ends_at))
    }

    /// Uses a link: whom it signs in, and where it leads. The second time it leads nowhere.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn use_login_link(&self, token: &Token) -> Result<Option<(MemberIdentity, String)>, Refusal> {
        let (hash, now) = (hash(token), self.world().now());
        let row = self
            .sessions("use_login_link", move |tx| {
                let row = tx.login_link(&hash)?;
                Ok(match row {
                    Some(row) if tx.use_login_link(&hash)? => Some(row),
                    _ => None,
                })
            })
            .await?;
        let Some(row) = row.filter(|row| now < row.ends_at) else {
            return Ok(None);
        };
        let sealed = self.keys().open_token(&label(&row.hash), &row.sealed);
        let content = sealed.and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok());
        let member = self.member(row.person_id).await?;
        Ok(member.zip(content.map(|content| content.onward)))
    }
}
