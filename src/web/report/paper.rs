//! A report on paper, for a board or an auditor: what it is about, the outcome in a few sentences, the tables in words
//! that people use, and how to check that nobody changed it. The other forms keep the names of the fields.

use crate::domain::ids::{OrganisationId, PurposeId, SystemId};
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::policy::catalogue::Catalogue;
use crate::service::reports::table::{Cell, Table, shown};
use crate::service::reports::{Report, ReportPlan};
use crate::web::page::dates;
use crate::web::pdf::Document;
use crate::web::texts;

/// Columns of a table that a page has room for; wider rows stand one below the other.
const PAGE_COLUMNS: usize = 7;
/// Letters of a hash that are printed: enough to tell entries apart, the whole of it stands in the other forms.
const HASH: usize = 12;

/// The file.
pub(super) fn paper(report: &Report, plan: &ReportPlan, catalogue: &Catalogue) -> Vec<u8> {
    let words = Words {
        language: plan.language(),
        catalogue,
        kind: plan.kind.to_string(),
    };
    let title = words.say(&format!("report-title-{}", words.kind));
    let footer = format!("{title} | {}", catalogue.network.name);
    let mut document = Document::new(&title, words.language).with_footer(&footer);
    for (name, fact) in words.about(plan) {
        document.row(&name, &fact);
    }
    let brief = words.brief(report);
    if !brief.is_empty() {
        document.heading(&words.say("report-brief"));
        brief.iter().for_each(|sentence| document.paragraph(sentence));
    }
    let (logs, tables): (Vec<&Table>, Vec<&Table>) =
        report.tables.iter().partition(|table| table.name == "logs");
    for table in tables {
        document.heading(&words.titled(table));
        words.table(&mut document, table);
    }
    document.heading(&words.say("report-reading"));
    for (at, note) in report.notes.iter().enumerate() {
        document.paragraph(&words.known(&format!("report-note-{}-{at}", words.kind), note));
    }
    document.heading(&words.say("report-verify"));
    document.paragraph(&words.say("report-verify-how"));
    document.paragraph("akkoord report verify FILE --key KEY");
    document.row(&words.say("report-request"), plan.leaf_hash());
    for log in logs {
        document.paragraph(&words.say("report-verify-logs"));
        words.table(&mut document, log);
    }
    document.finish()
}

struct Words<'c> {
    language: Language,
    catalogue: &'c Catalogue,
    kind: String,
}

