//! The certificate of an erasure: signed JSON that anybody verifies offline, and a PDF for people.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::canonical::canonical;
use super::pdf::Document;
use crate::crypto::sha256;
use crate::domain::hex::hex;
use crate::domain::moment::Moment;
use crate::domain::preference::Language;
use crate::policy::catalogue::Catalogue;
use crate::policy::explain::long_date;
use crate::service::Service;
use crate::service::erasures::{Certified, Keep};
use crate::service::refusal::Refusal;
use crate::store::ErasureTaskRow;

/// What the document is, and the first line of what is signed.
pub const KIND: &str = "urn:akkoord:erasure-certificate:1";

/// How something was erased.
const METHOD: &str = "Rows deleted and overwritten; everything was encrypted under a key of this person alone, and that key \
    was destroyed (cryptographic erase, NIST SP 800-88 Rev. 2). At `epochDestroyedAt` the key was destroyed under which older \
    backups hold it.";

/// The certificate as a signed document.
///
/// # Errors
/// [`Refusal::Unavailable`] when nothing can be signed.
pub async fn document(service: &Service, certified: &Certified) -> Result<Value, Refusal> {
    let mut document = unsigned(certified, service.world().now());
    let note = service.sign_as_log(&signed_text(&document)).await?;
    if let Value::Object(members) = &mut document {
        members.insert("signature".to_owned(), Value::String(note));
    }
    Ok(document)
}

/// What is signed of a certificate without its signature.
pub fn signed_text(document: &Value) -> String {
    let hash = STANDARD.encode(sha256(canonical(document).as_bytes()));
    format!("{KIND}\nsha256 {hash}\n")
}

fn unsigned(certified: &Certified, now: Moment) -> Value {
    let erasure = &certified.erasure;
    let at = |moment: Option<Moment>| moment.map(Moment::rfc3339);
    let names: Vec<&str> = erasure.organisations.iter().map(|id| id.as_str()).collect();
    let recipients: Vec<Value> = erasure.tasks.iter().map(recipient_of).collect();
    let exceptions: Vec<Value> = erasure.keeps.iter().map(exception_of).collect();
    let entries = certified.entries.iter();
    let entries = entries.map(|entry| json!({"log": entry.log, "kind": entry.kind, "proof": entry.proof}));
    json!({
        "type": KIND,
        "erasureId": erasure.id.to_string(),
        "organisation": erasure.organisation.as_str(),
        "organisations": names,
        "ground": erasure.ground.as_str(),
        "rightsRequestId": erasure.rights_request.map(|id| id.to_string()),
        "state": erasure.state.as_str(),
        "proposedAt": erasure.proposed.at.rfc3339(),
        "approvedAt": at(erasure.approved.as_ref().map(|step| step.at)),
        "erasedAt": at(erasure.erased_at),
        "keyDeletedAt": at(erasure.key_deleted_at),
        "epoch": erasure.epoch,
        "epochDestroyedAt": at(erasure.epoch_destroyed_at),
        "completedAt": at(erasure.completed_at),
        "method": METHOD,
        "recipients": recipients,
        "exceptions": exceptions,
        "entries": entries.collect::<Vec<Value>>(),
        "issuedAt": now.rfc3339(),
    })
}

fn recipient_of(task: &ErasureTaskRow) -> Value {
    let at = |moment: Option<Moment>| moment.map(Moment::rfc3339);
    json!({
        "id": hex(task.id.as_bytes()),
        "system": task.system,
        "organisations": task.organisations.split(' ').collect::<Vec<&str>>(),
        "state": task.state,
        "outcome": task.outcome,
        "keptGround": task.kept_ground,
        "keptUntil": at(task.kept_until),
        "dueAt": task.due_at.rfc3339(),
        "escalatedAt": at(task.escalated_at),
        "acknowledgedAt": at(task.acknowledged_at),
    })
}

