//! The page of an access package: the same as `data.json`, for people.

use super::super::bare::{Page, escape};
use super::facts::{
    Choice, Contact, Decision, Facts, Happened, LookUp, PurposeFacts, Recipient, Requested, Source,
};
use super::plain::{plain, term};
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::policy::explain::long_date;

/// How many of the questions stand on the page, the newest; all are in the files.
const QUESTIONS: usize = 500;

struct Writer {
    language: Language,
    body: String,
}

/// The page.
pub(super) fn page(facts: &Facts, language: Language) -> Page {
    let mut writer = Writer {
        language,
        body: String::new(),
    };
    let title = writer.say("Jouw gegevens", "Your data");
    writer.body = format!("<h1>{title}</h1>\n");
    writer.head(facts);
    writer.person(facts);
    writer.choices(&facts.choices);
    writer.objections(facts);
    writer.decisions(&facts.decisions);
    writer.recipients(&facts.recipients);
    writer.sources(&facts.sources);
    writer.history(&facts.history);
    writer.contacts(&facts.contacts);
    writer.looked_up(&facts.looked_up);
    writer.purposes(&facts.purposes);
    writer.requests(&facts.requests);
    writer.rights(facts);
    Page {
        title: format!("{title}: {}", facts.library.name),
        body: writer.body,
    }
}

