//! What every page for people has: language, look, size of letters, title, navigation and help. A face fills in a template
//! that extends `templates/base.html` and has a field `page`.
//!
//! Three wishes of a reader travel in the address, because nobody gets a cookie before signing in: `taal` (`nl`, `en`),
//! `tekst=groot`, and `bij`, the library whose look and telephone number they see. [`Page::to`] carries them on.

pub mod assets;
pub mod dates;
pub mod errors;
mod pictograms;
pub mod prose;

use std::fmt::Display;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, HeaderValue, LOCATION};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use askama::Template;
use chrono::NaiveDate;
use chrono_tz::Tz;

use super::problem::{Kind, Problem};
use super::{language, texts};
use crate::domain::ids::OrganisationId;
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::policy::catalogue::Catalogue;
use crate::service::Service;

/// What a browser may do with a page: show our own style and pictures and send forms here. No scripts, nothing from
/// elsewhere, and nobody may frame it.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const LANGUAGE: &str = "taal";
const SIZE: &str = "tekst";
const LARGE: &str = "groot";
const LIBRARY: &str = "bij";

/// A page, before its content.
#[derive(Debug, Clone)]
pub struct Page {
    /// The language everything on it is in.
    pub language: Language,
    /// Title, in the tab and as the name of the document.
    pub title: String,
    /// Links between the parts of a face; none on public pages.
    pub navigation: Vec<Link>,
    /// Where one goes back to.
    pub back: Option<Link>,
    /// The hidden field `_csrf` of forms, where somebody is signed in.
    pub csrf: Option<String>,
    /// The name of who is signed in, where it is shown (staff).
    pub who: Option<String>,
    /// Where the form to sign out is sent, where somebody is signed in.
    pub sign_out: Option<String>,
    /// Wide pages are for figures.
    pub wide: bool,
    /// Who is asked for help.
    pub help: Help,
    large: bool,
    /// Whether the address names the language; then links do too.
    chosen: bool,
    library: Option<OrganisationId>,
    themed: bool,
    /// Whether the address names the library; then links do too.
    carried: bool,
    path: String,
    query: Vec<(String, String)>,
    zone: Tz,
}

/// A link with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where to, inside this site.
    pub to: String,
    /// Its words.
    pub text: String,
    /// Whether it leads to the part one is in.
    pub current: bool,
}

/// Who is asked for help.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Help {
    /// The library, or the network when no library is known.
    pub name: String,
    /// The network, below the name of a library.
    pub network: String,
    /// Telephone.
    pub phone: String,
    /// E-mail for questions about privacy.
    pub email: String,
    /// The data protection officer's e-mail.
    pub officer: String,
}

