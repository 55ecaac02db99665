//! Letters to whoever exercises a right (GDPR art. 12(1), (3), (4)), in plain Dutch and English.

use super::pdf::Document;
use super::problem::{Kind, Problem};
use crate::domain::age::AGE_OF_CONSENT;
use crate::domain::event::ActorKind;
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::domain::purpose::words;
use crate::domain::rights::{ExtensionReason, RejectionGround, RequestState, RequestType, StepKind};
use crate::domain::working_days;
use crate::policy::catalogue::{Catalogue, Organisation};
use crate::policy::explain::long_date;
use crate::service::refusal::{Conflict, Refusal};
use crate::service::rights::{Content, RightsRequest, Wish};

/// The letters there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// The request came in.
    Received,
    /// It takes longer.
    Extension,
    /// It is refused.
    Rejection,
    /// It is done.
    Completed,
}

words!(LetterKind {
    Received => "received", Extension => "extension", Rejection => "rejection", Completed => "completed",
});

impl LetterKind {
    /// Whether a request has come so far.
    pub const fn is_there(self, request: &RightsRequest) -> bool {
        match self {
            Self::Received => true,
            Self::Extension => request.extended_at.is_some(),
            Self::Rejection => matches!(request.state, RequestState::Rejected),
            Self::Completed => matches!(request.state, RequestState::Fulfilled),
        }
    }
}

/// A letter: title, day, and parts of a heading and paragraphs.
#[derive(Debug, PartialEq, Eq)]
pub struct Letter {
    /// Title.
    pub title: &'static str,
    /// What the day is called, and the day.
    pub date: (&'static str, String),
    /// What the number is called, and the number.
    pub number: (&'static str, String),
    /// A heading and its paragraphs.
    pub parts: Vec<(&'static str, Vec<String>)>,
}

/// The letter of a request.
///
/// # Errors
/// 404 when the request has not come so far; 409 when what the letter said went with the person.
pub fn letter_of(
    request: &RightsRequest,
    kind: LetterKind,
    language: Language,
    catalogue: &Catalogue,
) -> Result<Letter, Problem> {
    if !kind.is_there(request) {
        let detail =
            "There is no such letter of this request yet. `letters` of the request lists those there are.";
        return Err(Problem::new(Kind::NotFound).saying(detail));
    }
    let organisation = catalogue
        .organisations
        .get(&request.organisation)
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    let facts = Facts {
        request,
        catalogue,
        organisation,
        language,
    };
    let (step, mut parts) = match kind {
        LetterKind::Received => (StepKind::Received, facts.received()),
        LetterKind::Extension => (StepKind::Extended, facts.extension()?),
        LetterKind::Rejection => (StepKind::Rejected, facts.rejection()?),
        LetterKind::Completed => (StepKind::Completed, facts.completed()),
    };
    parts.push(facts.questions());
    if kind != LetterKind::Received {
        parts.push(facts.complaint());
    }
    let said_at = request.last(step).map_or(request.received_at, |step| step.at);
    Ok(Letter {
        title: facts.title(kind),
        date: (facts.say("Datum", "Date"), facts.date(said_at)),
        number: (facts.say("Nummer", "Number"), request.id.to_string()),
        parts,
    })
}

type Part = (&'static str, Vec<String>);

struct Facts<'f> {
    request: &'f RightsRequest,
    catalogue: &'f Catalogue,
    organisation: &'f Organisation,
    language: Language,
}

impl Facts<'_> {
    const fn say(&self, dutch: &'static str, english: &'static str) -> &'static str {
        match self.language {
            Language::Nl => dutch,
            Language::En => english,
        }
    }

    fn text(&self, dutch: String, english: String) -> String {
        match self.language {
            Language::Nl => dutch,
            Language::En => english,
        }
    }

    fn date(&self, at: Moment) -> String {
        long_date(at.date(self.catalogue.network.zone), self.language)
    }

    const fn title(&self, kind: LetterKind) -> &'static str {
        match kind {
            LetterKind::Received => {
                self.say("We hebben je verzoek ontvangen", "We have received your request")
            }
            LetterKind::Extension => self.say("We hebben meer tijd nodig", "We need more time"),
            LetterKind::Rejection => self.say("We doen niet wat je vroeg", "We will not do what you asked"),
            LetterKind::Completed => self.say("We hebben gedaan wat je vroeg", "We have done what you asked"),
        }
    }

