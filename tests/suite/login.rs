//! Signing in as somebody would, and as somebody should not: what is replayed, forged, guessed or taken from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use akkoord::cli::demo::provider::MakeToken;
use akkoord::crypto::jwt::sign_jwt;
use akkoord::crypto::{Secret32, SigningKey};
use akkoord::service::sessions::IDLE_SECONDS;
use akkoord::service::sessions::links::LINK_SECONDS;
use akkoord::service::sessions::staff::Role;
use akkoord::world::{TurnedWorld, World as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::engine::TestStorage;
use crate::support::people::{register_with, sign_in, sign_in_staff};
use crate::support::people_site::{PeopleSite, Shown};
use crate::support::service::clock;

const LINDE: &str = "bibliotheek-de-linde";
const NUMBER: &str = "2000100001";
const PERSONA: &str = "lid-2000100001";
const ADDRESS: &str = "noor.dewit@lindemail.example";
/// A page for members.
const OWN: &str = "/mijn/instellingen";
const COOKIE: &str = "akkoord";

async fn site(storage: &TestStorage, clock: &Arc<TurnedWorld>) -> PeopleSite {
    let site = PeopleSite::start(storage.url(), clock).await;
    let identifiers = [("member-number", NUMBER), ("email", ADDRESS)];
    register_with(&site.service, LINDE, &identifiers, "1980-05-01").await;
    site
}

fn wait(clock: &TurnedWorld, seconds: i64) {
    clock.turn_to(clock.now().plus_seconds(seconds));
}

#[track_caller]
fn leads(shown: &Shown, to: &str) {
    assert_eq!((shown.status, shown.to.as_str()), (303, to), "{shown:?}");
}

/// The link of the newest mail, once there are so many.
async fn mailed(site: &PeopleSite, number: usize) -> String {
    for _ in 0..200 {
        let letters = site.mail.letters();
        if letters.len() >= number {
            let letter = &letters[number - 1];
            assert_eq!(letter.to.reveal(), ADDRESS);
            let text = letter.text.reveal().clone();
            let line = text.lines().find(|line| line.starts_with("http")).unwrap();
            return line.strip_prefix(&site.base).unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no mail came");
}

both_engines! {
    async fn a_member_signs_in_with_an_account_and_out_again(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut visitor = site.visitor();
        // No cookie before somebody signs in.
        let first = visitor.get("/mijn").await;
        assert_eq!(first.status, 200);
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        let choose = visitor.get("/inloggen?verder=%2Fmijn%2Finstellingen").await;
        assert!(choose.text.contains("/inloggen/account?verder=%2Fmijn%2Finstellingen"), "{choose:?}");
        assert!(visitor.cookies.is_empty(), "{:?}", visitor.cookies);

        let (mut visitor, arrived) = site.arrived(PERSONA, "/inloggen/account?verder=%2Fmijn%2Finstellingen").await;
        leads(&arrived, OWN);
        let set: Vec<_> = arrived.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
        assert_eq!(set.len(), 2, "{set:?}");
        assert!(set.iter().all(|set| set.contains("; Path=/; HttpOnly; SameSite=Lax")), "{set:?}");
        assert_eq!(visitor.cookies.keys().collect::<Vec<_>>(), [COOKIE]);
        let own = visitor.get(OWN).await;
        assert_eq!(own.status, 200);
        // Nothing is kept for the back button.
        assert_eq!(own.headers["cache-control"], "no-store");
        let token = visitor.cookies[COOKIE].clone();
        assert!(!own.text.contains(&token));

        leads(&visitor.submit("/uitloggen", &[]).await, "/uitloggen");
        assert!(visitor.cookies.is_empty());
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        // The token is worth nothing any more, wherever it was copied to.
        visitor.cookies.insert(COOKIE.to_owned(), token);
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        site.stop().await;
    }

    async fn staff_signs_in_with_its_own_account_and_only_with_a_role(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        leads(&site.visitor().get("/balie").await, "/inloggen/medewerkers?verder=%2Fbalie");
        let (mut visitor, arrived) = site.arrived("balie-14", "/inloggen/medewerkers/account?verder=%2Fbalie").await;
        leads(&arrived, "/balie");
        assert_eq!(visitor.get("/balie").await.status, 200);
        // Staff is no member, and a member is no staff.
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        let (mut member, _) = site.arrived(PERSONA, "/inloggen/account").await;
        leads(&member.get("/balie").await, "/inloggen/medewerkers?verder=%2Fbalie");
        // An auditor has no desk.
        let mut auditor = site.with(&sign_in_staff(&site.service, Role::Auditor, &[]).await);
        assert_eq!(auditor.get("/balie").await.status, 403);

        for (name, claim) in [("roles", json!(["janitor"])), ("libraries", json!(["bibliotheek-nergens"])), ("libraries", json!([]))] {
            site.provider.make_tokens(Some(Arc::new(move |mut claims: Value, key: &SigningKey| {
                claims[name] = claim.clone();
                sign_jwt("JWT", &key.public().thumbprint(), &claims, key).unwrap()
            })));
            let (visitor, arrived) = site.arrived("balie-14", "/inloggen/medewerkers/account").await;
            leads(&arrived, "/inloggen/medewerkers?fout=onbekend");
            assert!(visitor.cookies.is_empty());
        }
        site.stop().await;
    }

    async fn nobody_chooses_the_session_of_somebody_else(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        // Somebody else put their own session into this browser.
        let planted = sign_in(&site.service, NUMBER).await;
        let mut visitor = site.with(&planted);
        let back = site.way_back(&mut visitor, PERSONA, "/inloggen/account").await;
        leads(&visitor.get(&back).await, "/mijn/keuzes");
        assert_ne!(visitor.cookies[COOKIE], planted.reveal());
        assert!(site.service.signed_in(&planted).await.unwrap().is_none());
        // A token that was never given out is not adopted, and two cookies of one name count as none.
        let mut visitor = site.visitor();
        visitor.cookies.insert(COOKIE.to_owned(), "a".repeat(43));
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        let good = sign_in(&site.service, NUMBER).await;
        let mut visitor = site.with(&good);
        visitor.cookies.insert(format!("x=1; {COOKIE}"), "b".repeat(43));
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        site.stop().await;
    }

    async fn a_form_from_elsewhere_changes_nothing(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let token = sign_in(&site.service, NUMBER).await;
        let other = sign_in(&site.service, NUMBER).await;
        let mut visitor = site.with(&token);
        let good = visitor.get("/uitloggen").await.field("_csrf");
        for wrong in [String::new(), "x".to_owned(), other.csrf(), token.reveal().to_owned(), site.service.form_token()] {
            assert_eq!(visitor.post("/uitloggen", &wrong, &[]).await.status, 403, "{wrong}");
        }
        for site_said in ["cross-site", "same-site", "", "Same-Origin"] {
            visitor.fetch_site = Some(site_said);
            assert_eq!(visitor.post("/uitloggen", &good, &[]).await.status, 403, "{site_said}");
        }
        // An old browser says at least where the form stood.
        visitor.fetch_site = None;
        let here = site.base.clone();
        for origin in [None, Some("null".to_owned()), Some("https://evil.example".to_owned()), Some(format!("{here}.evil.example"))] {
            visitor.origin.clone_from(&origin);
            assert_eq!(visitor.post("/uitloggen", &good, &[]).await.status, 403, "{origin:?}");
        }
        assert!(site.service.signed_in(&token).await.unwrap().is_some());
        visitor.origin = Some(here);
        leads(&visitor.post("/uitloggen", &good, &[]).await, "/uitloggen");
        assert!(site.service.signed_in(&token).await.unwrap().is_none());
        site.stop().await;
    }

    async fn nobody_is_led_away(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        for evil in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "%2Fmijn%0D%0ASet-Cookie%3Aa", "javascript%3Ax", "%2Fv1%2Fpeople"] {
            let (_, arrived) = site.arrived(PERSONA, &format!("/inloggen/account?verder={evil}")).await;
            leads(&arrived, "/mijn/keuzes");
            let choose = site.visitor().get(&format!("/inloggen?verder={evil}")).await;
            assert!(!choose.text.contains("account?verder"), "{choose:?}");
            assert_eq!(choose.field("verder"), "");
        }
        // Another site leads to the page to choose on, and not past it.
        let request = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let answer = request.get(format!("{}/inloggen/account", site.base)).header("sec-fetch-site", "cross-site").send().await.unwrap();
        assert_eq!(answer.headers()["location"], "/inloggen");
        site.stop().await;
    }

    async fn the_way_back_is_gone_once_and_only_by_who_left(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut visitor = site.visitor();
        let back = site.way_back(&mut visitor, PERSONA, "/inloggen/account").await;
        let on_the_way = visitor.cookies.clone();

        // Somebody else with the address, without the cookie.
        let mut thief = site.visitor();
        leads(&thief.get(&back).await, "/inloggen?fout=mislukt");
        assert!(thief.cookies.is_empty());
        leads(&visitor.get(&back).await, "/mijn/keuzes");
        // The same address and cookies again: state and code were used.
        let mut again = site.visitor();
        again.cookies = on_the_way;
        leads(&again.get(&back).await, "/inloggen?fout=mislukt");
        assert!(!again.cookies.contains_key(COOKIE));

        // A code of another login, a wrong state, a wrong issuer, no code: each once, each in vain.
        let mut other = site.visitor();
        let stranger = site.way_back(&mut other, PERSONA, "/inloggen/account").await;
        let query = |url: &str, name: &str| {
            let url: reqwest::Url = url.parse().unwrap();
            url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
        };
        let foreign = query(&stranger, "code");
        for change in ["code", "state", "iss", "none"] {
            let mut visitor = site.visitor();
            let back = site.way_back(&mut visitor, PERSONA, "/inloggen/account").await;
            let forged = match change {
                "code" => back.replace(&query(&back, "code"), &foreign),
                "state" => back.replace(&query(&back, "state"), &query(&stranger, "state")),
                "iss" => back.replace("iss=http", "iss=https"),
                _ => back.replace("code=", "kode="),
            };
            assert_ne!(forged, back);
            leads(&visitor.get(&forged).await, "/inloggen?fout=mislukt");
            // The true address does not work afterwards either.
            leads(&visitor.get(&back).await, "/inloggen?fout=mislukt");
        }
        // Who takes too long begins again.
        let mut slow = site.visitor();
        let back = site.way_back(&mut slow, PERSONA, "/inloggen/account").await;
        wait(&clock, 16 * 60);
        leads(&slow.get(&back).await, "/inloggen?fout=mislukt");
        site.stop().await;
    }

    async fn only_a_right_id_token_signs_in(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let stranger = SigningKey::from_seed(Secret32::from_bytes([9; 32])).unwrap();
        let now = clock.now().seconds();
        type Change = (&'static str, Value);
        let changes: Vec<Change> = vec![
            ("iss", json!("https://evil.example")),
            ("aud", json!("akkoord-staff")),
            ("aud", json!(["someone-else"])),
            ("aud", Value::Null),
            ("exp", json!(now - 10)),
            ("exp", Value::Null),
            ("nbf", json!(now + 600)),
            ("iat", json!(now - 3_600)),
            ("iat", Value::Null),
            ("nonce", json!("replayed")),
            ("nonce", Value::Null),
            ("azp", json!("someone-else")),
            ("sub", Value::Null),
        ];
        let mut makers: Vec<(String, MakeToken)> = changes
            .into_iter()
            .map(|(name, value)| {
                let label = format!("{name} = {value}");
                let make: MakeToken = Arc::new(move |mut claims: Value, key: &SigningKey| {
                    if value.is_null() {
                        claims.as_object_mut().unwrap().remove(name);
                    } else {
                        claims[name] = value.clone();
                    }
                    sign_jwt("JWT", &key.public().thumbprint(), &claims, key).unwrap()
                });
                (label, make)
            })
            .collect();
        let two: MakeToken = Arc::new(|mut claims: Value, key: &SigningKey| {
            claims["aud"] = json!(["akkoord-members", "someone-else"]);
            claims.as_object_mut().unwrap().remove("azp");
            sign_jwt("JWT", &key.public().thumbprint(), &claims, key).unwrap()
        });
        makers.push(("two audiences without azp".to_owned(), two));
        makers.push(("another type".to_owned(), Arc::new(|claims: Value, key: &SigningKey| {
            sign_jwt("at+jwt", &key.public().thumbprint(), &claims, key).unwrap()
        })));
        makers.push(("another key".to_owned(), Arc::new(move |claims: Value, key: &SigningKey| {
            sign_jwt("JWT", &key.public().thumbprint(), &claims, &stranger).unwrap()
        })));
        for algorithm in ["none", "HS256", "RS256", "ES512"] {
            makers.push((format!("alg {algorithm}"), Arc::new(move |claims: Value, key: &SigningKey| {
                let header = json!({"alg": algorithm, "typ": "JWT", "kid": key.public().thumbprint()});
                let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
                let signature = if algorithm == "none" { String::new() } else { URL_SAFE_NO_PAD.encode([0; 32]) };
                format!("{}.{}.{signature}", part(&header), part(&claims))
            })));
        }
        makers.push(("no token".to_owned(), Arc::new(|_: Value, _: &SigningKey| String::new())));
        for (label, make) in makers {
            site.provider.make_tokens(Some(make));
            let (visitor, arrived) = site.arrived(PERSONA, "/inloggen/account").await;
            assert_eq!((arrived.status, arrived.to.as_str()), (303, "/inloggen?fout=mislukt"), "{label}");
            assert!(visitor.cookies.is_empty(), "{label}");
        }
        // A number that nobody has is no member; the page says so and no more.
        site.provider.make_tokens(Some(Arc::new(|mut claims: Value, key: &SigningKey| {
            claims["member_number"] = json!("2000999999");
            sign_jwt("JWT", &key.public().thumbprint(), &claims, key).unwrap()
        })));
        let (_, arrived) = site.arrived(PERSONA, "/inloggen/account").await;
        leads(&arrived, "/inloggen?fout=onbekend");
        site.provider.make_tokens(None);
        let (_, arrived) = site.arrived(PERSONA, "/inloggen/account").await;
        leads(&arrived, "/mijn/keuzes");
        site.stop().await;
    }

    async fn a_link_by_mail_signs_in_once(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut visitor = site.visitor();
        let form = visitor.get("/inloggen").await.field("_csrf");
        let mut answers = Vec::new();
        for address in [ADDRESS, "nobody@nowhere.example", "not an address", ""] {
            let shown = visitor.post("/inloggen/link", &form, &[("email", address), ("verder", OWN)]).await;
            leads(&shown, "/inloggen/link/verstuurd");
            answers.push(shown.text);
        }
        answers.dedup();
        assert_eq!(answers.len(), 1, "the answer tells who is known");
        let link = mailed(&site, 1).await;
        // Programs look at every link in a mail: that uses nothing up.
        for _ in 0..2 {
            assert_eq!(site.visitor().get(&link).await.status, 200);
        }
        let (path, _) = link.split_once('?').unwrap();
        let csrf = visitor.get(path).await.field("_csrf");
        leads(&visitor.post(path, &csrf, &[]).await, OWN);
        assert_eq!(visitor.get(OWN).await.status, 200);

        // Used, unknown, malformed, too old: one answer.
        let dead = "/inloggen?fout=link";
        let mut late = site.visitor();
        leads(&late.get(path).await, dead);
        leads(&late.post(path, &csrf, &[]).await, dead);
        for guess in ["a".repeat(43), "x".to_owned(), "%00".to_owned()] {
            leads(&late.get(&format!("/inloggen/link/{guess}")).await, dead);
        }
        visitor.post("/inloggen/link", &form, &[("email", ADDRESS)]).await;
        let second = mailed(&site, 2).await;
        let (path, _) = second.split_once('?').unwrap();
        assert_eq!(late.get(path).await.status, 200);
        wait(&clock, LINK_SECONDS);
        leads(&late.get(path).await, dead);
        // A form that stood elsewhere asks for nothing.
        late.fetch_site = Some("cross-site");
        assert_eq!(late.post("/inloggen/link", &form, &[("email", ADDRESS)]).await.status, 403);
        site.stop().await;
    }

    async fn a_session_that_is_over_leads_to_signing_in_and_back(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let site = site(&storage, &clock).await;
        let mut visitor = site.with(&sign_in(&site.service, NUMBER).await);
        let csrf = visitor.get(OWN).await.field("_csrf");
        wait(&clock, IDLE_SECONDS);
        leads(&visitor.post(OWN, &csrf, &[("language", "en")]).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        leads(&visitor.get(&format!("{OWN}?taal=en")).await, "/inloggen?verder=%2Fmijn%2Finstellingen%3Ftaal%3Den");
        // Signed out elsewhere.
        let token = sign_in(&site.service, NUMBER).await;
        let mut visitor = site.with(&token);
        assert_eq!(visitor.get(OWN).await.status, 200);
        site.service.sign_out(&token).await.unwrap();
        leads(&visitor.get(OWN).await, "/inloggen?verder=%2Fmijn%2Finstellingen");
        site.stop().await;
    }
}
