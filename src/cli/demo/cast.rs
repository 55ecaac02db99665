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

/// Members: number, name, and what is special about them.
const CAST: [(&str, &str, &str); 6] = [
    (
        "2000123456",
        "Sanne de Vries",
        "38 jaar, lid van Bibliotheek De Linde, krijgt de nieuwsbrief",
    ),
    (
        "2000100001",
        "Noor de Wit",
        "44 jaar, ouder van twee kinderen van 14 en 15",
    ),
    (
        "2000100005",
        "Sam de Wit",
        "15 jaar, wordt morgen 16; kind van Noor",
    ),
    ("2000100004", "Mees de Wit", "14 jaar; kind van Noor"),
    ("2000100003", "Elif Kaya", "33 jaar, lid van twee bibliotheken"),
    ("2000100002", "Joost Kramer", "51 jaar, koos nog nooit iets"),
];

/// Staff: subject, name, what they do, role and libraries.
const OFFICE: [(&str, &str, &str, &str, &str); 6] = [
    (
        "balie-14",
        "Marleen Bos",
        "werkt aan de balie van Bibliotheek De Linde",
        "desk",
        "bibliotheek-de-linde",
    ),
    (
        "balie-31",
        "Ruben Prins",
        "werkt aan de balie van Bibliotheek Het Kompas",
        "desk",
        "bibliotheek-het-kompas",
    ),
    (
        "fg-1",
        "Fatima Haddad",
        "privacy-medewerker van het hele netwerk",
        "officer",
        "*",
    ),
    (
        "fg-2",
        "Pieter Claassen",
        "tweede privacy-medewerker van het hele netwerk",
        "officer",
        "*",
    ),
    (
        "audit-1",
        "Anke Schouten",
        "auditor: kijkt, en verandert niets",
        "auditor",
        "*",
    ),
    (
        "beheer-1",
        "Teun Maas",
        "beheerder van het netwerk",
        "administrator",
        "*",
    ),
];

/// The lines that the demo prints.
pub fn lines(base: &str) -> String {
    let mut text = format!(
        "People log in at {base}/mijn (without a password, on a page that the demo serves itself) as:\n"
    );
    for (number, name, about) in CAST {
        text.push_str(&format!("  {number}  {name}: {about}\n"));
    }
    text.push_str(&format!(
        "Staff logs in at {base}/balie (the desk) and {base}/fg (privacy officers) as:\n"
    ));
    for (subject, name, about, ..) in OFFICE {
        text.push_str(&format!("  {subject:<10}  {name}: {about}\n"));
    }
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
    let members = CAST.into_iter().map(|(number, name, about)| Persona {
        client: MEMBERS.to_owned(),
        subject: format!("lid-{number}"),
        name: name.to_owned(),
        about: about.to_owned(),
        claims: object(json!({"member_number": number})),
    });
    let staff = OFFICE
        .into_iter()
        .map(|(subject, name, about, role, libraries)| Persona {
            client: STAFF.to_owned(),
            subject: subject.to_owned(),
            name: name.to_owned(),
            about: about.to_owned(),
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
