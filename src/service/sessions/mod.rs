//! Who is signed in. The browser holds a random token of 256 bits; the database holds its hash, and what the session says is
//! sealed to that hash. A session ends when it was not used for half an hour, after twelve hours in any case, when somebody
//! signs out, and with the person who is erased (ASVS V7.2 and V7.3; NIST SP 800-63B §2.2.3).
//!
//! A session is read from the database for every request, so that one that was ended is ended on every node at once.

pub mod links;
pub mod staff;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::staff::StaffIdentity;
use super::Service;
use super::call::{Call, Principal};
use super::refusal::Refusal;
use super::shared::{OWN_CLIENT, Shared};
use super::work::PersonState;
use crate::crypto::sha256_parts;
use crate::domain::hex::hex;
use crate::domain::ids::{OrganisationId, PersonId, SchemeId};
use crate::domain::moment::Moment;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::store::{SessionRow, StoreError, Tx};
use crate::world::random;

/// Seconds without use after which a session is over. Long enough for who reads slowly (WCAG 2.2.1).
pub const IDLE_SECONDS: i64 = 30 * 60;
/// Seconds after which a session is over in any case.
pub const LONGEST_SECONDS: i64 = 12 * 3_600;
/// Seconds within which somebody must come back from the provider of accounts.
pub const LOGIN_SECONDS: i64 = 15 * 60;
/// Seconds for which a mail that cannot be sent is tried again: three days.
pub const MAIL_KEPT: i64 = 3 * 86_400;
/// How often a use is noted, in seconds: not every page writes.
const TOUCH_SECONDS: i64 = 60;

const LOGIN: &str = "login";
const MEMBER: &str = "member";
const STAFF: &str = "staff";

/// What the browser holds. It is not printed, and wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// What a browser sent; `None` for what is no token of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (text.len() == 43 && text.bytes().all(fits)).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    fn fresh(shared: &Shared) -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(random(&*shared.world));
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes)))
    }

    /// The token itself, for the cookie or the link.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Under what the database knows it.
    fn hash(&self) -> [u8; 32] {
        sha256_parts(&[b"akkoord session\n", self.0.as_bytes()])
    }

    /// The token that its forms carry. Whoever sees it cannot make the session token of it.
    pub fn csrf(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256_parts(&[b"akkoord form\n", self.0.as_bytes()]))
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who.
    pub who: Who,
    /// Since when.
    pub since: Moment,
    /// Until when in any case.
    pub ends_at: Moment,
    /// How.
    pub how: How,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A member.
    Member(MemberIdentity),
    /// Somebody who works for a library.
    Staff(StaffIdentity),
}

/// A member: a person of the network with a standing at one library or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberIdentity {
    /// The person.
    pub person: PersonId,
    /// Their libraries, in the order of the ids.
    pub libraries: Vec<OrganisationId>,
    /// The language they chose at the first of their libraries that knows one.
    pub language: Option<Language>,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// With the account of their library.
    Account,
    /// With a link by mail.
    Link,
}

/// What a session says, beside the person in its row.
#[derive(Serialize, Deserialize)]
struct Content {
    how: How,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    staff: Option<StaffIdentity>,
}

/// What is remembered of somebody on the way to the provider and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginOnTheWay {
    /// Whether it is staff that signs in.
    pub staff: bool,
    /// The `state` that must come back.
    pub state: Personal<String>,
    /// The `nonce` that the id token must carry.
    pub nonce: Personal<String>,
    /// The PKCE code verifier.
    pub verifier: Personal<String>,
    /// Where to go afterwards: a path here.
    pub onward: String,
}

impl Service {
    /// Signs a member in. The token goes to the browser and nowhere else. A session that the browser had before is ended by
    /// whoever calls this (session fixation).
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for somebody who is not a member of any library.
    pub async fn sign_in_member(&self, person: PersonId, how: How) -> Result<Token, Refusal> {
        self.member(person).await?.ok_or(Refusal::NotFound)?;
        self.open_session(
            MEMBER,
            Some(person),
            &Content { how, staff: None },
            LONGEST_SECONDS,
        )
        .await
    }