impl Page {
    /// The page a request asks for.
    pub fn of(request: &HttpRequest) -> Self {
        let query: Vec<(String, String)> = url::form_urlencoded::parse(request.query_string().as_bytes())
            .into_owned()
            .collect();
        let wish = |name: &str| {
            query
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, value)| value.as_str())
        };
        let chosen = wish(LANGUAGE).and_then(Language::parse);
        let catalogue = request
            .app_data::<Data<Service>>()
            .map(|service| service.catalogue());
        let library = wish(LIBRARY)
            .and_then(|id| id.parse::<OrganisationId>().ok())
            .filter(|id| {
                catalogue
                    .as_ref()
                    .is_some_and(|c| c.organisations.contains_key(id))
            });
        let mut page = Self {
            language: chosen.unwrap_or_else(|| language::of(request)),
            title: String::new(),
            navigation: Vec::new(),
            back: None,
            csrf: None,
            who: None,
            sign_out: None,
            wide: false,
            help: Help::default(),
            large: wish(SIZE) == Some(LARGE),
            chosen: chosen.is_some(),
            library: None,
            themed: false,
            carried: library.is_some(),
            path: request.path().to_owned(),
            query: Vec::new(),
            zone: catalogue
                .as_ref()
                .map_or(chrono_tz::Europe::Amsterdam, |c| c.network.zone),
        };
        page.query = query
            .into_iter()
            .filter(|(name, _)| ![LANGUAGE, SIZE, LIBRARY].contains(&name.as_str()))
            .collect();
        if let Some(catalogue) = catalogue {
            page.look_like(&catalogue, library);
        }
        page
    }

    fn look_like(&mut self, catalogue: &Catalogue, library: Option<OrganisationId>) {
        let network = &catalogue.network;
        self.help = match library.as_ref().and_then(|id| catalogue.organisations.get(id)) {
            Some(own) => Help {
                name: own.name.clone(),
                network: network.name.clone(),
                phone: own.phone.clone(),
                email: own.email.clone(),
                officer: own.dpo_email.clone(),
            },
            None => Help {
                name: network.name.clone(),
                network: String::new(),
                phone: network.processor.phone.clone(),
                email: network.processor.email.clone(),
                officer: catalogue
                    .organisations
                    .values()
                    .next()
                    .map(|o| o.dpo_email.clone())
                    .unwrap_or_default(),
            },
        };
        self.themed = library
            .as_ref()
            .is_some_and(|id| catalogue.themes.contains_key(id));
        self.library = library;
    }

    /// The same with a title, from the texts.
    #[must_use]
    pub fn titled(mut self, id: &str) -> Self {
        self.title = self.say(id);
        self
    }

    /// The same in the language that somebody once chose, unless the address names another.
    #[must_use]
    pub const fn for_reader(mut self, language: Option<Language>) -> Self {
        if let (Some(language), false) = (language, self.chosen) {
            self.language = language;
        }
        self
    }

    /// The same in the look of a library, with its telephone number. What the address names goes first.
    #[must_use]
    pub fn at(mut self, catalogue: &Catalogue, library: &OrganisationId) -> Self {
        if !self.carried {
            self.look_like(catalogue, Some(library.clone()));
        }
        self
    }

    /// The same with a link back; its words are a text.
    #[must_use]
    pub fn back_to(mut self, to: &str, id: &str) -> Self {
        self.back = Some(Link {
            to: self.to(to),
            text: self.say(id),
            current: false,
        });
        self
    }

    /// The same with navigation: paths and the ids of their words. The longest path that begins the address is where one is.
    #[must_use]
    pub fn with_navigation(mut self, parts: &[(&str, &str)]) -> Self {
        let begins = |part: &str| {
            self.path
                .strip_prefix(part)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let here = parts
            .iter()
            .map(|(path, _)| *path)
            .filter(|path| begins(path))
            .max_by_key(|path| path.len());
        self.navigation = parts
            .iter()
            .map(|(path, id)| Link {
                to: self.to(path),
                text: self.say(id),
                current: here == Some(*path),
            })
            .collect();
        self
    }

    /// The same for somebody who is signed in: the hidden field of their forms, and where signing out is sent.
    #[must_use]
    pub fn signed_in(mut self, csrf: String, sign_out: &str) -> Self {
        self.csrf = Some(csrf);
        self.sign_out = Some(self.to(sign_out));
        self
    }

    /// A text.
    pub fn say(&self, id: &str) -> String {
        texts::say(self.language, id, &[])
    }

    /// A text with one variable.
    pub fn say1(&self, id: &str, name: &str, value: impl Display) -> String {
        texts::say(self.language, id, &[(name, &value)])
    }

    /// A text with two variables.
    pub fn say2(&self, id: &str, one: &str, first: impl Display, two: &str, second: impl Display) -> String {
        texts::say(self.language, id, &[(one, &first), (two, &second)])
    }

    /// A text with any number of variables, each a name and a value.
    pub fn say_with(&self, id: &str, values: &[(&str, &dyn Display)]) -> String {
        texts::say(self.language, id, values)
    }

    /// The wishes that travel, as hidden fields of a form that is sent with `GET`: a browser drops the query of its address.
    pub fn wishes(&self) -> Vec<(String, String)> {
        let carried = self.to("");
        let query = carried.strip_prefix('?').unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect()
    }

    /// A link inside this site, with the wishes that travel.
    pub fn to(&self, path: &str) -> String {
        let language = self.chosen.then_some(self.language);
        self.address(path, language, self.large)
    }

    /// This page in the other language.
    pub fn in_other_language(&self) -> String {
        self.address(&self.as_asked(), Some(self.other()), self.large)
    }

    /// This page with the other size of letters.
    pub fn in_other_size(&self) -> String {
        self.address(
            &self.as_asked(),
            self.chosen.then_some(self.language),
            !self.large,
        )
    }

    /// The other language.
    pub const fn other(&self) -> Language {
        match self.language {
            Language::Nl => Language::En,
            Language::En => Language::Nl,
        }
    }

    /// Whether letters are large.
    pub const fn is_large(&self) -> bool {
        self.large
    }

    /// The library in whose look it is.
    pub const fn library(&self) -> Option<&OrganisationId> {
        self.library.as_ref()
    }

    /// This page, as the place a form on it is sent to: without what was said of the last try.
    pub fn here(&self) -> String {
        self.to(&self.path)
    }

    fn as_asked(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.query)
            .finish();
        format!("{}?{query}", self.path)
    }

    fn address(&self, path: &str, language: Option<Language>, large: bool) -> String {
        let (path, fragment) = path
            .split_once('#')
            .map_or((path, None), |(path, f)| (path, Some(f)));
        let mut wishes = Vec::new();
        if let Some(language) = language {
            wishes.push(format!("{LANGUAGE}={}", language.as_str()));
        }
        if large {
            wishes.push(format!("{SIZE}={LARGE}"));
        }
        if let Some(library) = self.library.as_ref().filter(|_| self.carried) {
            wishes.push(format!("{LIBRARY}={library}"));
        }
        let mut address = path.to_owned();
        for wish in wishes {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&wish);
        }
        if let Some(fragment) = fragment {
            address.push('#');
            address.push_str(fragment);
        }
        address
    }

    /// A day as people write it: 3 november 2026.
    pub fn day(&self, moment: &Moment) -> String {
        dates::day(moment.date(self.zone), self.language)
    }

    /// A date as people write it: 3 november 2026.
    pub fn date(&self, date: &NaiveDate) -> String {
        dates::day(*date, self.language)
    }

    /// A moment as people write it: 3 november 2026, 14.05 uur.
    pub fn moment(&self, moment: &Moment) -> String {
        dates::moment(*moment, self.zone, self.language)
    }

    /// The time zone of the libraries.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// A pictogram, as SVG to stand in the page. Its meaning is always said in words beside it.
    pub fn pictogram(&self, name: &str) -> &'static str {
        pictograms::named(name)
    }

    /// The style sheet.
    pub fn style_sheet(&self) -> String {
        format!("/assets/akkoord.css?v={}", assets::version())
    }

    /// The style sheet of the library, where it has one.
    pub fn theme(&self) -> Option<String> {
        let library = self.library.as_ref().filter(|_| self.themed)?;
        Some(format!("/assets/themes/{library}.css"))
    }
}

