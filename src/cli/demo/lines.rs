//! The command lines that the demo prints: pasted in this order into a shell, each one gives the answer that stands
//! below it. A test does exactly that.

use super::seed::call;
use crate::domain::decision::{Question, Reason, ReasonCode};
use crate::domain::ids::OrganisationId;
use crate::domain::personal::Personal;
use crate::domain::preference::Language;
use crate::domain::purpose::{Action, Channel};
use crate::policy::explain::explain;
use crate::service::Service;
use crate::service::refusal::Refusal;
use crate::service::verbs::{Decide, Decided, PersonRef};

/// A library of the shipped catalogue.
const LIBRARY: &str = "bibliotheek-de-linde";
const PURPOSE: &str = "newsletter";
/// The member who reads the newsletter, and the one who was never asked; see `members::Part`.
const READER: &str = "2000123456";
const NEVER_ASKED: &str = "2000100002";

/// One line to paste.
#[derive(Debug)]
pub struct Line {
    /// What it does.
    about: &'static str,
    /// The line.
    command: String,
    /// What stands in the answer, as members of its JSON object.
    answer: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{}\n  {}\n  → {{…,{},…}}",
            self.about, self.command, self.answer
        )
    }
}

/// How to get a token, as a line to paste.
pub fn fetch_token(base: &str) -> String {
    format!(
        "TOKEN=$(curl -sS -u demo-crm:demo -d grant_type=client_credentials {base}/oauth2/token | \
         sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')"
    )
}

/// A shell function that asks whether the CRM may mail the newsletter to the member with a number.
pub fn check(base: &str) -> String {
    let asked = post(
        base,
        "decisions",
        &question(&member("member-number", "NUMBER")),
        None,
    );
    format!("may() {{ {}; }}", asked.replace("NUMBER", "'\"$1\"'"))
}

/// The link that belongs below a newsletter to a member who reads it.
///
/// # Errors
/// When the service cannot answer the check that gives it.
pub async fn leave(service: &Service, base: &str) -> Result<String, Refusal> {
    let answer = decided_about(service, "member-number", super::cast::PARENT).await?;
    let token = answer.unsubscribe.ok_or(Refusal::Unavailable)?;
    Ok(format!("{base}/u/{token}"))
}

/// A permit, a deny with its reason, a consent, its withdrawal, and the check that now denies.
///
/// # Errors
/// When the service cannot answer the two checks that are made here to know their answers.
pub async fn lines(service: &Service, base: &str) -> Result<Vec<Line>, Refusal> {
    let catalogue = service.catalogue();
    let today = service.world().now().date(catalogue.network.zone);
    let notice = catalogue
        .purposes
        .values()
        .find(|entry| entry.purpose.id.as_str() == PURPOSE)
        .map_or(1, |entry| entry.purpose.version);
    let reader = member("member-number", READER);
    let restricted = member("test", "restricted");
    let never_asked = member("member-number", NEVER_ASKED);
    let withdrawn = Reason::on(ReasonCode::DenyWithdrawn, today);
    Ok(vec![
        Line {
            about: "1. May the CRM mail the newsletter to this member? Yes: there is a consent.",
            command: post(base, "decisions", &question(&reader), None),
            answer: decided(&decide(service, "member-number", READER).await?),
        },
        Line {
            about: "2. And to this one? No, and why not.",
            command: post(base, "decisions", &question(&restricted), None),
            answer: decided(&decide(service, "test", "restricted").await?),
        },
        Line {
            about: "3. A member who was never asked says yes to the newsletter. The answer is the receipt.",
            command: post(
                base,
                "consents",
                &consent(&never_asked, "given", notice),
                Some("demo-line-3"),
            ),
            answer: r#""status":"given""#.to_owned(),
        },
        Line {
            about: "4. From now on the same member is a permit.",
            command: post(base, "decisions", &question(&never_asked), None),
            answer: decided(&Reason::on(ReasonCode::PermitConsent, today)),
        },
        Line {
            about: "5. The member takes it back.",
            command: post(
                base,
                "consents",
                &consent(&never_asked, "withdrawn", notice),
                Some("demo-line-5"),
            ),
            answer: r#""status":"withdrawn""#.to_owned(),
        },
        Line {
            about: "6. And from now on the same check denies.",
            command: post(base, "decisions", &question(&never_asked), None),
            answer: decided(&withdrawn),
        },
    ])
}

fn member(scheme: &str, value: &str) -> String {
    format!(r#"{{"scheme":"{scheme}","value":"{value}"}}"#)
}

fn question(person: &str) -> String {
    format!(
        r#"{{"person":{person},"organisation":"{LIBRARY}","purpose":"{PURPOSE}","action":"contact","channel":"email","dataScopes":["email","identity"]}}"#
    )
}

fn consent(person: &str, status: &str, notice: u32) -> String {
    format!(
        r#"{{"person":{person},"organisation":"{LIBRARY}","purpose":"{PURPOSE}","status":"{status}","noticeVersion":{notice},"language":"nl","indicationMethod":"web-form","actor":{{"type":"self"}}}}"#
    )
}

fn post(base: &str, path: &str, body: &str, key: Option<&str>) -> String {
    let key = key
        .map(|key| format!(" -H 'Idempotency-Key: {key}'"))
        .unwrap_or_default();
    format!(
        "curl -sS -w '\\n' {base}/v1/{path} -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'{key} \
         -d '{body}'"
    )
}

/// A sentence of ours has no quotation mark or backslash in it, so it needs no escaping.
fn decided(reason: &Reason) -> String {
    format!(
        r#""decision":"{}","reasons":[{{"code":"{}","text":"{}"}}]"#,
        reason.code.effect(),
        reason.code.as_str(),
        explain(reason, Language::Nl)
    )
}

/// Asks, to know the date the answer will name.
async fn decide(service: &Service, scheme: &str, value: &str) -> Result<Reason, Refusal> {
    let answer = decided_about(service, scheme, value).await?;
    let reasons = &answer.verdict.reasons;
    reasons.first().cloned().ok_or(Refusal::Unavailable)
}

async fn decided_about(service: &Service, scheme: &str, value: &str) -> Result<Decided, Refusal> {
    let missing = |_| Refusal::NotFound;
    let library: OrganisationId = LIBRARY.parse().map_err(|_| Refusal::NotFound)?;
    let crm = call("crm")?;
    let verb = Decide {
        person: PersonRef::Identifier {
            scheme: scheme.parse().map_err(missing)?,
            value: Personal::new(value.to_owned()),
        },
        question: Question {
            system: crm.principal.system.clone(),
            organisation: library,
            purpose: PURPOSE.parse().map_err(missing)?,
            action: Action::Contact,
            channel: Some(Channel::Email),
            data_scopes: ["email", "identity"]
                .iter()
                .filter_map(|scope| scope.parse().ok())
                .collect(),
            data_source: None,
        },
        reference: None,
        at: None,
    };
    service.decide(&crm, verb).await
}
