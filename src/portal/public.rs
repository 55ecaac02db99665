//! Pages for everybody, without signing in: the first page, how we do it (P19), and the accessibility statement.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use askama::Template;

use super::catalogue::{Described, Group, describe, of_group};
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::reports::rates::MEASURES;
use crate::service::reports::{AskStatistics, Month, Statistics};
use crate::web::limit::anonymous;
use crate::web::page::{Page, dates, onward, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;

/// How many months the figures are of.
const MONTHS: usize = 12;

#[derive(Template)]
#[template(path = "portal/start.html")]
struct Start {
    page: Page,
}

#[derive(Template)]
#[template(path = "portal/accessibility.html")]
struct Accessibility {
    page: Page,
}

#[derive(Template)]
#[template(path = "portal/how.html")]
struct How {
    page: Page,
    groups: Vec<ShownGroup>,
    figures: Figures,
    processor: String,
    libraries: Vec<String>,
    complain: String,
    authority: String,
}

struct ShownGroup {
    id: &'static str,
    title: String,
    lead: String,
    purposes: Vec<Described>,
}

/// What happened in the last months that are over, all libraries together.
struct Figures {
    from: String,
    to: String,
    yes: String,
    no: String,
    stopped: String,
    asked: String,
    denied: String,
}

/// The site itself leads to the first page.
#[get("/")]
pub async fn root(request: HttpRequest) -> HttpResponse {
    onward(&Page::of(&request).to("/mijn"))
}

/// The first page (P1). Who is signed in goes on to their choices.
#[get("/mijn")]
pub async fn start(request: HttpRequest, visitor: Visitor) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let page = Page::of(&request).titled("start-title");
    if visitor.member.is_some() {
        return Ok(onward(&page.to("/mijn/keuzes")));
    }
    Ok(show(&Start { page }))
}

/// How usable the site is, and what is not good yet.
#[get("/toegankelijkheid")]
pub async fn accessibility(request: HttpRequest) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let page = Page::of(&request)
        .titled("access-title")
        .back_to("/mijn", "common-back-start");
    Ok(show(&Accessibility { page }))
}

/// All purposes, who works for the libraries, and figures in which nobody can be found (P19).
#[get("/zo-doen-wij-het")]
pub async fn how(request: HttpRequest, service: Data<Service>) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let page = Page::of(&request)
        .titled("how-title")
        .back_to("/mijn", "common-back-start");
    let catalogue = service.catalogue();
    let groups = Group::ALL.map(|group| {
        let (id, title, lead) = group.words();
        ShownGroup {
            id,
            title: page.say(title),
            lead: page.say(lead),
            purposes: of_group(&catalogue, group, page.language)
                .into_iter()
                .filter_map(|entry| describe(&catalogue, entry, &page))
                .collect(),
        }
    });
    let figures = figures(&service, &page).await?;
    let authority = &catalogue.network.authority;
    Ok(show(&How {
        groups: groups.into(),
        figures,
        processor: catalogue.network.processor.name.clone(),
        libraries: catalogue
            .organisations
            .values()
            .map(|own| own.name.clone())
            .collect(),
        complain: page.say2("how-complain", "name", &authority.name, "phone", &authority.phone),
        authority: authority.url.clone(),
        page,
    }))
}

async fn figures(service: &Service, page: &Page) -> Result<Figures, Refusal> {
    let to = Month::last_settled(service.world().now());
    let from = to.months_before(MONTHS - 1);
    let ask = AskStatistics {
        from,
        to,
        organisation: None,
        purpose: None,
    };
    let statistics = service.ask_statistics(&service.operator()?, ask).await?;
    let total = |measures: &[&str]| {
        let sum = total(&statistics, measures);
        if sum == 0 {
            page.say("how-figures-none")
        } else {
            dates::thousands(sum, page.language)
        }
    };
    Ok(Figures {
        from: dates::month_of_year(from, page.language),
        to: dates::month_of_year(to, page.language),
        yes: total(&["given", "renewed"]),
        no: total(&["refused"]),
        stopped: total(&["withdrawn", "objected"]),
        asked: total(&["permitted", "denied"]),
        denied: total(&["denied"]),
    })
}

/// The figures that are shown, added up; hidden ones stay hidden because they are not in the sum.
fn total(statistics: &Statistics, measures: &[&str]) -> u64 {
    let counted = |row: &[crate::service::reports::rates::Shown]| -> u64 {
        let all = MEASURES
            .iter()
            .zip(row)
            .filter(|(measure, _)| measures.contains(measure));
        all.filter_map(|(_, figure)| figure.exact()).sum()
    };
    statistics.sums.iter().map(|row| counted(&row.figures)).sum()
}