    /// What was asked, when, and of whom.
    fn asked(&self) -> Vec<String> {
        let library = &self.organisation.name;
        let on = self.date(self.request.received_at);
        let (dutch, english) = match self.request.kind {
            RequestType::Access => (
                "Je wilt weten welke gegevens we hebben.",
                "You want to know which data we have.",
            ),
            RequestType::Rectification => (
                "Je wilt dat we gegevens verbeteren.",
                "You want us to correct data.",
            ),
            RequestType::Erasure => ("Je wilt dat we gegevens wissen.", "You want us to erase data."),
            RequestType::Restriction => (
                "Je wilt dat we even niets doen met de gegevens.",
                "You want us to do nothing with the data for now.",
            ),
            RequestType::Portability => (
                "Je wilt de gegevens meenemen die je ons gaf.",
                "You want to take along the data you gave us.",
            ),
            RequestType::Objection => (
                "Je wilt dat we stoppen met het gebruik van gegevens.",
                "You want us to stop using data.",
            ),
        };
        let mut asked = vec![
            self.text(
                format!("{library} kreeg op {on} een vraag van je."),
                format!("{library} received a request from you on {on}."),
            ) + " "
                + self.say(dutch, english),
        ];
        if self.request.guardian_id.is_some() || self.is_by_guardian() {
            let dutch = "Je vraagt dit als ouder of verzorger van een kind.";
            let english = "You ask this as parent or guardian of a child.";
            asked.push(self.say(dutch, english).to_owned());
        }
        asked
    }

    fn is_by_guardian(&self) -> bool {
        self.request
            .received()
            .is_some_and(|received| received.actor == ActorKind::Guardian)
    }

    fn received(&self) -> Vec<Part> {
        let first = working_days::term_ends(self.request.received_at, 1, self.catalogue.network.zone);
        let due = self.date(first);
        let mut next = vec![self.text(
            format!("Je krijgt antwoord uiterlijk op {due}. Dat kost je niets."),
            format!("You get an answer by {due} at the latest. It costs you nothing."),
        )];
        let waits = self.request.state == RequestState::RequiresAction;
        let doubted = self
            .request
            .last(StepKind::IdentityAsked)
            .filter(|_| waits)
            .is_some();
        if doubted {
            let dutch = "We weten nog niet zeker dat jij dit vraagt. Kom daarvoor naar de balie, of bel ons. Stuur ons geen kopie \
                         van je paspoort.";
            let english = "We are not sure yet that it is you who asks. Please come to the desk, or call us. Do not send us a \
                           copy of your passport.";
            next.push(self.say(dutch, english).to_owned());
        } else if waits {
            next.push(self.text(
                format!(
                    "Het gaat om iemand jonger dan {AGE_OF_CONSENT}, of we weten de leeftijd niet. Een ouder of verzorger moet \
                     eerst zeggen dat het goed is. Dat kan bij de balie."
                ),
                format!(
                    "This is about somebody under {AGE_OF_CONSENT}, or we do not know the age. A parent or guardian must say \
                     first that it is all right. That can be done at the desk."
                ),
            ));
        }
        vec![
            (self.say("Je vraag", "Your request"), self.asked()),
            (self.say("Hoe gaat het verder?", "What happens next?"), next),
        ]
    }

    fn extension(&self) -> Result<Vec<Part>, Problem> {
        let step = self.request.last(StepKind::Extended);
        let Some(Content::Extended {
            reason, explanation, ..
        }) = step.and_then(|step| step.content.as_ref())
        else {
            return Err(gone());
        };
        let zone = self.catalogue.network.zone;
        let first = self.date(working_days::term_ends(self.request.received_at, 1, zone));
        let due = self.date(self.request.due_at);
        let why = match reason {
            ExtensionReason::Complexity => self.say("Je vraag is ingewikkeld.", "Your request is complex."),
            ExtensionReason::Number => self.say("We kregen veel vragen.", "We received many requests."),
        };
        Ok(vec![
            (self.say("Je vraag", "Your request"), self.asked()),
            (
                self.say("Waarom duurt het langer?", "Why does it take longer?"),
                vec![
                    self.text(
                        format!("Je zou antwoord krijgen op {first}. Dat lukt niet. {why}"),
                        format!("You would get an answer by {first}. We cannot do that. {why}"),
                    ),
                    explanation.reveal().clone(),
                ],
            ),
            (
                self.say("Wanneer krijg je antwoord?", "When do you get an answer?"),
                vec![self.text(
                    format!(
                        "Je krijgt nu antwoord uiterlijk op {due}. De wet staat dit één keer toe, in artikel 12 lid 3 van de AVG."
                    ),
                    format!(
                        "You now get an answer by {due} at the latest. The law allows this once, in article 12(3) of the GDPR."
                    ),
                )],
            ),
        ])
    }

