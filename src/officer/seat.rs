//! Who sits at the console: a role, what it shows and lets do, and the call that everything is done with.

use actix_web::HttpRequest;
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web::Data};

use super::blocks::{Block, Field, Tone, answer};
use crate::domain::ids::{OrganisationId, SchemeId};
use crate::domain::personal::Personal;
use crate::service::Service;
use crate::service::call::{Call, Principal, Scope};
use crate::service::console::SYSTEM;
use crate::service::refusal::{Forbidden, Invalid, Refusal};
use crate::service::sessions::staff::{Reach, Role};
use crate::service::verbs::PersonRef;
use crate::web::page::Page;
use crate::web::session::{Staff, Turned, Why};
use crate::web::texts;

/// A part of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What is to be done.
    Today,
    /// Rights requests.
    Requests,
    /// Audit logs.
    Audit,
    /// Purposes and the register.
    Purposes,
    /// Systems.
    Systems,
    /// Figures.
    Figures,
    /// Erasures.
    Erasures,
    /// Proposals.
    Policy,
    /// Retention.
    Retention,
    /// Desks.
    Desk,
    /// Turning 16.
    Sixteen,
    /// Breaches.
    Breach,
    /// Who did what here.
    Access,
}

/// The parts, with their path and the text of their name, in the order of the navigation.
pub const PARTS: [(Part, &str, &str); 13] = [
    (Part::Today, "/fg", "fg-part-today"),
    (Part::Requests, "/fg/verzoeken", "fg-part-requests"),
    (Part::Audit, "/fg/zoeken", "fg-part-audit"),
    (Part::Purposes, "/fg/doelen", "fg-part-purposes"),
    (Part::Systems, "/fg/systemen", "fg-part-systems"),
    (Part::Figures, "/fg/cijfers", "fg-part-figures"),
    (Part::Erasures, "/fg/wissen", "fg-part-erasures"),
    (Part::Policy, "/fg/beleid", "fg-part-policy"),
    (Part::Retention, "/fg/bewaren", "fg-part-retention"),
    (Part::Desk, "/fg/balie", "fg-part-desk"),
    (Part::Sixteen, "/fg/zestien", "fg-part-sixteen"),
    (Part::Breach, "/fg/datalek", "fg-part-breach"),
    (Part::Access, "/fg/toegang", "fg-part-access"),
];

/// Whether a role may look at a part.
pub const fn looks(role: Role, part: Part) -> bool {
    match role {
        Role::Officer => true,
        Role::Auditor => !matches!(part, Part::Breach),
        Role::Assistant => !matches!(part, Part::Breach | Part::Access),
        Role::Administrator => matches!(
            part,
            Part::Today | Part::Purposes | Part::Systems | Part::Policy | Part::Retention
        ),
        Role::Desk => false,
    }
}

/// Whether a role may act in a part: change something, look somebody up, or take data out.
pub const fn acts(role: Role, part: Part) -> bool {
    match role {
        Role::Officer => true,
        Role::Auditor => matches!(part, Part::Audit | Part::Purposes | Part::Figures | Part::Access),
        Role::Assistant => matches!(part, Part::Requests | Part::Audit | Part::Erasures | Part::Policy),
        Role::Administrator => matches!(part, Part::Policy),
        Role::Desk => false,
    }
}

/// Whether a role decides: refuses or fulfils requests, approves erasures and policies.
pub const fn decides(role: Role) -> bool {
    matches!(role, Role::Officer)
}

/// Whether a role takes whole logs and reports along.
pub const fn exports(role: Role) -> bool {
    matches!(role, Role::Officer | Role::Auditor)
}

/// What the calls of a role may do; the pages ask for less.
fn scopes(role: Role) -> Vec<Scope> {
    let all = [
        Scope::RightsManage,
        Scope::RightsWrite,
        Scope::AuditRead,
        Scope::PoliciesRead,
        Scope::PoliciesManage,
        Scope::ConsentsRead,
    ];
    let wanted = |scope: &Scope| match role {
        Role::Officer => true,
        Role::Assistant => true,
        Role::Auditor => !matches!(scope, Scope::RightsWrite | Scope::PoliciesManage),
        Role::Administrator => matches!(scope, Scope::PoliciesRead | Scope::PoliciesManage),
        Role::Desk => false,
    };
    all.into_iter().filter(wanted).collect()
}

/// Somebody at the console, on one of its pages.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The page.
    pub page: Page,
    /// What everything is done with.
    pub call: Call,
    /// The role.
    pub role: Role,
    /// Their name, for colleagues.
    pub name: String,
    csrf: String,
    part: Part,
}

