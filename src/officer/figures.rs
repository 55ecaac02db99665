//! C7: figures as plots, each with a sentence, a table and a file.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;

use super::blocks::{Block, Cell, Field, Form, Plot, Table, Tone, cell};
use super::files::csv;
use super::seat::{Part, Seat};
use crate::domain::preference::Language;
use crate::service::Service;
use crate::service::console::{AskFigures, Figures, LEAD_DAYS, MOST_LINES};
use crate::service::refusal::Refusal;
use crate::service::reports::table::{Cell as Value, text};
use crate::service::reports::{Month, Shown};
use crate::web::page::dates::{month_of_year, thousands};
use crate::web::plot::{Bar, Caption, Pair, Series, bars, lines, pairs};
use crate::web::session::{Staff, Turned, Why};

const PATH: &str = "/fg/cijfers";
/// Months when none are named.
const MONTHS: usize = 6;

/// Which time and library.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Asked {
    van: String,
    tot: String,
    bibliotheek: String,
}

impl Asked {
    fn figures(&self, service: &Service) -> AskFigures {
        let settled = Month::last_settled(service.world().now());
        let to = Month::parse(&self.tot)
            .filter(|to| *to <= settled)
            .unwrap_or(settled);
        let from = Month::parse(&self.van).filter(|from| *from <= to);
        AskFigures {
            from: from.unwrap_or_else(|| to.months_before(MONTHS - 1)),
            to,
            organisation: self.bibliotheek.parse().ok(),
        }
    }
}

/// A plot as a table that is also its file.
struct Shape {
    id: &'static str,
    head: Vec<String>,
    rows: Vec<Vec<Value<'static>>>,
}

/// The plots.
#[get("/fg/cijfers")]
pub async fn figures_page(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    Query(asked): Query<Asked>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Figures, "fg-figures")?;
    let ask = asked.figures(&service);
    let figures = service
        .figures(&seat.call, ask.clone())
        .await
        .map_err(|refusal| seat.turned(&refusal))?;
    let language = seat.page.language;
    let mut blocks = vec![
        Block::Lead(seat.page.say2(
            "fg-figures-lead",
            "from",
            month_of_year(ask.from, language),
            "to",
            month_of_year(ask.to, language),
        )),
        Block::Form(form(&seat, &service, &ask)),
        Block::Quiet(seat.page.say("fg-figures-small")),
    ];
    if figures.more {
        let most = thousands(MOST_LINES, language);
        blocks.push(Block::Alert(
            Tone::Warning,
            seat.page.say1("fg-counted-most", "count", most),
        ));
    }
    for shape in shapes(&seat, &figures) {
        blocks.extend(shown(&seat, &figures, &ask, shape));
    }
    Ok(seat.show(&request, blocks))
}

fn form(seat: &Seat, service: &Service, ask: &AskFigures) -> Form {
    let settled = Month::last_settled(service.world().now());
    let months: Vec<(String, String)> = (0..24)
        .map(|back| settled.months_before(back))
        .map(|month| (month.to_string(), month_of_year(month, seat.page.language)))
        .collect();
    let library = ask
        .organisation
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    Form {
        id: "tijd",
        action: PATH.to_owned(),
        fields: vec![
            Field::choice(
                "van",
                seat.page.say("fg-from"),
                months.clone(),
                &ask.from.to_string(),
            ),
            Field::choice("tot", seat.page.say("fg-to"), months, &ask.to.to_string()),
            Field::choice(
                "bibliotheek",
                seat.page.say("fg-library"),
                seat.library_options(service, true),
                &library,
            ),
        ],
        button: seat.page.say("fg-show"),
        second: true,
        ..Form::default()
    }
}

fn value(shown: Shown) -> Value<'static> {
    match shown.exact() {
        Some(count) => Value::Number(count),
        None => text("<10"),
    }
}

fn percent(tenths: Option<u64>) -> Value<'static> {
    tenths.map_or_else(
        || text("<10"),
        |tenths| text(format!("{}.{}", tenths / 10, tenths % 10)),
    )
}

