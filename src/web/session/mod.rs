//! Who uses the pages. A handler names what it needs as an argument: [`Member`], [`Staff`] or [`Visitor`]; who is not signed
//! in is led to the page to sign in and comes back afterwards. Every form goes through [`Form`], or through [`OpenForm`] on
//! pages for somebody who is not signed in.

pub mod cookie;
pub mod doors;
mod form;
pub mod onward;
mod turned;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::LocalBoxFuture;

pub use form::{Form, OpenForm};
pub use turned::{Turned, Why};

use super::language;
use crate::domain::ids::{OrganisationId, PersonId};
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::call::{Call, Principal, Scope};
use crate::service::refusal::Refusal;
use crate::service::sessions::staff::{Reach, Role, StaffIdentity};
use crate::service::sessions::{How, SignedIn, Token, Who};
use crate::world::random;

/// Where members sign in.
pub const SIGN_IN: &str = "/inloggen";
/// Where staff signs in.
pub const SIGN_IN_STAFF: &str = "/inloggen/medewerkers";

/// The session of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// What the cookie holds.
    pub token: Token,
    /// Since when, until when and how.
    pub signed_in: SignedIn,
}

impl Session {
    /// The hidden field `_csrf` of every form.
    pub fn csrf(&self) -> String {
        self.token.csrf()
    }
}

/// A value for the hidden field `_once`: a form that is sent twice is done once.
pub fn once(service: &Service) -> String {
    URL_SAFE_NO_PAD.encode(random::<16>(service.world()))
}

/// A member who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub person: PersonId,
    /// Their libraries; at least one.
    pub libraries: Vec<OrganisationId>,
    /// The language they chose, if they ever did.
    pub language: Option<Language>,
    /// The session.
    pub session: Session,
}

impl Member {
    /// What this member does, as a call of the portal. It may do what a member may; the verbs are told whose word it is.
    ///
    /// # Errors
    /// None that can occur: the name of the system is fixed.
    pub fn call(&self, language: Language) -> Result<Call, Refusal> {
        portal_call(language)
    }
}

/// A call of the portal.
///
/// # Errors
/// None that can occur: the name of the system is fixed.
pub fn portal_call(language: Language) -> Result<Call, Refusal> {
    let scopes = [
        Scope::ConsentsRead,
        Scope::ConsentsWrite,
        Scope::RightsWrite,
        Scope::AuditRead,
    ];
    call("portal", &scopes, language)
}

/// A call of one of our own pages for people.
///
/// # Errors
/// When there is no such system.
pub fn call(system: &str, scopes: &[Scope], language: Language) -> Result<Call, Refusal> {
    let principal = Principal {
        client: system.to_owned(),
        system: system.parse().map_err(|_| Refusal::Unavailable)?,
        scopes: scopes.iter().copied().collect(),
    };
    Ok(Call::new(principal, language))
}

/// Somebody of staff who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// Who, with which role and for which libraries.
    pub identity: StaffIdentity,
    /// The session.
    pub session: Session,
}

impl Staff {
    /// Refuses who has none of these roles.
    ///
    /// # Errors
    /// 403 as a page.
    pub fn require(&self, roles: &[Role], language: Language) -> Result<(), Turned> {
        if roles.contains(&self.identity.role) {
            return Ok(());
        }
        Err(Turned::new(Why::NotAllowed, language))
    }

    /// What they may do.
    pub const fn role(&self) -> Role {
        self.identity.role
    }

    /// For which libraries they work.
    pub const fn reach(&self) -> &Reach {
        &self.identity.reach
    }
}

/// Whoever looks at a page that everybody may see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visitor {
    /// A member who is signed in.
    pub member: Option<Member>,
    /// Somebody of staff who is signed in.
    pub staff: Option<Staff>,
}

impl Visitor {
    /// The session, when there is one.
    pub fn session(&self) -> Option<&Session> {
        let member = self.member.as_ref().map(|member| &member.session);
        member.or_else(|| self.staff.as_ref().map(|staff| &staff.session))
    }

    async fn of(request: &HttpRequest) -> Result<Self, Turned> {
        if let Some(known) = request.extensions().get::<Self>() {
            return Ok(known.clone());
        }
        let visitor = Self::look(request).await?;
        request.extensions_mut().insert(visitor.clone());
        Ok(visitor)
    }

    async fn look(request: &HttpRequest) -> Result<Self, Turned> {
        let Some(service) = request.app_data::<Data<Service>>() else {
            return Ok(Self::default());
        };
        let Some(token) = cookie::of(request, service) else {
            return Ok(Self::default());
        };
        let signed_in = service.signed_in(&token).await;
        let signed_in = signed_in.map_err(|refusal| Turned::refused(&refusal, language::of(request)))?;
        let Some(signed_in) = signed_in else {
            return Ok(Self::default());
        };
        let session = Session {
            token,
            signed_in: signed_in.clone(),
        };
        Ok(match signed_in.who {
            Who::Member(identity) => Self {
                member: Some(Member {
                    person: identity.person,
                    libraries: identity.libraries,
                    language: identity.language,
                    session,
                }),
                staff: None,
            },
            Who::Staff(identity) => Self {
                member: None,
                staff: Some(Staff { identity, session }),
            },
        })
    }
}

/// Where to come back to: the page that was asked for; for a form that was sent, the page it stands on, which has its path.
fn back(request: &HttpRequest) -> String {
    let path = match request.query_string() {
        "" => request.path().to_owned(),
        _ if request.method() != Method::GET => request.path().to_owned(),
        query => format!("{}?{query}", request.path()),
    };
    onward::local(&path).map(str::to_owned).unwrap_or_default()
}

impl FromRequest for Visitor {
    type Error = Turned;
    type Future = LocalBoxFuture<'static, Result<Self, Turned>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

impl FromRequest for Member {
    type Error = Turned;
    type Future = LocalBoxFuture<'static, Result<Self, Turned>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let visitor = Visitor::of(&request).await?;
            visitor
                .member
                .ok_or_else(|| Turned::sign_in(SIGN_IN, &back(&request)))
        })
    }
}

impl FromRequest for Staff {
    type Error = Turned;
    type Future = LocalBoxFuture<'static, Result<Self, Turned>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let visitor = Visitor::of(&request).await?;
            visitor
                .staff
                .ok_or_else(|| Turned::sign_in(SIGN_IN_STAFF, &back(&request)))
        })
    }
}

impl SignedIn {
    /// Whether they used the account of their library, and not a link by mail.
    pub fn with_account(&self) -> bool {
        self.how == How::Account
    }
}