impl Seat {
    /// Lets somebody look at a part. `title` is a text.
    ///
    /// # Errors
    /// 403 as a page for a role that may not.
    pub fn look(request: &HttpRequest, staff: &Staff, part: Part, title: &str) -> Result<Self, Turned> {
        let page = Page::of(request);
        let role = staff.role();
        if !looks(role, part) {
            return Err(Turned::new(Why::NotAllowed, page.language));
        }
        let principal = Principal {
            client: format!("officer:{}", staff.identity.subject.reveal()),
            system: SYSTEM
                .parse()
                .map_err(|_| Turned::new(Why::Unavailable, page.language))?,
            scopes: scopes(role).into_iter().collect(),
        };
        let call = Call::new(principal, page.language);
        let call = match staff.reach() {
            Reach::All => call,
            Reach::These(these) => call.within(these.clone()),
        };
        let parts: Vec<(&str, &str)> = PARTS
            .iter()
            .filter(|(part, ..)| looks(role, *part))
            .map(|(_, path, name)| (*path, *name))
            .collect();
        let csrf = staff.session.csrf();
        let mut page = page
            .titled(title)
            .with_navigation(&parts)
            .signed_in(csrf.clone(), "/uitloggen");
        page.wide = true;
        let name = staff.identity.name.reveal().clone();
        page.who = Some(name.clone());
        Ok(Self {
            page,
            call,
            role,
            name,
            csrf,
            part,
        })
    }

    /// Lets somebody act in a part.
    ///
    /// # Errors
    /// 403 as a page for a role that may not.
    pub fn act(request: &HttpRequest, staff: &Staff, part: Part) -> Result<Self, Turned> {
        let seat = Self::look(request, staff, part, "fg-site")?;
        if seat.acts() {
            Ok(seat)
        } else {
            Err(Turned::new(Why::NotAllowed, seat.page.language))
        }
    }

    /// Lets somebody take data along.
    ///
    /// # Errors
    /// 403 as a page for a role that may not.
    pub fn export(request: &HttpRequest, staff: &Staff, part: Part) -> Result<Self, Turned> {
        let seat = Self::look(request, staff, part, "fg-site")?;
        if exports(seat.role) {
            Ok(seat)
        } else {
            Err(Turned::new(Why::NotAllowed, seat.page.language))
        }
    }

    /// Whether they may act in this part.
    pub const fn acts(&self) -> bool {
        acts(self.role, self.part)
    }