impl Words<'_> {
    fn say(&self, id: &str) -> String {
        texts::say(self.language, id, &[])
    }

    /// The words for something that has an id, or what stands there.
    fn known(&self, id: &str, otherwise: &str) -> String {
        if texts::has(id) {
            self.say(id)
        } else {
            otherwise.to_owned()
        }
    }

    fn about(&self, plan: &ReportPlan) -> Vec<(String, String)> {
        let library = plan.organisation.as_ref();
        let library = library.map(|id| self.organisation(id.as_str()));
        let time = match (plan.from(), plan.to()) {
            (Some(from), Some(to)) => Some(texts::say(
                self.language,
                "report-period",
                &[("from", &self.day(from)), ("to", &self.day(to))],
            )),
            _ => None,
        };
        [
            ("report-of-network", Some(self.catalogue.network.name.clone())),
            (
                "report-of-library",
                Some(library.unwrap_or_else(|| self.say("report-all-libraries"))),
            ),
            ("report-of-time", time),
            ("report-of-made", Some(self.moment(plan.made_at()))),
            ("report-of-policies", Some(self.catalogue.version.clone())),
        ]
        .into_iter()
        .filter_map(|(name, fact)| Some((self.say(name), fact?)))
        .collect()
    }

    /// The outcome in sentences, summed over what the tables say.
    fn brief(&self, report: &Report) -> Vec<String> {
        let sum = |table: &str, column: &str| -> u64 {
            let table = report.tables.iter().find(|one| one.name == table);
            table.map_or(0, |table| table.sum(column))
        };
        let said = |id: &str, values: &[(&str, u64)]| {
            let shown: Vec<(&str, String)> = values
                .iter()
                .map(|(name, value)| (*name, dates::thousands(*value, self.language)))
                .collect();
            let shown: Vec<(&str, &dyn std::fmt::Display)> = shown
                .iter()
                .map(|(name, value)| (*name, value as &dyn std::fmt::Display))
                .collect();
            texts::say(self.language, id, &shown)
        };
        match self.kind.as_str() {
            "audit" => {
                let (permits, denials) = (sum("checks", "permits"), sum("checks", "denials"));
                vec![
                    said(
                        "report-brief-checks",
                        &[
                            ("all", permits + denials),
                            ("permits", permits),
                            ("denials", denials),
                        ],
                    ),
                    said("report-brief-entries", &[("entries", sum("entries", "entries"))]),
                ]
            }
            "erasures" => vec![
                said(
                    "report-brief-erasures",
                    &[
                        ("proposed", sum("summary", "proposed")),
                        ("done", sum("summary", "erased") + sum("summary", "complete")),
                        ("refused", sum("summary", "refused")),
                    ],
                ),
                said(
                    "report-brief-recipients",
                    &[
                        ("recipients", sum("erasures", "recipients")),
                        ("answered", sum("erasures", "acknowledged")),
                    ],
                ),
            ],
            "rights-requests" => vec![
                said(
                    "report-brief-requests",
                    &[
                        ("received", sum("summary", "received")),
                        ("running", sum("summary", "running")),
                        ("rejected", sum("summary", "rejected")),
                    ],
                ),
                said(
                    "report-brief-late",
                    &[
                        ("late", sum("summary", "answeredLate")),
                        ("overdue", sum("summary", "overdue")),
                    ],
                ),
            ],
            _ => Vec::new(),
        }
    }

    fn titled(&self, table: &Table) -> String {
        self.known(&format!("report-table-{}-{}", self.kind, table.name), table.title)
    }

    fn table(&self, document: &mut Document, table: &Table) {
        let head: Vec<String> = table.columns.iter().map(|name| self.column(name)).collect();
        let rows = table.rows.iter().map(|row| {
            let cells = table.columns.iter().zip(row);
            cells
                .map(|(column, cell)| self.cell(column, cell))
                .collect::<Vec<String>>()
        });
        if table.rows.is_empty() {
            document.paragraph(&self.say("report-nothing"));
        } else if table.columns.len() <= PAGE_COLUMNS {
            let rows: Vec<Vec<String>> = rows.collect();
            let head: Vec<&str> = head.iter().map(String::as_str).collect();
            document.table(head, &rows);
        } else {
            for row in rows {
                let filled = head.iter().zip(&row).filter(|(_, value)| !value.is_empty());
                filled.for_each(|(name, value)| document.row(name, value));
                document.paragraph("");
            }
        }
    }

    fn column(&self, name: &str) -> String {
        self.known(&format!("report-column-{name}"), name)
    }

    fn cell(&self, column: &str, cell: &Cell<'_>) -> String {
        let value = match cell {
            Cell::Time(millis) => return self.short(Moment::from_micros(millis.saturating_mul(1_000))),
            Cell::Number(number) => return dates::thousands(*number, self.language),
            cell => shown(cell),
        };
        match column {
            "organisation" | "responsible" => self.organisation(&value),
            "system" => self.system(&value),
            "purpose" => self.purpose(&value),
            "leafHash" | "erasureId" | "requestId" => value.chars().take(HASH).collect(),
            // `given=1 kind=audit`: one fact a line reads better than none.
            "facts" | "origin" | "rootHash" | "personId" => value,
            _ => self.known(&format!("report-value-{}", value.replace('.', "-")), &value),
        }
    }

    fn organisation(&self, id: &str) -> String {
        let found = id
            .parse()
            .ok()
            .and_then(|id: OrganisationId| self.catalogue.organisations.get(&id));
        found.map_or_else(|| id.to_owned(), |found| found.name.clone())
    }

    fn system(&self, id: &str) -> String {
        let found = id
            .parse()
            .ok()
            .and_then(|id: SystemId| self.catalogue.systems.get(&id));
        let title = found.and_then(|found| found.title.get(&self.language));
        title.cloned().unwrap_or_else(|| id.to_owned())
    }

    fn purpose(&self, id: &str) -> String {
        let found = id
            .parse()
            .ok()
            .and_then(|id: PurposeId| self.catalogue.purposes.get(&id));
        let notice = found.and_then(|found| found.notice(self.language, false));
        notice.map_or_else(|| id.to_owned(), |notice| notice.title.clone())
    }

    fn day(&self, at: Moment) -> String {
        dates::day(at.date(self.catalogue.network.zone), self.language)
    }

    /// For a column: the day in figures, and the time.
    fn short(&self, at: Moment) -> String {
        let zone = self.catalogue.network.zone;
        let day = match self.language {
            Language::Nl => at.date(zone).format("%d-%m-%Y"),
            Language::En => at.date(zone).format("%Y-%m-%d"),
        };
        format!("{day} {}", at.utc().with_timezone(&zone).format("%H:%M"))
    }

    fn moment(&self, at: Moment) -> String {
        dates::moment(at, self.catalogue.network.zone, self.language)
    }
}
