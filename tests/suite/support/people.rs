//! Members and staff of a test's service, and how they sign in without a provider of accounts.

use akkoord::domain::person::{Membership, MembershipKind};
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::service::Service;
use akkoord::service::call::{Call, Principal, Scope};
use akkoord::service::sessions::staff::{Reach, Role, StaffIdentity};
use akkoord::service::sessions::{How, MemberIdentity, Token};
use akkoord::service::verbs::RegisterPerson;
use akkoord::web::session::cookie;

/// A call of a system with every scope.
pub fn call_of(system: &str) -> Call {
    let principal = Principal {
        client: format!("{system}-1"),
        system: system.parse().unwrap(),
        scopes: Scope::ALL.iter().copied().collect(),
    };
    Call::new(principal, Language::Nl)
}

/// Makes a member known at a library; the pairwise id of the library system.
pub async fn register(service: &Service, library: &str, number: &str, born: &str) -> String {
    register_with(service, library, &[("member-number", number)], born).await
}

/// The same, with other identifiers.
pub async fn register_with(
    service: &Service,
    library: &str,
    identifiers: &[(&str, &str)],
    born: &str,
) -> String {
    let verb = RegisterPerson {
        organisation: library.parse().unwrap(),
        identifiers: identifiers
            .iter()
            .map(|(scheme, value)| (scheme.parse().unwrap(), Personal::new((*value).to_owned())))
            .collect(),
        birth_date: Some(Personal::new(born.parse().unwrap())),
        language: None,
        membership: Some(Membership {
            kind: MembershipKind::Adult,
            since: None,
            until: None,
            paying: true,
            contact_from_sale: false,
            opt_out_offered: false,
        }),
    };
    let done = service.register_person(&call_of("wise"), verb).await.unwrap();
    done.answer.person_id
}

/// A member, found by number.
pub async fn member(service: &Service, number: &str) -> Option<MemberIdentity> {
    let scheme = "member-number".parse().unwrap();
    service
        .find_member(scheme, Personal::new(number.to_owned()))
        .await
        .unwrap()
}

/// Signs a member in, as the pages do after the provider said who it is.
pub async fn sign_in(service: &Service, number: &str) -> Token {
    let person = member(service, number).await.unwrap().person;
    service.sign_in_member(person, How::Account).await.unwrap()
}

/// Signs somebody of staff in; without libraries, for all of the network.
pub async fn sign_in_staff(service: &Service, role: Role, libraries: &[&str]) -> Token {
    let reach = match libraries {
        [] => Reach::All,
        these => Reach::These(these.iter().map(|id| id.parse().unwrap()).collect()),
    };
    let identity = StaffIdentity {
        subject: Personal::new(format!("{role}-7")),
        name: Personal::new(format!("Test {role}")),
        role,
        reach,
    };
    service.sign_in_staff(identity, How::Account).await.unwrap()
}

/// The header `Cookie` of a browser with this session.
pub fn cookie(service: &Service, token: &Token) -> String {
    format!("{}={}", cookie::session_name(service), token.reveal())
}