fn exception_of(keep: &Keep) -> Value {
    json!({
        "what": keep.what,
        "ground": keep.ground,
        "until": keep.until.map(Moment::rfc3339),
        "term": keep.term,
        "count": keep.count,
        "organisation": keep.organisation.as_ref().map(ToString::to_string),
        "purpose": keep.purpose.as_ref().map(ToString::to_string),
        "blocks": keep.blocks,
    })
}

/// The name of a system for people.
pub fn recipient<'c>(catalogue: &'c Catalogue, system: &'c str) -> &'c str {
    let known = catalogue
        .systems
        .values()
        .find(|known| known.id.as_str() == system);
    known.map_or(system, |known| known.recipient.as_str())
}

/// A text in both languages.
type Both = (&'static str, &'static str);

const fn in_language(language: Language, (nl, en): Both) -> &'static str {
    match language {
        Language::Nl => nl,
        Language::En => en,
    }
}

/// The certificate as a document for people.
pub fn pdf(certified: &Certified, catalogue: &Catalogue, base: &str, language: Language) -> Vec<u8> {
    let say = |both: Both| in_language(language, both);
    let erasure = &certified.erasure;
    let day = |at: Moment| {
        format!(
            "{} ({})",
            long_date(at.date(catalogue.network.zone), language),
            at.rfc3339()
        )
    };
    let when = |at: Option<Moment>| at.map_or_else(|| say(("nog niet", "not yet")).to_owned(), day);
    let library = |id: &crate::domain::ids::OrganisationId| {
        let known = catalogue.organisations.get(id);
        known.map_or_else(|| id.to_string(), |known| known.name.clone())
    };
    let libraries: Vec<String> = erasure.organisations.iter().map(library).collect();
    let title = say((
        "Bewijs dat je gegevens zijn gewist",
        "Proof that your data were erased",
    ));
    let mut document = Document::new(title, language);
    document.paragraph(say((
        "Je hebt gevraagd om je gegevens te wissen. Dat is gedaan. Hieronder staat wanneer, wie het nog meer heeft gewist, \
         en wat er overblijft.",
        "You asked for your data to be erased. That has been done. Below is when, who else has erased them, and what is \
         left.",
    )));
    for (name, value) in [
        (("Nummer", "Number"), erasure.id.to_string()),
        (("Bibliotheken", "Libraries"), libraries.join(", ")),
        (("Grond (AVG)", "Ground (GDPR)"), erasure.ground.to_string()),
        (("Voorgesteld", "Proposed"), day(erasure.proposed.at)),
        (
            ("Goedgekeurd door een ander", "Approved by somebody else"),
            when(erasure.approved.as_ref().map(|step| step.at)),
        ),
        (("Gewist", "Erased"), when(erasure.erased_at)),
        (
            ("Sleutel vernietigd", "Key destroyed"),
            when(erasure.key_deleted_at),
        ),
        (
            ("Ook oude kopieën onleesbaar", "Older copies unreadable too"),
            when(erasure.epoch_destroyed_at),
        ),
        (
            ("Overal afgerond", "Complete everywhere"),
            when(erasure.completed_at),
        ),
    ] {
        document.row(say(name), &value);
    }
    document.heading(say(("Wie het ook moest wissen", "Who else had to erase them")));
    if erasure.tasks.is_empty() {
        document.paragraph(say((
            "Geen enkel systeem mocht je gegevens gebruiken, dus er hoefde niemand iets te wissen.",
            "No system was permitted to use your data, so nobody else had to erase anything.",
        )));
    } else {
        let rows: Vec<[String; 3]> = erasure
            .tasks
            .iter()
            .map(|task| {
                [
                    format!("{} ({})", recipient(catalogue, &task.system), task.system),
                    say(outcome(task)).to_owned(),
                    task.acknowledged_at.map_or_else(String::new, |at| {
                        long_date(at.date(catalogue.network.zone), language)
                    }),
                ]
            })
            .collect();
        let head = [
            say(("Ontvanger", "Recipient")),
            say(("Antwoord", "Answer")),
            say(("Op", "On")),
        ];
        document.table(head, &rows);
    }
    document.heading(say(("Wat er overblijft, en waarom", "What is left, and why")));
    let rows: Vec<[String; 3]> = erasure
        .keeps
        .iter()
        .map(|keep| {
            let until = match (&keep.until, &keep.term) {
                (Some(until), _) => long_date(until.date(catalogue.network.zone), language),
                (None, Some(term)) => term.clone(),
                (None, None) => String::new(),
            };
            [what(keep, language), keep.ground.to_owned(), until]
        })
        .collect();
    let head = [
        say(("Wat", "What")),
        say(("Grond", "Ground")),
        say(("Tot", "Until")),
    ];
    document.table(head, &rows);
    document.heading(say(("Controleren", "Checking")));
    document.paragraph(&match language {
        Language::Nl => format!(
            "Elke stap staat in een controlelogboek dat niemand ongemerkt kan veranderen. De bibliotheek kan hetzelfde bewijs \
             als ondertekend bestand geven ({base}/v1/erasures/{}/certificate); iedereen kan dat zonder internet \
             controleren. Ben je het er niet mee eens? Dan kun je een klacht indienen bij {} ({}).",
            erasure.id, catalogue.network.authority.name, catalogue.network.authority.url
        ),
        Language::En => format!(
            "Each step stands in an audit log that nobody can change unnoticed. The library can give the same proof as a \
             signed file ({base}/v1/erasures/{}/certificate); anybody can check it offline. If you disagree you can \
             complain to {} ({}).",
            erasure.id, catalogue.network.authority.name, catalogue.network.authority.url
        ),
    });
    for entry in &certified.entries {
        let index = entry.proof.lines().find_map(|line| line.strip_prefix("index "));
        document.row(
            &entry.kind,
            &format!("{} {}", entry.log, index.unwrap_or_default()),
        );
    }
    document.finish()
}