    /// Signs somebody of staff in.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn sign_in_staff(&self, identity: StaffIdentity, how: How) -> Result<Token, Refusal> {
        let content = Content {
            how,
            staff: Some(identity),
        };
        self.open_session(STAFF, None, &content, LONGEST_SECONDS).await
    }

    /// Remembers somebody who goes to the provider of accounts.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn begin_login(&self, login: &LoginOnTheWay) -> Result<Token, Refusal> {
        self.open_session(LOGIN, None, login, LOGIN_SECONDS).await
    }

    /// Somebody came back: what was remembered, once.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn end_login(&self, token: &Token) -> Result<Option<LoginOnTheWay>, Refusal> {
        let (hash, now) = (token.hash(), self.world().now());
        let row = self
            .sessions("end_login", move |tx| {
                let row = tx.session(&hash)?.filter(|row| row.kind == LOGIN);
                Ok(match row {
                    Some(row) if tx.end_session(&hash)? => Some(row),
                    _ => None,
                })
            })
            .await?;
        let row = row.filter(|row| now < row.ends_at);
        Ok(row.and_then(|row| self.unsealed(&row)))
    }

    /// Who holds a token now; `None` for an unknown, ended or unused one, without a difference.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn signed_in(&self, token: &Token) -> Result<Option<SignedIn>, Refusal> {
        let (hash, now) = (token.hash(), self.world().now());
        let Some(row) = self.look("session", move |tx| tx.session(&hash)).await? else {
            return Ok(None);
        };
        if row.kind == LOGIN || row.ends_at <= now || row.seen_at.plus_seconds(IDLE_SECONDS) <= now {
            return Ok(None);
        }
        let Some(content) = self.unsealed::<Content>(&row) else {
            return Ok(None);
        };
        let who = match (row.person_id, content.staff) {
            (Some(person), None) => match self.member(person).await? {
                Some(member) => Who::Member(member),
                None => return Ok(None),
            },
            (None, Some(staff)) => Who::Staff(staff),
            _ => return Ok(None),
        };
        if row.seen_at.plus_seconds(TOUCH_SECONDS) <= now {
            self.sessions("touch_session", move |tx| tx.touch_session(&hash, now))
                .await?;
        }
        Ok(Some(SignedIn {
            who,
            since: row.created_at,
            ends_at: row.ends_at,
            how: content.how,
        }))
    }

    /// Ends a session. An unknown one is ended already.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn sign_out(&self, token: &Token) -> Result<(), Refusal> {
        let hash = token.hash();
        self.sessions("end_session", move |tx| tx.end_session(&hash).map(|_| ()))
            .await
    }

    /// Ends all other sessions of a member: on a phone that was lost, on a computer in the library. Gives how many.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn sign_out_elsewhere(&self, person: PersonId, here: &Token) -> Result<usize, Refusal> {
        let hash = here.hash();
        self.sessions("end_other_sessions", move |tx| {
            tx.end_other_sessions(person, &hash)
        })
        .await
    }

    /// Whom an identifier leads to, when it is a present member of a library.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn find_member(
        &self,
        scheme: SchemeId,
        value: Personal<String>,
    ) -> Result<Option<MemberIdentity>, Refusal> {
        let call = own_call()?;
        let found = self
            .read(&call, move |_, work| Ok(work.find_identifier(&scheme, &value)?))
            .await?;
        match found {
            Some(person) => self.member(person).await,
            None => Ok(None),
        }
    }

    /// A person as member; `None` for who is erased, unreadable, a magic test subject, or known at no library.
    ///
    /// # Errors
    /// When the database cannot be used.
    pub async fn member(&self, person: PersonId) -> Result<Option<MemberIdentity>, Refusal> {
        let call = own_call()?;
        self.read(&call, move |_, work| {
            let known: Vec<OrganisationId> = work.catalogue().organisations.keys().cloned().collect();
            let found = work.person(person)?.filter(|found| {
                matches!(found.state, PersonState::Active | PersonState::Merged(_))
                    && !found.is_test_subject()
            });
            Ok(found.and_then(|found| {
                let libraries: Vec<OrganisationId> = known
                    .into_iter()
                    .filter(|library| found.standing(library).is_some())
                    .collect();
                let language = libraries
                    .iter()
                    .find_map(|library| found.standing(library)?.preferences.language);
                (!libraries.is_empty()).then_some(MemberIdentity {
                    person: found.id,
                    libraries,
                    language,
                })
            }))
        })
        .await
    }

    /// A token for the form of somebody who is not signed in yet. It says when it was made, and nothing else.
    pub fn form_token(&self) -> String {
        let keys = self.keys();
        let made = self.world().now().micros().to_be_bytes();
        keys.seal_token(FORM, random(self.world()), &made)
            .unwrap_or_default()
    }

    /// Whether a form token was made here, not longer ago than a login may take.
    pub fn is_form_token(&self, token: &str) -> bool {
        let made = self.keys().open_token(FORM, token);
        let Some(made) = made.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()) else {
            return false;
        };
        let (made, now) = (Moment::from_micros(i64::from_be_bytes(made)), self.world().now());
        made <= now && now < made.plus_seconds(LONGEST_SECONDS)
    }

    async fn open_session<T: Serialize>(
        &self,
        kind: &str,
        person_id: Option<PersonId>,
        content: &T,
        seconds: i64,
    ) -> Result<Token, Refusal> {
        let now = self.world().now();
        let token = Token::fresh(self.shared());
        let hash = token.hash();
        let row = SessionRow {
            hash,
            kind: kind.to_owned(),
            person_id,
            sealed: self.sealed(&label(&hash), content)?,
            created_at: now,
            seen_at: now,
            ends_at: now.plus_seconds(seconds),
        };
        self.sessions("add_session", move |tx| tx.add_session(&row))
            .await?;
        Ok(token)
    }

    fn unsealed<T: for<'de> Deserialize<'de>>(&self, row: &SessionRow) -> Option<T> {
        let bytes = self.keys().open_token(&label(&row.hash), &row.sealed)?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Seals what only this service reads again, for one place.
    pub(crate) fn sealed<T: Serialize>(&self, label: &str, content: &T) -> Result<String, Refusal> {
        let bytes = Zeroizing::new(serde_json::to_vec(content).map_err(|_| Refusal::Unavailable)?);
        self.keys()
            .seal_token(label, random(self.world()), &bytes)
            .ok_or(Refusal::Unavailable)
    }

    /// A change of sessions, links or mail, which belong to no lane: they hold nothing that a check looks at.
    pub(crate) async fn sessions<T: Send + 'static>(
        &self,
        name: &'static str,
        change: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let store = self.store().clone();
        let done = tokio::task::spawn_blocking(move || store.change(name, |tx| change(tx))).await;
        settled(name, done)
    }

    /// Reads sessions, links or mail.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        name: &'static str,
        read: impl Fn(&mut Tx<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Refusal> {
        let _permit = self.reader()?;
        let store = self.store().clone();
        let done = tokio::task::spawn_blocking(move || store.read(name, |tx| read(tx))).await;
        settled(name, done)
    }
}

/// Label of the tokens in forms of nobody yet.
const FORM: &str = "form";

/// What a session is sealed to: a row that is moved does not open.
fn label(hash: &[u8; 32]) -> String {
    format!("session {}", hex(hash))
}

fn settled<T>(
    name: &'static str,
    done: Result<Result<T, StoreError>, tokio::task::JoinError>,
) -> Result<T, Refusal> {
    match done {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::error!(error = %error, job = name, "sessions could not be read or written");
            Err(Refusal::Unavailable)
        }
        Err(_) => Err(Refusal::Unavailable),
    }
}

/// A call of the portal itself, to look who somebody is.
fn own_call() -> Result<Call, Refusal> {
    let principal = Principal {
        client: OWN_CLIENT.to_owned(),
        system: "portal".parse().map_err(|_| Refusal::Unavailable)?,
        scopes: std::collections::BTreeSet::new(),
    };
    Ok(Call::new(principal, Language::Nl))
}
