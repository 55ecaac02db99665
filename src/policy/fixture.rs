//! A small policy folder without mistakes, for tests: each test spoils one thing in it.

use super::finding::Finding;
use super::load::{Checked, CompileOptions, Files, inspect};
use super::meaning::{VersionHistory, update_lock};

const NETWORK: &str = r#"id = "netwerk"
name = "Netwerk"
version = "2026-11-01"
jurisdiction = "NL"
time_zone = "Europe/Amsterdam"
languages = ["nl", "en"]
processor = { id = "dienst", name = "Dienst", address = "Plein 1", email = "privacy@dienst.example", phone = "088-1" }
supervisory_authority = { name = "Autoriteit", url = "https://autoriteit.example", phone = "088-2" }

[log_retention]
consent = "P5Y"
decision = "P24M"
admin = "P7Y"
private = "P13M"

[[organisation]]
id = "linde"
name = "De Linde"
legal_name = "Stichting De Linde"
kvk = "00000001"
address = "Lindeplein 1"
email = "privacy@linde.example"
phone = "088-3"
website = "https://linde.example"
dpo = { name = "Functionaris", email = "fg@linde.example" }

[[organisation]]
id = "kompas"
name = "Het Kompas"
legal_name = "Stichting Het Kompas"
kvk = "00000002"
address = "Kade 1"
email = "privacy@kompas.example"
phone = "088-4"
website = "https://kompas.example"
dpo = { name = "Functionaris", email = "fg@linde.example" }

[[identifier_scheme]]
id = "member-number"
title = { nl = "Lidnummer", en = "Member number" }
normalise = "digits"
max_length = 20
"#;

const DATA_SCOPES: &str = r#"[[data_scope]]
id = "email"
term = "pd:EmailAddress"
title = { nl = "Je e-mailadres", en = "Your e-mail address" }

[[data_scope]]
id = "loan-history"
term = "lib:LoanHistory"
broader = "pd:ServiceConsumptionBehaviour"
title = { nl = "Wat je hebt geleend", en = "What you borrowed" }
sensitive = true

[[data_scope]]
id = "health"
term = "pd:Health"
title = { nl = "Je gezondheid", en = "Your health" }
special_category = true
"#;

const SYSTEMS: &str = r#"[[system]]
id = "crm"
title = { nl = "Klantsysteem", en = "Customer system" }
recipient = "Klantzorg BV"
organisations = ["*"]
identifier_schemes = ["member-number"]
limits = { per_second = 10, burst = 20 }

[[system.may]]
purposes = ["tips"]
actions = ["contact"]
channels = ["email"]
data_scopes = ["email", "loan-history"]

[[system.may]]
purposes = ["tips"]
actions = ["enrich"]
data_scopes = ["loan-history"]

[[system.may]]
purposes = ["notices"]
actions = ["contact"]
channels = ["email"]
data_scopes = ["email"]

[[system.may]]
purposes = ["offers"]
actions = ["contact"]
channels = ["email"]
data_scopes = ["email"]

[[system]]
id = "portal"
title = { nl = "Portaal", en = "Portal" }
recipient = "Dienst"
organisations = ["linde"]
identifier_schemes = ["member-number"]
limits = { per_second = 10, burst = 20 }
"#;

/// On consent.
const TIPS: &str = r#"id = "tips"
version = 2
material = true
status = "active"
dpv = "dpv:ProvideProductRecommendations"
legal_basis = "consent"
explicit = true
communication_class = "promotional"
class_motivation = "A tip is an invitation."
actions = ["contact", "enrich"]
data_scopes = ["email", "loan-history"]
enrichment_sources = ["lending-system"]
channels = ["email"]
recipients = ["crm"]
validity = "P24M"
reask_not_before = "P6M"
retention = "P13M"
proof_retention = "P5Y"
age = { self_from = 16, on_age_of_consent = "require-reconfirm", reconfirm_within = "P60D" }
dpia = "DPIA-1"
automated_decision = "none"
controller_role = "controller"
fail_mode = "closed"
approved = { by = "fg@linde.example", on = 2026-10-01 }