fn shapes(seat: &Seat, figures: &Figures) -> Vec<Shape> {
    let say = |ids: &[&str]| ids.iter().map(|id| seat.page.say(id)).collect::<Vec<_>>();
    let months = figures
        .months
        .iter()
        .map(|month| month_of_year(*month, seat.page.language));
    let rates = figures.rates.iter().map(|(purpose, tenths)| {
        std::iter::once(text(purpose.as_str()))
            .chain(tenths.iter().map(|tenths| percent(*tenths)))
            .collect()
    });
    let weeks = figures.weeks.iter().map(|week| {
        vec![
            text(week.monday.to_string()),
            value(week.given),
            value(week.withdrawn),
        ]
    });
    let campaigns = figures.campaigns.iter().map(|one| {
        vec![
            text(one.reference.clone()),
            text(one.system.clone()),
            text(one.purpose.clone()),
            value(one.permitted),
            value(one.withdrawn),
            percent(one.per_mille_tenths),
        ]
    });
    let reasons = figures
        .denials
        .iter()
        .map(|(code, count)| vec![text(seat.word("reason", code)), value(*count)]);
    let channels = figures
        .channels
        .iter()
        .map(|(code, count)| vec![text(seat.word("method", code)), value(*count)]);
    let lead = lead(seat, figures)
        .into_iter()
        .map(|(name, count, _)| vec![text(name), Value::Number(count)]);
    vec![
        Shape {
            id: "rates",
            head: std::iter::once(seat.page.say("fg-purpose"))
                .chain(months)
                .collect(),
            rows: rates.collect(),
        },
        Shape {
            id: "weeks",
            head: say(&["fg-week", "fg-given", "fg-withdrawn"]),
            rows: weeks.collect(),
        },
        Shape {
            id: "campaigns",
            head: say(&[
                "fg-campaign",
                "fg-system",
                "fg-purpose",
                "fg-mailed",
                "fg-withdrawn",
                "fg-per-mille",
            ]),
            rows: campaigns.collect(),
        },
        Shape {
            id: "denials",
            head: say(&["fg-reason", "fg-count"]),
            rows: reasons.collect(),
        },
        Shape {
            id: "channels",
            head: say(&["fg-came-by", "fg-count"]),
            rows: channels.collect(),
        },
        Shape {
            id: "lead",
            head: say(&["fg-lead-days", "fg-count"]),
            rows: lead.collect(),
        },
    ]
}

/// The groups of lead times: name, count, and whether they are beyond the month.
fn lead(seat: &Seat, figures: &Figures) -> Vec<(String, u64, bool)> {
    let mut from = 0;
    let mut groups = Vec::new();
    for (end, count) in LEAD_DAYS.iter().zip(figures.lead.groups) {
        groups.push((
            seat.page.say2("fg-lead-group", "from", from, "to", end),
            count,
            false,
        ));
        from = end + 1;
    }
    let beyond = figures.lead.groups.last().copied().unwrap_or(0);
    groups.push((seat.page.say1("fg-lead-beyond", "from", from), beyond, true));
    groups
}

fn shown(seat: &Seat, figures: &Figures, ask: &AskFigures, shape: Shape) -> Vec<Block> {
    let title = seat.page.say(&format!("fgw-plot-{}", shape.id));
    let caption = Caption {
        id: format!("plot-{}", shape.id),
        title: title.clone(),
        sentence: sentence(seat, figures, &shape),
    };
    let mut blocks = vec![Block::Heading(title)];
    if shape.rows.is_empty() {
        let empty = match shape.id {
            "rates" => "fg-no-rates-to-plot",
            _ => "fg-nothing-to-plot",
        };
        blocks.push(Block::Quiet(seat.page.say(empty)));
        return blocks;
    }
    // Bars of nothing are no picture; the table says so better.
    if shape.id == "lead" && figures.lead.groups.iter().all(|count| *count == 0) {
        blocks.push(Block::Quiet(caption.sentence.clone()));
    } else {
        let (svg, key) = picture(seat, figures, &caption, shape.id);
        blocks.push(Block::Plot(Plot {
            svg,
            sentence: caption.sentence.clone(),
            key,
        }));
    }
    // A column of figures stands to the right, its hidden ones too.
    let first = usize::from(shape.id == "campaigns") * 2 + 1;
    let rows = shape.rows.iter().map(|row| {
        let cells = row.iter().enumerate().map(|(at, value)| Cell {
            figure: at >= first,
            ..cell(number(seat.page.language, value))
        });
        cells.collect::<Vec<Cell>>()
    });
    let head = shape.head.iter().enumerate().map(|(at, name)| Cell {
        figure: at >= first,
        ..cell(name)
    });
    blocks.push(Block::Table(Table {
        caption: caption.title,
        head: head.collect(),
        rows: rows.collect(),
        ..Table::default()
    }));
    let library = ask
        .organisation
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let file = format!(
        "{PATH}/{}.csv?van={}&tot={}&bibliotheek={library}",
        shape.id, ask.from, ask.to
    );
    blocks.push(Block::Buttons(vec![(file, seat.page.say("fg-csv"))]));
    blocks
}

fn number(language: Language, value: &Value<'_>) -> String {
    match value {
        Value::Number(count) => thousands(*count, language),
        other => crate::service::reports::table::shown(other),
    }
}