    /// The page with its blocks. What an action before it left in the address is said first.
    pub fn show(&self, request: &HttpRequest, mut blocks: Vec<Block>) -> HttpResponse {
        let said = |wanted: &str| {
            let query = url::form_urlencoded::parse(request.query_string().as_bytes());
            let found = query.into_owned().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value)
        };
        if let Some(code) = said("klaar") {
            let id = format!("fgw-done-{code}");
            if texts::has(&id) {
                blocks.insert(0, Block::Alert(Tone::Good, self.page.say(&id)));
            }
        }
        if let Some(code) = said("fout") {
            blocks.insert(0, Block::Alert(Tone::Wrong, self.mistake(&code)));
        }
        answer(&self.page, &self.csrf, blocks)
    }

    /// What a mistake is called for people.
    fn mistake(&self, code: &str) -> String {
        let id = format!("fgw-mistake-{code}");
        let id = if texts::has(&id) {
            id
        } else {
            "fgw-mistake-other".to_owned()
        };
        self.page.say(&id)
    }

    /// On to a page, after something was done.
    pub fn done(&self, path: &str, what: &str) -> HttpResponse {
        see(&self.page.to(&with(path, "klaar", what)))
    }

    /// Back to a page with what is wrong, or turned away where there is no page for it.
    ///
    /// # Errors
    /// 403, 404 or 503 as a page.
    pub fn wrong(&self, path: &str, refusal: &Refusal) -> Result<HttpResponse, Turned> {
        let code = match refusal {
            Refusal::Invalid(mistakes) => mistakes
                .first()
                .map_or("other", |Invalid { code, .. }| *code)
                .to_owned(),
            Refusal::Conflict(conflict) => conflict.to_string(),
            Refusal::Forbidden(Forbidden::SameOfficer) => Forbidden::SameOfficer.to_string(),
            Refusal::Busy => "busy".to_owned(),
            other => return Err(self.turned(other)),
        };
        Ok(see(&self.page.to(&with(path, "fout", &code))))
    }

    /// A refusal as a page.
    pub fn turned(&self, refusal: &Refusal) -> Turned {
        Turned::refused(refusal, self.page.language)
    }

    /// The libraries of this officer, with their names.
    pub fn libraries(&self, service: &Service) -> Vec<(OrganisationId, String)> {
        let catalogue = service.catalogue();
        let within = self.call.within.as_ref();
        let own = catalogue
            .organisations
            .iter()
            .filter(|(id, _)| within.is_none_or(|libraries| libraries.contains(*id)));
        own.map(|(id, library)| (id.clone(), library.name.clone()))
            .collect()
    }

    /// The same as options; with one for all of them at first where asked.
    pub fn library_options(&self, service: &Service, all: bool) -> Vec<(String, String)> {
        let every = all.then(|| (String::new(), self.page.say("fg-all-libraries")));
        let own = self
            .libraries(service)
            .into_iter()
            .map(|(id, name)| (id.to_string(), name));
        every.into_iter().chain(own).collect()
    }

    /// The name of a library.
    pub fn library(&self, service: &Service, id: &OrganisationId) -> String {
        let catalogue = service.catalogue();
        let known = catalogue.organisations.get(id);
        known.map_or_else(|| id.to_string(), |known| known.name.clone())
    }

    /// What a purpose is called in the language of the page; its id where it has no text or is not there any more.
    pub fn purpose(&self, service: &Service, id: &str) -> String {
        let catalogue = service.catalogue();
        let entry = catalogue
            .purposes
            .values()
            .find(|entry| entry.purpose.id.as_str() == id);
        let notice = entry.and_then(|entry| entry.notice(self.page.language, false));
        notice.map_or_else(|| id.to_owned(), |notice| notice.title.clone())
    }

    /// What a system is called in the language of the page.
    pub fn system(&self, service: &Service, id: &str) -> String {
        let catalogue = service.catalogue();
        let known = catalogue.systems.values().find(|system| system.id.as_str() == id);
        let title = known.and_then(|system| system.title.get(&self.page.language));
        title.cloned().unwrap_or_else(|| id.to_owned())
    }

    /// What data are called in the language of the page.
    pub fn data(&self, service: &Service, id: &str) -> String {
        let catalogue = service.catalogue();
        let known = catalogue
            .data_scopes
            .iter()
            .find(|(scope, _)| scope.as_str() == id);
        let title = known.and_then(|(_, scope)| scope.title.get(&self.page.language));
        title.cloned().unwrap_or_else(|| id.to_owned())
    }

    /// A line of a plan in the language of the page: the fact has a name, what comes and goes are words of the files.
    pub fn detail(&self, text: &str) -> String {
        let slug = |text: &str| -> String {
            let letters = text.chars().filter(|letter| *letter != '\'');
            letters
                .map(|letter| {
                    if letter.is_ascii_alphanumeric() {
                        letter
                    } else {
                        '-'
                    }
                })
                .collect()
        };
        let whole = format!("fgw-plan-{}", slug(text));
        if texts::has(&whole) {
            return self.page.say(&whole);
        }
        let text = text.replace(" -> ", " → ");
        let Some((name, rest)) = text.split_once(": ") else {
            return text;
        };
        let id = format!("fgw-plan-{}", slug(name));
        if texts::has(&id) {
            format!("{}: {rest}", self.page.say(&id))
        } else {
            text
        }
    }

    /// A word of the domain in the language of the page; the word itself where there is no text.
    pub fn word(&self, group: &str, word: &str) -> String {
        let id = format!("fgw-{group}-{}", word.replace('.', "-"));
        if texts::has(&id) {
            self.page.say(&id)
        } else {
            word.to_owned()
        }
    }

    /// Kinds of identifiers that can be looked up.
    pub fn schemes(&self) -> Vec<(String, String)> {
        ["member-number", "card-number", "email"]
            .into_iter()
            .map(|scheme| (scheme.to_owned(), self.word("scheme", scheme)))
            .collect()
    }

    /// The fields that ask who is meant, and at which library.
    pub fn who(&self, service: &Service) -> [Field; 3] {
        let page = &self.page;
        let libraries = self.library_options(service, false);
        [
            Field::choice("bibliotheek", page.say("fg-library"), libraries, ""),
            Field::choice(
                "scheme",
                page.say("fg-identifier"),
                self.schemes(),
                "member-number",
            ),
            Field::line("value", page.say("fg-identifier-value"), ""),
        ]
    }

    /// Who is meant by a kind of identifier and its value.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for what cannot be one.
    pub fn person(&self, service: &Data<Service>, scheme: &str, value: &str) -> Result<PersonRef, Refusal> {
        let wrong = || {
            Invalid::new(
                "/value",
                "identifier",
                "this cannot be an identifier of that kind",
            )
        };
        let scheme: SchemeId = scheme.parse().map_err(|_| wrong())?;
        let catalogue = service.catalogue();
        let known = catalogue.schemes.get(&scheme).ok_or_else(wrong)?;
        let value = known.normalise(value.trim()).ok_or_else(wrong)?;
        Ok(PersonRef::Identifier {
            scheme,
            value: Personal::new(value),
        })
    }
}

/// A path with one more thing in its query.
pub fn with(path: &str, name: &str, value: &str) -> String {
    let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let (path, fragment) = path
        .split_once('#')
        .map_or((path, None), |(path, part)| (path, Some(part)));
    let sign = if path.contains('?') { '&' } else { '?' };
    let mut address = format!("{path}{sign}{name}={value}");
    if let Some(fragment) = fragment {
        address.push('#');
        address.push_str(fragment);
    }
    address
}

/// On to another page (303).
pub fn see(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
}