    fn rejection(&self) -> Result<Vec<Part>, Problem> {
        let step = self.request.last(StepKind::Rejected);
        let Some(Content::Rejected { ground, explanation }) = step.and_then(|step| step.content.as_ref())
        else {
            return Err(gone());
        };
        let article = ground.article();
        let law = self.text(
            format!("Dit staat in artikel {} van de AVG.", dutch_article(article)),
            format!("This is in article {article} of the GDPR."),
        );
        Ok(vec![
            (self.say("Je vraag", "Your request"), self.asked()),
            (
                self.say("Waarom doen we het niet?", "Why will we not do it?"),
                vec![
                    format!("{} {law}", ground_text(*ground, self.language)),
                    explanation.reveal().clone(),
                    self.say("Dit antwoord kost je niets.", "This answer costs you nothing.")
                        .to_owned(),
                ],
            ),
        ])
    }

    fn completed(&self) -> Vec<Part> {
        let content = self.request.last(StepKind::Completed);
        let content = content.and_then(|step| step.content.as_ref());
        let mut done = vec![self.done(content).to_owned()];
        if let Some(Content::Completed {
            explanation: Some(explanation),
            ..
        }) = content
        {
            done.push(explanation.reveal().clone());
        }
        done.push(
            self.say("Dit antwoord kost je niets.", "This answer costs you nothing.")
                .to_owned(),
        );
        vec![
            (self.say("Je vraag", "Your request"), self.asked()),
            (self.say("Wat hebben we gedaan?", "What have we done?"), done),
        ]
    }

    const fn done(&self, content: Option<&Content>) -> &'static str {
        match self.request.kind {
            RequestType::Access => self.say(
                "Je krijgt al je gegevens bij deze brief. Begin met het bestand overview.html. Daar staat ook in wie je gegevens \
                 kreeg.",
                "You get all your data with this letter. Begin with the file overview.html. It also says who received your \
                 data.",
            ),
            RequestType::Portability => self.say(
                "Je krijgt bij deze brief de gegevens die je ons gaf. Een ander bedrijf kan ze met een computer lezen.",
                "You get with this letter the data you gave us. Another company can read them with a computer.",
            ),
            RequestType::Rectification => self.say(
                "We hebben de gegevens verbeterd. We vertellen dit ook aan wie ze van ons kreeg.",
                "We have corrected the data. We also tell this to whoever received them from us.",
            ),
            RequestType::Erasure => self.say(
                "We hebben de gegevens gewist. We vertellen dit ook aan wie ze van ons kreeg.",
                "We have erased the data. We also tell this to whoever received them from us.",
            ),
            RequestType::Restriction => self.say(
                "We bewaren de gegevens en doen er verder niets mee. We vertellen het je eerst als dat weer verandert.",
                "We keep the data and do nothing else with them. We tell you first if that changes again.",
            ),
            RequestType::Objection => match content {
                Some(Content::Completed {
                    did: Wish::Objection { purpose: None },
                    ..
                }) => self.say("Je krijgt van ons geen reclame meer.", "You get no more advertising from us."),
                _ => self.say(
                    "We gebruiken de gegevens hier niet meer voor.",
                    "We no longer use the data for this.",
                ),
            },
        }
    }

    fn questions(&self) -> Part {
        let Organisation {
            name,
            email,
            phone,
            dpo_name,
            dpo_email,
            ..
        } = self.organisation;
        (
            self.say("Vragen?", "Questions?"),
            vec![self.text(
                format!(
                    "Mail {name}: {email}. Of bel {phone}. Je kunt ook mailen met {dpo_name}: {dpo_email}. Noem het nummer van \
                     deze brief."
                ),
                format!(
                    "Mail {name}: {email}. Or call {phone}. You can also mail {dpo_name}: {dpo_email}. Mention the number of \
                     this letter."
                ),
            )],
        )
    }

    /// GDPR art. 12(4), 77 and 79; the way to the court is that of UAVG art. 35, for a controller that is no public
    /// authority.
    fn complaint(&self) -> Part {
        let authority = &self.catalogue.network.authority;
        let (name, url, phone) = (&authority.name, &authority.url, &authority.phone);
        (
            self.say("Niet eens met ons antwoord?", "Do you disagree?"),
            vec![
                self.text(
                    format!(
                        "Vertel het ons, dan zoeken we samen een oplossing. Je mag altijd klagen bij de {name}. Kijk op {url} of \
                         bel {phone}."
                    ),
                    format!(
                        "Tell us, and we look for a solution together. You may always complain to the {name}, the Dutch data \
                         protection authority. Visit {url} or call {phone}."
                    ),
                ),
                self.say(
                    "Je kunt ook naar de rechter gaan. Stuur dan een verzoek naar de rechtbank. Doe dat binnen zes weken nadat je \
                     deze brief kreeg. Je hebt geen advocaat nodig. Dit staat in artikel 35 van de Uitvoeringswet AVG.",
                    "You can also go to court. Send a request to the district court (rechtbank). Do that within six weeks after \
                     you received this letter. You do not need a lawyer. This is in article 35 of the Dutch GDPR \
                     Implementation Act (UAVG).",
                )
                .to_owned(),
            ],
        )
    }
}