fn outcome(task: &ErasureTaskRow) -> Both {
    match task.outcome.as_deref() {
        Some("erased") => ("gewist", "erased"),
        Some("not-held") => ("had niets", "had nothing"),
        Some("kept") => ("bewaart iets op grond van de wet", "keeps something by law"),
        Some("told-otherwise") => ("op een andere manier ingelicht", "told in another way"),
        Some("impossible") => ("kon niet worden ingelicht", "could not be told"),
        _ => ("nog geen antwoord", "no answer yet"),
    }
}

fn what(keep: &Keep, language: Language) -> String {
    let text = in_language(
        language,
        match keep.what {
            "tombstone" => (
                "Een willekeurig nummer, zodat je niet uit een oude kopie terugkomt",
                "A random number, so that no older copy brings you back",
            ),
            "log-entries" => (
                "Regels in het controlelogboek die niemand meer aan je kan koppelen",
                "Entries of the audit log that nobody can link to you any more",
            ),
            "messages-to-systems" => (
                "Berichten aan andere systemen dat je bent gewist",
                "Messages to other systems that you were erased",
            ),
            "objection-hash" => (
                "Een code waaraan je bezwaar wordt herkend als je je opnieuw inschrijft",
                "A code by which your objection is recognised if you register again",
            ),
            "legal-retention" => ("Wat de wet laat bewaren", "What the law demands to be kept"),
            "legal-hold" => ("Een geschil dat nog loopt", "A dispute that goes on"),
            "guardian-of-children" => (
                "Kinderen van wie je ouder of voogd bent: die band eindigt",
                "Children whose parent or guardian you are: that link ends",
            ),
            "child-with-guardians" => (
                "Je ouders of voogden: die band eindigt",
                "Your guardians: that link ends",
            ),
            _ => ("Een lopend verzoek", "A running request"),
        },
    );
    match &keep.purpose {
        Some(purpose) => format!("{text} ({purpose})"),
        None => text.to_owned(),
    }
}
