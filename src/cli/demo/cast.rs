//! Who can be chosen on the login page of the demo: members with a known part (`members::Part`), and people who work for
//! libraries.

use serde_json::{Map, Value, json};

use super::provider::{Persona, ProviderClient};
use crate::crypto::jwt::SignatureAlgorithm;
use crate::outward::oidc::{RelyingParty, RelyingPartySettings};
use crate::web::session::doors::{Doors, MemberDoor, StaffDoor};

/// The clients at the provider, and their secret: no secret, in a demo.
const MEMBERS: &str = "akkoord-members";
const STAFF: &str = "akkoord-staff";
const SECRET: &str = "demo";

/// The member number of the parent.
pub const PARENT: &str = "2000100001";

/// Somebody who can be chosen on the login page.
struct Part {
    /// Member number, or what the provider of staff's accounts calls them.
    id: &'static str,
    name: &'static str,
    /// What is special about them: on the login page in Dutch, in what the demo prints in English.
    dutch: &'static str,
    english: &'static str,
}

const fn part(id: &'static str, name: &'static str, dutch: &'static str, english: &'static str) -> Part {
    Part {
        id,
        name,
        dutch,
        english,
    }
}

/// Members.
const CAST: [Part; 6] = [
    part(
        "2000123456",
        "Sanne de Vries",
        "38 jaar, lid van Bibliotheek De Linde, krijgt de nieuwsbrief",
        "38, gets the newsletter of Bibliotheek De Linde",
    ),
    part(
        PARENT,
        "Noor de Wit",
        "44 jaar, ouder van twee kinderen van 14 en 15",
        "44, parent of two children of 14 and 15",
    ),
    part(
        "2000100005",
        "Sam de Wit",
        "15 jaar, wordt morgen 16; kind van Noor",
        "15, turns 16 tomorrow; child of Noor",
    ),
    part(
        "2000100004",
        "Mees de Wit",
        "14 jaar; kind van Noor",
        "14; child of Noor",
    ),
    part(
        "2000100003",
        "Elif Kaya",
        "33 jaar, lid van twee bibliotheken",
        "33, member of two libraries; yes at the one, no at the other",
    ),
    part(
        "2000100002",
        "Joost Kramer",
        "51 jaar, koos nog niets over de nieuwsbrief",
        "51, was never asked about the newsletter",
    ),
];

/// Staff, each with role and libraries.
const OFFICE: [(Part, &str, &str); 6] = [
    (
        part(
            "balie-14",
            "Marleen Bos",
            "werkt aan de balie van Bibliotheek De Linde",
            "desk of Bibliotheek De Linde",
        ),
        "desk",
        "bibliotheek-de-linde",
    ),
    (
        part(
            "balie-31",
            "Ruben Prins",
            "werkt aan de balie van Bibliotheek Het Kompas",
            "desk of Bibliotheek Het Kompas",
        ),
        "desk",
        "bibliotheek-het-kompas",
    ),
    (
        part(
            "fg-1",
            "Fatima Haddad",
            "privacy-medewerker van het hele netwerk",
            "privacy officer of the whole network",
        ),
        "officer",
        "*",
    ),
    (
        part(
            "fg-2",
            "Pieter Claassen",
            "tweede privacy-medewerker van het hele netwerk",
            "second privacy officer of the whole network",
        ),
        "officer",
        "*",
    ),
    (
        part(
            "audit-1",
            "Anke Schouten",
            "auditor: kijkt, en verandert niets",
            "auditor: looks, and changes nothing",
        ),
        "auditor",
        "*",
    ),
    (
        part(
            "beheer-1",
            "Teun Maas",
            "beheerder van het netwerk",
            "administrator of the network",
        ),
        "administrator",
        "*",
    ),
];

/// The lines that the demo prints: where to go, what to press, and whom one can be.
pub fn lines(base: &str) -> String {
    let line = |part: &Part| format!("  {:<16}{:<12}{}\n", part.name, part.id, part.english);
    let desk = |role: &str| role == "desk";
    let mut text = format!(
        "AS A MEMBER\n\n\
         Open {base}/mijn and press \"Log in\", then \"Inloggen met je account\". (\"English\" at the top changes the \
         language.)\nThe login page belongs to the demo: choose one of these people. There are no passwords.\n"
    );
    text.extend(CAST.iter().map(line));
    text.push_str(&format!(
        "\nAS STAFF\n\nLog in in the same way. The desk at {base}/balie (then look up one of the member numbers above):\n"
    ));
    let staff = |at_desk: bool| {
        OFFICE
            .iter()
            .filter(move |(_, role, _)| desk(role) == at_desk)
            .map(|(part, ..)| line(part))
    };
    text.extend(staff(true));
    text.push_str(&format!("Privacy officers at {base}/fg:\n"));
    text.extend(staff(false));
    text
}

/// The clients of the provider, for a service at `base`.
pub fn clients(base: &str) -> Vec<ProviderClient> {
    [
        (MEMBERS, "Bibliotheekaccount"),
        (STAFF, "Werkaccount van de bibliotheek"),
    ]
    .into_iter()
    .map(|(id, title)| ProviderClient {
        id: id.to_owned(),
        secret: SECRET.to_owned(),
        redirect_uri: format!("{base}/inloggen/terug"),
        after_sign_out: format!("{base}/uitloggen"),
        title: title.to_owned(),
    })
    .collect()
}

/// Everybody who can be chosen.
pub fn personas() -> Vec<Persona> {
    let members = CAST.iter().map(|part| Persona {
        client: MEMBERS.to_owned(),
        subject: format!("lid-{}", part.id),
        name: part.name.to_owned(),
        about: part.dutch.to_owned(),
        claims: object(json!({"member_number": part.id})),
    });
    let staff = OFFICE.iter().map(|(part, role, libraries)| Persona {
        client: STAFF.to_owned(),
        subject: part.id.to_owned(),
        name: part.name.to_owned(),
        about: part.dutch.to_owned(),
        claims: object(json!({"roles": [role], "libraries": [libraries]})),
    });
    members.chain(staff).collect()
}

/// The ways in, through a provider.
///
/// # Errors
/// A sentence about what cannot be.
pub fn doors(base: &str, issuer: &str) -> Result<Doors, String> {
    let party = |client: &str| {
        RelyingParty::new(RelyingPartySettings {
            issuer: issuer.to_owned(),
            client_id: client.to_owned(),
            client_secret: Some(SECRET.to_owned().into()),
            redirect_uri: format!("{base}/inloggen/terug"),
            scope: "openid".to_owned(),
            algorithms: vec![SignatureAlgorithm::EdDsa],
            allow_loopback_http: true,
        })
    };
    Ok(Doors {
        members: Some(MemberDoor {
            party: party(MEMBERS)?,
            number_claim: "member_number".to_owned(),
            scheme: "member-number".parse().map_err(|_| "no such scheme".to_owned())?,
            library_claim: None,
        }),
        staff: Some(StaffDoor {
            party: party(STAFF)?,
            subject_claim: "sub".to_owned(),
            name_claim: "name".to_owned(),
            role_claim: "roles".to_owned(),
            roles: std::collections::BTreeMap::new(),
            organisations_claim: "libraries".to_owned(),
        }),
        links: true,
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
