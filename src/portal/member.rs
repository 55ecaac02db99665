//! Whose pages these are: a member's own, or those of a child for whom a guardian chooses. What differs is whose word it
//! is; the pages are the same.

use crate::domain::event::ActorKind;
use crate::domain::ids::{OrganisationId, PersonId};
use crate::service::Service;
use crate::service::call::Call;
use crate::service::own::Own;
use crate::service::refusal::Refusal;
use crate::service::verbs::{ActorRef, PersonRef};
use crate::web::page::Page;
use crate::web::session::{Member, portal_call};

/// The parts of the pages of a member.
const PARTS: [(&str, &str); 7] = [
    ("/mijn/keuzes", "member-choices"),
    ("/mijn/wie-vroeg", "mine-asked"),
    ("/mijn/geschiedenis", "mine-history"),
    ("/mijn/gegevens", "mine-data"),
    ("/mijn/verzoeken", "mine-requests"),
    ("/mijn/kinderen", "member-children"),
    ("/mijn/instellingen", "member-settings"),
];

/// Where signing out is sent.
const SIGN_OUT: &str = "/uitloggen";

/// Whose data a page is about, and who speaks.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The person.
    pub person: PersonId,
    /// The libraries of the person.
    pub libraries: Vec<OrganisationId>,
    /// The guardian who speaks for the person, if one does.
    pub guardian: Option<PersonId>,
    /// Where the pages of this person begin: `/mijn`, without a slash behind.
    pub base: String,
}

impl Subject {
    /// A member for themselves.
    pub fn oneself(member: &Member) -> Self {
        Self {
            person: member.person,
            libraries: member.libraries.clone(),
            guardian: None,
            base: "/mijn".to_owned(),
        }
    }

    /// How verbs name the person at a library.
    pub fn person_at(&self, service: &Service, call: &Call, library: &OrganisationId) -> PersonRef {
        PersonRef::Pairwise(service.pairwise(call, library, self.person))
    }

    /// Whose word it is.
    pub fn actor(&self, service: &Service, call: &Call, library: &OrganisationId) -> ActorRef {
        match self.guardian {
            None => ActorRef::plain(ActorKind::Oneself),
            Some(guardian) => ActorRef {
                guardian: Some(PersonRef::Pairwise(service.pairwise(call, library, guardian))),
                ..ActorRef::plain(ActorKind::Guardian)
            },
        }
    }

    /// A library of the person, by its id; others do not exist here.
    pub fn library(&self, id: &str) -> Option<&OrganisationId> {
        self.libraries.iter().find(|library| library.as_str() == id)
    }

    /// What is current at each library.
    pub async fn standings(
        &self,
        service: &Service,
        call: &Call,
    ) -> Result<Vec<(OrganisationId, Own)>, Refusal> {
        let mut found = Vec::new();
        for library in &self.libraries {
            let own = service.own_standing(call, self.person, library.clone()).await?;
            found.push((library.clone(), own));
        }
        Ok(found)
    }
}

/// A page of a member: their language, navigation, the way out, and the look of their library.
pub fn dress(page: Page, service: &Service, member: &Member) -> Page {
    let page = page
        .for_reader(member.language)
        .with_navigation(&PARTS)
        .signed_in(member.session.csrf(), SIGN_OUT);
    match member.libraries.first() {
        Some(library) => page.at(&service.catalogue(), library),
        None => page,
    }
}

/// What somebody on these pages does, as a call of the portal.
///
/// # Errors
/// None that can occur: the name of the system is fixed.
pub fn call(page: &Page) -> Result<Call, Refusal> {
    portal_call(page.language)
}