/// What a plot shows, in a sentence with its largest figure.
fn sentence(seat: &Seat, figures: &Figures, shape: &Shape) -> String {
    let say = |id: &str, name: &str, count: u64| {
        let count = thousands(count, seat.page.language);
        seat.page.say2(id, "name", name, "count", count)
    };
    let sum = |of: fn(&crate::service::console::Week) -> Shown| -> u64 {
        figures.weeks.iter().filter_map(|week| of(week).exact()).sum()
    };
    match shape.id {
        "rates" => seat.page.say1("fg-plot-rates", "count", figures.rates.len()),
        "weeks" => {
            let count = |number| thousands(number, seat.page.language);
            let (given, withdrawn) = (sum(|week| week.given), sum(|week| week.withdrawn));
            seat.page.say2(
                "fg-plot-weeks",
                "given",
                count(given),
                "withdrawn",
                count(withdrawn),
            )
        }
        "campaigns" => seat
            .page
            .say1("fg-plot-campaigns", "count", figures.campaigns.len()),
        "denials" => match figures.denials.first() {
            Some((code, count)) => say(
                "fg-plot-denials",
                &seat.word("reason", code),
                count.exact().unwrap_or(0),
            ),
            None => String::new(),
        },
        "channels" => match figures.channels.first() {
            Some((code, count)) => say(
                "fg-plot-channels",
                &seat.word("method", code),
                count.exact().unwrap_or(0),
            ),
            None => String::new(),
        },
        _ => seat.page.say2(
            "fg-plot-lead",
            "late",
            figures.lead.late,
            "running",
            figures.lead.running,
        ),
    }
}

fn picture(seat: &Seat, figures: &Figures, caption: &Caption, id: &str) -> (String, Vec<String>) {
    let language = seat.page.language;
    let bar = |name: String, shown: Shown| Bar {
        name,
        value: shown.exact(),
        figure: shown
            .exact()
            .map_or_else(|| "<10".to_owned(), |count| thousands(count, language)),
        beyond: false,
    };
    match id {
        "rates" => {
            let places: Vec<String> = figures.months.iter().map(ToString::to_string).collect();
            let series: Vec<Series> = figures
                .rates
                .iter()
                .map(|(purpose, tenths)| Series {
                    name: purpose.to_string(),
                    tenths: tenths.clone(),
                })
                .collect();
            let key = series.iter().map(|series| series.name.clone()).collect();
            (lines(caption, &places, &series), key)
        }
        "weeks" => {
            let rows: Vec<Pair> = figures
                .weeks
                .iter()
                .map(|week| Pair {
                    name: week.monday.format("%d-%m").to_string(),
                    up: week.given.exact(),
                    down: week.withdrawn.exact(),
                })
                .collect();
            let names = (seat.page.say("fg-given"), seat.page.say("fg-withdrawn"));
            (pairs(caption, (&names.0, &names.1), &rows), Vec::new())
        }
        "campaigns" => {
            let rows: Vec<Bar> = figures
                .campaigns
                .iter()
                .map(|one| bar(format!("{} ({})", one.reference, one.purpose), one.withdrawn))
                .collect();
            (bars(caption, &rows), Vec::new())
        }
        "denials" | "channels" => {
            let (group, of) = if id == "denials" {
                ("reason", &figures.denials)
            } else {
                ("method", &figures.channels)
            };
            let rows: Vec<Bar> = of
                .iter()
                .map(|(code, count)| bar(seat.word(group, code), *count))
                .collect();
            (bars(caption, &rows), Vec::new())
        }
        _ => {
            let rows: Vec<Bar> = lead(seat, figures)
                .into_iter()
                .map(|(name, count, beyond)| Bar {
                    name,
                    value: Some(count),
                    figure: thousands(count, language),
                    beyond,
                })
                .collect();
            (bars(caption, &rows), Vec::new())
        }
    }
}

/// The table of a plot as a file.
#[get("/fg/cijfers/{plot}.csv")]
pub async fn figures_file(
    request: HttpRequest,
    staff: Staff,
    service: Data<Service>,
    plot: Path<String>,
    Query(asked): Query<Asked>,
) -> Result<HttpResponse, Turned> {
    let seat = Seat::look(&request, &staff, Part::Figures, "fg-figures")?;
    let figures = service.figures(&seat.call, asked.figures(&service)).await;
    let figures = figures.map_err(|refusal: Refusal| seat.turned(&refusal))?;
    let shape = shapes(&seat, &figures)
        .into_iter()
        .find(|shape| shape.id == plot.as_str());
    let shape = shape.ok_or_else(|| Turned::new(Why::NotFound, seat.page.language))?;
    let head: Vec<&str> = shape.head.iter().map(String::as_str).collect();
    Ok(csv(shape.id, &head, shape.rows))
}