[notice.nl]
title = "Leestips"
question = "Mogen we je leestips sturen?"
summary = "We kijken welke boeken je leent."
yes = "Ja, stuur me leestips"
no = "Nee, stuur me geen leestips"
if_no = "Dan verandert er niets."
full = """
FULL_NL"""

[notice.en]
title = "Reading tips"
question = "May we send you reading tips?"
summary = "We look at the books you borrow."
yes = "Yes, send me tips"
no = "No, do not send me tips"
if_no = "Then nothing changes."
full = """
FULL_EN"""

[notice.nl-child]
title = "Leestips"
question = "Mogen we je leestips sturen?"
summary = "Vraag het samen met je ouder."
yes = "Ja, stuur me leestips"
no = "Nee, stuur me geen leestips"
if_no = "Dan verandert er niets."

[notice.en-child]
title = "Reading tips"
question = "May we send you reading tips?"
summary = "Ask it together with your parent."
yes = "Yes, send me tips"
no = "No, do not send me tips"
if_no = "Then nothing changes."

[[example]]
name = "no choice yet"
when = { age = 40 }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "deny", reason = "deny-no-consent" }

[[example]]
name = "with consent"
when = { age = 40, state = "given" }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "permit", reason = "permit-consent", data_scopes = ["email"] }

[[example]]
name = "from a source that is not ours"
when = { age = 40, state = "given" }
ask = { system = "crm", action = "enrich", data_scopes = ["loan-history"], data_source = "social-media" }
then = { decision = "deny", reason = "deny-scope" }
"#;

/// On contract.
const NOTICES: &str = r#"id = "notices"
version = 1
material = true
status = "active"
dpv = "dpv:CommunicationForCustomerCare"
legal_basis = "contract"
communication_class = "service"
class_motivation = "Members need these to bring books back in time."
actions = ["contact"]
data_scopes = ["email"]
channels = ["email"]
recipients = ["crm"]
retention = "membership-end+P1Y"
proof_retention = "P5Y"
automated_decision = "none"
controller_role = "controller"
fail_mode = "service"
approved = { by = "fg@linde.example", on = 2026-10-01 }

[notice.nl]
title = "Berichten over je boeken"
summary = "Je krijgt bericht als een boek terug moet."
why_no_choice = "Dit hoort bij lenen."
full = """
FULL_NL"""

[notice.en]
title = "Messages about your books"
summary = "You get a message when a book is due."
why_no_choice = "This is part of borrowing."
full = """
FULL_EN"""

[[example]]
name = "to a member"
when = { age = 40 }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "permit", reason = "permit-contract" }

[[example]]
name = "of another library"
when = { age = 40, member_of = "kompas" }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "deny", reason = "deny-unknown-subject" }

[[example]]
name = "by a channel that is off"
when = { age = 40, channels_off = ["email"] }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "deny", reason = "deny-channel" }
"#;

/// On the customer exception.
const OFFERS: &str = r#"id = "offers"
version = 1
material = true
status = "active"
dpv = "dpv:DirectMarketing"
legal_basis = "customer-exception"
basis_reference = "LIA-1"
communication_class = "promotional"
class_motivation = "It praises our own services."
actions = ["contact"]
data_scopes = ["email"]
channels = ["email"]
recipients = ["crm"]
retention = "membership-end+P6M"
proof_retention = "P5Y"
automated_decision = "none"
controller_role = "controller"
fail_mode = "closed"
approved = { by = "fg@linde.example", on = 2026-10-01 }

[customer_exception]
similar_offer = "Only other kinds of membership."
after_membership = "P6M"

[notice.nl]
title = "Ons aanbod"
summary = "We mailen je over wat lijkt op wat je hebt."
object = "Nee, stop met deze mail"
full = """
FULL_NL"""

[notice.en]
title = "Our offers"
summary = "We mail you about what is like what you have."
object = "No, stop these mails"
full = """
FULL_EN"""

[[example]]
name = "a paying adult"
when = { age = 40, membership = { paying = true, contact_from_sale = true, opt_out_offered = true } }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "permit", reason = "permit-customer-exception" }