/// A page as an answer.
pub fn show(template: &impl Template) -> HttpResponse {
    show_with(StatusCode::OK, template)
}

/// A page as an answer with another status.
pub fn show_with(status: StatusCode, template: &impl Template) -> HttpResponse {
    match template.render() {
        Ok(html) => HttpResponse::build(status)
            .content_type("text/html; charset=utf-8")
            .insert_header((CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)))
            .body(html),
        Err(error) => {
            tracing::error!(error = %error, "a page could not be made");
            Problem::new(Kind::Internal).error_response()
        }
    }
}

/// On to another page of this site, after a form (303, so that a reload sends nothing again).
pub fn onward(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, to)).finish()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn wishes_travel_and_a_switch_keeps_the_page() {
        let request =
            TestRequest::with_uri("/mijn/keuzes?maand=2026-11&taal=en&tekst=groot").to_http_request();
        let page = Page::of(&request);
        assert_eq!((page.language, page.is_large()), (Language::En, true));
        assert_eq!(page.to("/mijn"), "/mijn?taal=en&tekst=groot");
        assert_eq!(page.to("/mijn?a=b#c"), "/mijn?a=b&taal=en&tekst=groot#c");
        assert_eq!(
            page.in_other_language(),
            "/mijn/keuzes?maand=2026-11&taal=nl&tekst=groot"
        );
        assert_eq!(page.in_other_size(), "/mijn/keuzes?maand=2026-11&taal=en");
        let plain = Page::of(&TestRequest::with_uri("/mijn").to_http_request());
        assert_eq!(
            (plain.language, plain.to("/mijn/keuzes").as_str()),
            (Language::Nl, "/mijn/keuzes")
        );
    }

    #[test]
    fn navigation_marks_the_part_one_is_in() {
        let request = TestRequest::with_uri("/mijn/gegevens/wissen").to_http_request();
        let page = Page::of(&request).with_navigation(&[
            ("/mijn", "a"),
            ("/mijn/gegevens", "b"),
            ("/mijn/geg", "c"),
        ]);
        let current: Vec<bool> = page.navigation.iter().map(|link| link.current).collect();
        assert_eq!(current, [false, true, false]);
    }
}