impl Writer {
    const fn say(&self, dutch: &'static str, english: &'static str) -> &'static str {
        match self.language {
            Language::Nl => dutch,
            Language::En => english,
        }
    }

    fn heading(&mut self, dutch: &'static str, english: &'static str) {
        let text = self.say(dutch, english);
        self.body.push_str(&format!("<h2>{text}</h2>\n"));
    }

    fn paragraph(&mut self, dutch: &'static str, english: &'static str) {
        let text = self.say(dutch, english);
        self.body.push_str(&format!("<p>{text}</p>\n"));
    }

    fn rows(&mut self, rows: &[(&str, String)]) {
        self.body.push_str("<dl>\n");
        for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            let value = escape(value);
            self.body
                .push_str(&format!("<dt>{}</dt><dd>{value}</dd>\n", escape(name)));
        }
        self.body.push_str("</dl>\n");
    }

    fn table<const N: usize>(&mut self, head: [&str; N], rows: impl Iterator<Item = [String; N]>) {
        self.body.push_str("<table>\n<thead><tr>");
        for cell in head {
            self.body
                .push_str(&format!("<th scope=\"col\">{}</th>", escape(cell)));
        }
        self.body.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.body.push_str("<tr>");
            for cell in row {
                self.body.push_str(&format!("<td>{}</td>", escape(&cell)));
            }
            self.body.push_str("</tr>\n");
        }
        self.body.push_str("</tbody></table>\n");
    }

    fn nothing(&mut self) {
        self.paragraph("Niets.", "Nothing.");
    }

    /// A day and a time of the clock on the wall in the Netherlands.
    fn when(&self, rfc3339: &str) -> String {
        Moment::parse_rfc3339(rfc3339).map_or_else(String::new, |at| {
            let local = at.utc().with_timezone(&chrono_tz::Europe::Amsterdam);
            let day = long_date(local.date_naive(), self.language);
            format!("{day}, {}", local.format("%H:%M"))
        })
    }

    fn head(&mut self, facts: &Facts) {
        let library = &facts.library;
        let rows = [
            (self.say("Bibliotheek", "Library"), library.name.clone()),
            (
                self.say("Verantwoordelijk", "Responsible"),
                format!("{}, {}", library.legal_name, library.address),
            ),
            (
                self.say("Vragen", "Questions"),
                format!("{}, {}", library.email, library.phone),
            ),
            (
                self.say("Privacy-medewerker", "Data protection officer"),
                format!("{}, {}", library.officer, library.officer_email),
            ),
            (
                self.say(
                    "Bewaart de keuzes voor de bibliotheek",
                    "Keeps the choices for the library",
                ),
                library.processor.clone(),
            ),
            (self.say("Gemaakt op", "Made on"), self.when(&facts.made_at)),
            (
                self.say("Nummer van je vraag", "Number of your request"),
                facts.request_id.clone(),
            ),
        ];
        self.rows(&rows);
        self.paragraph(
            "Dit is alles wat over jou bij deze bibliotheek staat in het systeem voor toestemming. In data.json staat hetzelfde \
             voor een computer. De tabellen staan ook in losse bestanden. In de map texts staat elke uitleg zoals je die zag.",
            "This is everything that stands about you at this library in the system for consent. The file data.json says the \
             same for a computer. The tables are also in files of their own. The folder texts has each explanation as you saw it.",
        );
    }

    fn person(&mut self, facts: &Facts) {
        self.heading("Wat we van je weten", "What we know about you");
        let person = &facts.person;
        let mut rows: Vec<(&str, String)> = person
            .identifiers
            .iter()
            .map(|identifier| (identifier.title.as_str(), identifier.value.clone()))
            .collect();
        let membership = person
            .membership
            .as_ref()
            .and_then(|value| value["kind"].as_str());
        let guardians = person.guardians.len();
        rows.extend([
            (
                self.say("Geboortedatum", "Birth date"),
                person.birth_date.clone().unwrap_or_default(),
            ),
            (
                self.say("Taal", "Language"),
                person.language.unwrap_or_default().to_owned(),
            ),
            (
                self.say("Lidmaatschap", "Membership"),
                membership
                    .map(|kind| plain(kind, self.language))
                    .unwrap_or_default(),
            ),
            (
                self.say(
                    "Ouders of verzorgers bij ons bekend",
                    "Parents or guardians known to us",
                ),
                if guardians > 0 {
                    guardians.to_string()
                } else {
                    String::new()
                },
            ),
            (
                self.say(
                    "Kinderen van wie je ouder of verzorger bent",
                    "Children you are parent or guardian of",
                ),
                if person.guardian_of > 0 {
                    person.guardian_of.to_string()
                } else {
                    String::new()
                },
            ),
        ]);
        self.rows(&rows);
    }

    fn choices(&mut self, choices: &[Choice]) {
        self.heading("Jouw keuzes", "Your choices");
        if choices.is_empty() {
            return self.nothing();
        }
        let head = [
            self.say("Waarvoor", "What for"),
            self.say("Wat je koos", "What you chose"),
            self.say("Wanneer", "When"),
            self.say("Geldig tot", "Valid until"),
            self.say("Gegevens", "Data"),
            self.say("De uitleg die je zag", "The explanation you saw"),
        ];
        let rows = choices.iter().map(|choice| {
            let text = choice.text.as_ref().map(|text| {
                let question = text.question.clone().unwrap_or_else(|| text.title.clone());
                format!("{question} {} ({})", text.summary, text.file)
            });
            [
                choice.title.clone(),
                status(choice.status, self.language).to_owned(),
                self.when(&choice.said_at),
                choice
                    .valid_until
                    .as_deref()
                    .map(|at| self.when(at))
                    .unwrap_or_default(),
                choice.data.join(", "),
                text.unwrap_or_default(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn objections(&mut self, facts: &Facts) {
        if facts.objections.is_empty() && facts.restricted_at.is_none() {
            return;
        }
        self.heading("Bezwaar en beperking", "Objections and restriction");
        let mut rows: Vec<(&str, String)> = Vec::new();
        for objection in &facts.objections {
            let all = self.say("Bezwaar tegen alle reclame", "Objection to all advertising");
            let since = self.when(&objection.since);
            rows.push((objection.title.as_deref().unwrap_or(all), since));
        }
        if let Some(since) = &facts.restricted_at {
            rows.push((
                self.say("Gegevens op slot sinds", "Data on hold since"),
                self.when(since),
            ));
        }
        self.rows(&rows);
    }

    fn decisions(&mut self, decisions: &[Decision]) {
        self.heading("Wie vroeg wat over jou", "Who asked what about you");
        self.paragraph(
            "Voordat een systeem iets met je gegevens doet, vraagt het of dat mag. Een computer vergelijkt dat met jouw keuzes \
             en met de wet. Dit waren de vragen, met het antwoord dat het systeem kreeg.",
            "Before a system does anything with your data, it asks whether it may. A computer compares that with your choices \
             and with the law. These were the questions, with the answer that the system got.",
        );
        if decisions.is_empty() {
            return self.nothing();
        }
        if decisions.len() > QUESTIONS {
            self.paragraph(
                "Hier staan de nieuwste. Ze staan allemaal in decisions.csv.",
                "Here are the newest. All of them are in decisions.csv.",
            );
        }
        let head = [
            self.say("Wanneer", "When"),
            self.say("Wie", "Who"),
            self.say("Waarvoor", "What for"),
            self.say("Mag het?", "Allowed?"),
            self.say("Waarom", "Why"),
            self.say("Gegevens", "Data"),
        ];
        let (yes, no) = (self.say("ja", "yes"), self.say("nee", "no"));
        let rows = decisions.iter().rev().take(QUESTIONS).map(|decision| {
            let why: Vec<&str> = decision
                .reasons
                .iter()
                .map(|reason| reason.text.as_str())
                .collect();
            [
                self.when(&decision.asked_at),
                decision.asked_by.clone(),
                decision.title.clone().unwrap_or_default(),
                if decision.decision == "permit" { yes } else { no }.to_owned(),
                why.join(" "),
                decision.data.join(", "),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn recipients(&mut self, recipients: &[Recipient]) {
        self.heading(
            "Wie je gegevens mocht gebruiken",
            "Who was allowed to use your data",
        );
        if recipients.is_empty() {
            return self.nothing();
        }
        let head = [
            self.say("Wie", "Who"),
            self.say("Waarvoor", "What for"),
            self.say("Gegevens", "Data"),
            self.say("Eerste keer", "First time"),
            self.say("Laatste keer", "Last time"),
        ];
        let rows = recipients.iter().map(|recipient| {
            [
                format!("{} ({})", recipient.name, recipient.system_title),
                recipient.purposes.join(", "),
                recipient.data.join(", "),
                self.when(&recipient.first_at),
                self.when(&recipient.last_at),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn sources(&mut self, sources: &[Source]) {
        self.heading("Waar de gegevens vandaan komen", "Where the data come from");
        if sources.is_empty() {
            return self.nothing();
        }
        let head = [
            self.say("Waar vandaan", "From where"),
            self.say("Gegevens", "Data"),
            self.say("Sinds", "Since"),
        ];
        let rows = sources.iter().map(|source| {
            [
                source.name.clone(),
                source
                    .data
                    .iter()
                    .map(|word| plain(word, self.language))
                    .collect::<Vec<_>>()
                    .join(", "),
                self.when(&source.since),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn history(&mut self, history: &[Happened]) {
        self.heading("Wat er gebeurde", "What happened");
        if history.is_empty() {
            return self.nothing();
        }
        let head = [
            self.say("Wanneer", "When"),
            self.say("Wat", "What"),
            self.say("Waarvoor", "What for"),
            self.say("Door wie", "By whom"),
            self.say("Vastgelegd door", "Recorded by"),
        ];
        let rows = history.iter().map(|event| {
            [
                self.when(&event.happened_at),
                plain(event.kind, self.language),
                event.title.clone().unwrap_or_default(),
                plain(event.actor, self.language),
                event.recorded_by.clone(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn contacts(&mut self, contacts: &[Contact]) {
        if contacts.is_empty() {
            return;
        }
        self.heading("Wanneer contact met je is gemaakt", "When you were contacted");
        let head = [
            self.say("Wanneer", "When"),
            self.say("Wie", "Who"),
            self.say("Waarvoor", "What for"),
            self.say("Hoe", "How"),
            self.say("Was het vooraf gevraagd?", "Was it asked before?"),
        ];
        let rows = contacts.iter().rev().take(QUESTIONS).map(|contact| {
            let check = match contact.check.as_str() {
                "permit" => self.say("Ja, en het mocht", "Yes, and it was allowed"),
                "deny" => self.say("Ja, en het mocht niet", "Yes, and it was not allowed"),
                _ => self.say("Nee", "No"),
            };
            [
                self.when(&contact.at),
                contact.by.clone(),
                contact
                    .title
                    .clone()
                    .or_else(|| contact.purpose.clone())
                    .unwrap_or_default(),
                contact.channel.clone().unwrap_or_default(),
                check.to_owned(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn looked_up(&mut self, looks: &[LookUp]) {
        if looks.is_empty() {
            return;
        }
        self.heading(
            "Wie keek in het logboek over jou",
            "Who looked at the log about you",
        );
        let head = [
            self.say("Wanneer", "When"),
            self.say("Wie", "Who"),
            self.say("Wat", "What"),
            self.say("Waarom", "Why"),
        ];
        let rows = looks.iter().map(|look| {
            [
                self.when(&look.at),
                look.by.clone(),
                plain(&look.kind, self.language),
                look.reason.clone().unwrap_or_default(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn purposes(&mut self, purposes: &[PurposeFacts]) {
        self.heading("Waarvoor en hoe lang", "What for and how long");
        let head = [
            self.say("Waarvoor", "What for"),
            self.say("Waarom het mag", "Why it is allowed"),
            self.say("Gegevens", "Data"),
            self.say("Wie kan ze krijgen", "Who can receive them"),
            self.say("Hoe lang", "How long"),
        ];
        let rows = purposes.iter().map(|purpose| {
            [
                format!("{}. {}", purpose.title, purpose.summary),
                basis(purpose, self.language),
                purpose.data.join(", "),
                purpose.recipients.join(", "),
                term(&purpose.retention, self.language),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn requests(&mut self, requests: &[Requested]) {
        self.heading(
            "Wat je ons vroeg over je gegevens",
            "What you asked us about your data",
        );
        let head = [
            self.say("Wanneer", "When"),
            self.say("Wat", "What"),
            self.say("Hoe staat het ermee", "How it stands"),
            self.say("In je eigen woorden", "In your own words"),
        ];
        let rows = requests.iter().map(|request| {
            [
                self.when(&request.received_at),
                plain(request.kind, self.language),
                plain(request.state, self.language),
                request.text.clone().unwrap_or_default(),
            ]
        });
        let rows: Vec<_> = rows.collect();
        self.table(head, rows.into_iter());
    }

    fn rights(&mut self, facts: &Facts) {
        self.heading("Jouw rechten", "Your rights");
        self.paragraph(
            "Klopt er iets niet? Dan verbeteren we het. Je mag vragen of we gegevens wissen, of er even niets mee doen. Je mag \
             bezwaar maken. Je mag de gegevens meenemen die je ons gaf. Een keuze kun je altijd veranderen. Dit kost je niets. \
             Je krijgt binnen een maand antwoord.",
            "Is something wrong? Then we correct it. You may ask us to erase data, or to do nothing with them for now. You may \
             object. You may take along the data you gave us. You can always change a choice. This costs you nothing. You get an \
             answer within a month.",
        );
        self.paragraph(
            "Geen computer beslist alleen over iets dat belangrijk voor je is, tenzij dat bij een doel hierboven staat.",
            "No computer alone decides anything important about you, unless a purpose above says so.",
        );
        let library = &facts.library;
        let rows = [(
            self.say("Klacht", "Complaint"),
            format!(
                "{}, {}, {}",
                library.authority, library.authority_url, library.authority_phone
            ),
        )];
        self.rows(&rows);
    }
}

fn basis(purpose: &PurposeFacts, language: Language) -> String {
    let basis = plain(purpose.legal_basis, language);
    match &purpose.basis_reference {
        Some(reference) => format!("{basis} ({reference})"),
        None => basis,
    }
}

fn status(status: &'static str, language: Language) -> &'static str {
    match (status, language) {
        ("given" | "renewed", Language::Nl) => "ja",
        ("given" | "renewed", Language::En) => "yes",
        ("refused", Language::Nl) => "nee",
        ("refused", Language::En) => "no",
        ("withdrawn", Language::Nl) => "gestopt",
        ("withdrawn", Language::En) => "stopped",
        ("requested", Language::Nl) => "gevraagd, nog geen antwoord",
        ("requested", Language::En) => "asked, no answer yet",
        ("revoked", Language::Nl) => "beëindigd door de bibliotheek",
        ("revoked", Language::En) => "ended by the library",
        (other, _) => other,
    }
}