fn gone() -> Problem {
    Refusal::Conflict(Conflict::Erased).into()
}

/// `17(3)(e)` as Dutch writes it: `17 lid 3 onder e`.
fn dutch_article(article: &str) -> String {
    let mut parts = article.split('(').map(|part| part.trim_end_matches(')'));
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (word, part) in [" lid ", " onder "].into_iter().zip(parts) {
        text.push_str(word);
        text.push_str(part);
    }
    text
}

/// A ground in words.
const fn ground_text(ground: RejectionGround, language: Language) -> &'static str {
    let (dutch, english) = match ground {
        RejectionGround::IdentityNotEstablished => (
            "We weten niet zeker wie dit vraagt. We mogen gegevens niet aan een ander geven.",
            "We are not sure who asks this. We may not give data to somebody else.",
        ),
        RejectionGround::ManifestlyUnfounded => (
            "Het is duidelijk dat er geen reden is voor deze vraag.",
            "It is clear that there is no reason for this request.",
        ),
        RejectionGround::ManifestlyExcessive => (
            "Je vroeg dit te vaak of te veel tegelijk.",
            "You asked this too often or too much at once.",
        ),
        RejectionGround::RightsOfOthers => (
            "Er staan ook gegevens van andere mensen in. Die moeten we beschermen.",
            "Data of other people are part of it. We must protect those.",
        ),
        RejectionGround::DataCorrect => ("De gegevens kloppen.", "The data are correct."),
        RejectionGround::FreedomOfExpression => (
            "De gegevens zijn nodig voor het recht om vrij te schrijven en te lezen.",
            "The data are needed for the right to write and read freely.",
        ),
        RejectionGround::LegallyRequired => (
            "De wet zegt dat we deze gegevens moeten bewaren.",
            "The law says that we must keep these data.",
        ),
        RejectionGround::OfficialAuthority => (
            "We hebben deze gegevens nodig voor een taak die de overheid ons gaf.",
            "We need these data for a task that the government gave us.",
        ),
        RejectionGround::PublicHealth => (
            "De gegevens zijn nodig voor de gezondheid van iedereen.",
            "The data are needed for everybody's health.",
        ),
        RejectionGround::Archiving => (
            "De gegevens zijn nodig voor het archief of voor onderzoek.",
            "The data are needed for the archive or for research.",
        ),
        RejectionGround::LegalClaims => (
            "We hebben de gegevens nodig omdat er een zaak loopt of kan komen.",
            "We need the data because there is, or may be, a legal case.",
        ),
        RejectionGround::NoGroundToRestrict => (
            "De wet noemt vier redenen om even niets te doen. Geen daarvan past hier.",
            "The law names four reasons to do nothing for now. None of them fits here.",
        ),
        RejectionGround::NotPortable => (
            "Dit recht geldt alleen voor gegevens die je ons zelf gaf.",
            "This right covers only data that you gave us yourself.",
        ),
        RejectionGround::CompellingGrounds => (
            "We hebben een reden die hier zwaarder weegt dan jouw bezwaar.",
            "We have a reason that weighs more here than your objection.",
        ),
    };
    match language {
        Language::Nl => dutch,
        Language::En => english,
    }
}

impl Letter {
    /// As plain text.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{}\n\n{}: {}\n{}: {}\n",
            self.title, self.date.0, self.date.1, self.number.0, self.number.1
        );
        for (heading, paragraphs) in &self.parts {
            text.push_str(&format!("\n{heading}\n"));
            for paragraph in paragraphs {
                text.push_str(&format!("{paragraph}\n"));
            }
        }
        text
    }

    /// As a document to print.
    pub fn pdf(&self, language: Language) -> Vec<u8> {
        let mut document = Document::new(self.title, language);
        document.row(self.date.0, &self.date.1);
        document.row(self.number.0, &self.number.1);
        for (heading, paragraphs) in &self.parts {
            document.heading(heading);
            for paragraph in paragraphs {
                document.paragraph(paragraph);
            }
        }
        document.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn articles_are_written_as_dutch_writes_them() {
        assert_eq!(dutch_article("17(3)(e)"), "17 lid 3 onder e");
        assert_eq!(dutch_article("16"), "16");
        assert_eq!(dutch_article("12(5)"), "12 lid 5");
    }

    #[test]
    fn every_ground_is_said_in_short_sentences() {
        for ground in RejectionGround::ALL {
            for language in [Language::Nl, Language::En] {
                let text = ground_text(*ground, language);
                for sentence in text.split_inclusive('.') {
                    assert!(sentence.split_whitespace().count() <= 17, "{sentence}");
                }
                assert!(text.ends_with('.'), "{text}");
            }
        }
    }
}