[[example]]
name = "two facts missing"
when = { age = 17, membership = { paying = true, contact_from_sale = false, opt_out_offered = true } }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "deny", reason = "deny-customer-exception-incomplete", missing = ["contact-from-sale", "adult"] }

[[example]]
name = "an objection"
when = { age = 40, objections = ["direct-marketing"], membership = { paying = true, contact_from_sale = true, opt_out_offered = true } }
ask = { system = "crm", action = "contact", channel = "email", data_scopes = ["email"] }
then = { decision = "deny", reason = "deny-objection" }
"#;

const FULL_NL: &str = "### Wie is verantwoordelijk?\nJe eigen bibliotheek.\n### Wie kun je vragen stellen?\nBel ons.\n\
    ### Waarom mag dit?\nDat staat in de wet.\n### Wat is ons belang?\nWe willen dat je leest.\n### Welke gegevens?\nJe mail.\n\
    ### Waar komen de gegevens vandaan?\nVan ons zelf.\n### Wie krijgt de gegevens?\nKlantzorg BV.\n\
    ### Gaan gegevens naar een ander land?\nNee.\n### Hoe lang bewaren we dit?\nEen jaar.\n### Welke rechten heb je?\nJe mag \
    het zien.\n### Kun je stoppen?\nJa.\n### Niet tevreden?\nBel de baas.\n### Moet je meedoen?\nNee.\n\
    ### Beslist een computer?\nNee.\n";

const FULL_EN: &str = "### Who is responsible?\nYour own library.\n### Who can you ask?\nCall us.\n### Why is this allowed?\n\
    The law says so.\n### What is our interest?\nWe want you to read.\n### Which data?\nYour mail.\n\
    ### Where do the data come from?\nFrom us.\n### Who gets the data?\nKlantzorg BV.\n### Do data go to another country?\nNo.\n\
    ### How long do we keep this?\nA year.\n### What rights do you have?\nYou may see it.\n### Can you stop?\nYes.\n\
    ### Not happy?\nCall the boss.\n### Do you have to take part?\nNo.\n### Does a computer decide?\nNo.\n";

/// The folder without a lock.
pub fn unlocked() -> Files {
    let mut files = Files::default();
    files.insert("network.toml", NETWORK);
    files.insert("data-scopes.toml", DATA_SCOPES);
    files.insert("systems.toml", SYSTEMS);
    for (file, text) in [("tips", TIPS), ("notices", NOTICES), ("offers", OFFERS)] {
        let text = text.replace("FULL_NL", FULL_NL).replace("FULL_EN", FULL_EN);
        files.insert(format!("purposes/{file}.toml"), text);
    }
    files
}

/// The folder.
pub fn folder() -> Files {
    let mut files = unlocked();
    let lock = update_lock(&files, &hash).unwrap_or_else(|found| panic!("{found:?}"));
    files.insert("versions.lock", lock);
    files
}

/// The folder with one passage replaced.
pub fn spoiled(file: &str, from: &str, to: &str) -> Files {
    let mut files = folder();
    replace(&mut files, file, from, to);
    files
}

/// Replaces the first occurrence of a passage.
pub fn replace(files: &mut Files, file: &str, from: &str, to: &str) {
    let text = files.text(file).unwrap_or_else(|| panic!("no {file}"));
    assert!(text.contains(from), "{file} does not contain {from:?}");
    let text = text.replacen(from, to, 1);
    files.insert(file, text);
}

/// All findings.
pub fn findings(files: &Files) -> Vec<Finding> {
    inspect(files, None, &hash).findings
}

/// The compiled folder.
pub fn compiled(files: &Files) -> Checked {
    let earlier = VersionHistory::of(files).unwrap_or_else(|finding| panic!("{finding}"));
    Checked::compile(files, "2026-11-01.1", &earlier, CompileOptions::default(), &hash)
        .unwrap_or_else(|found| panic!("{found:#?}"))
}

/// Stands in for SHA-256, which this room does not have: FNV-1a over the bytes, once per eight bytes of the result.
pub fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (round, part) in (0_u8..).zip(out.chunks_mut(8)) {
        let start = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(round);
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        part.copy_from_slice(&bytes.iter().fold(start, step).to_be_bytes());
    }
    out
}
