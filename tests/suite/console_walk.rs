//! The day of a privacy officer on `akkoord demo`, as a new user would try it: log in as the printed officer, find why a
//! member got a mail, take the month's report and the signed log along, verify both with the printed commands, erase somebody
//! with a second officer and verify the certificate, and change a purpose after reading what it does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::program::{Running, akkoord};

/// In a test the program is not optimised; in a release it takes a few seconds.
const READY: Duration = Duration::from_secs(300);
const SANNE: &str = "2000123456";
const JOOST: &str = "2000100002";
const LINDE: &str = "bibliotheek-de-linde";

/// Somebody with a browser that runs no scripts.
struct Visitor {
    base: String,
    client: reqwest::Client,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    fn at(base: &str) -> Visitor {
        rustls::crypto::ring::default_provider().install_default().ok();
        Visitor {
            base: base.to_owned(),
            client: reqwest::Client::builder()
                .redirect(Policy::none())
                .build()
                .unwrap(),
            cookies: BTreeMap::new(),
        }
    }

    /// One request and what it leads to: the address and the bytes.
    async fn send(&mut self, method: Method, to: &str, form: Option<Vec<(&str, &str)>>) -> (String, Vec<u8>) {
        let (mut method, mut url) = (method, reqwest::Url::parse(&self.base).unwrap().join(to).unwrap());
        let mut form = form;
        for _ in 0..12 {
            let cookies: Vec<String> = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let mut request = self
                .client
                .request(method.clone(), url.clone())
                .header("Cookie", cookies.join("; "))
                .header("Sec-Fetch-Site", "same-origin")
                .header("Accept", "text/html,*/*");
            if let Some(fields) = form.take() {
                let mut body = url::form_urlencoded::Serializer::new(String::new());
                // Browsers send every line with both its ends.
                body.extend_pairs(
                    fields
                        .iter()
                        .map(|(name, value)| (name, value.replace('\n', "\r\n"))),
                );
                request = request
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .body(body.finish());
            }
            let answer = request.send().await.unwrap();
            for cookie in answer.headers().get_all("set-cookie") {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            if answer.status() == StatusCode::SEE_OTHER || answer.status() == StatusCode::FOUND {
                let location = answer.headers()["location"].to_str().unwrap().to_owned();
                (method, url) = (Method::GET, url.join(&location).unwrap());
                continue;
            }
            let status = answer.status();
            let bytes = answer.bytes().await.unwrap().to_vec();
            assert!(
                status.is_success(),
                "{status} {url}: {}",
                String::from_utf8_lossy(&bytes)
            );
            return (url.to_string(), bytes);
        }
        panic!("{to} leads nowhere");
    }

    async fn page(&mut self, to: &str) -> String {
        String::from_utf8(self.send(Method::GET, to, None).await.1).unwrap()
    }

    /// Fills in a form of a page; where it leads and what is there.
    async fn fill_in(&mut self, page: &str, to: &str, fields: &[(&str, &str)]) -> (String, String) {
        let token = between(page, "name=\"_csrf\" value=\"", "\"").to_owned();
        let mut all = vec![("_csrf", token.as_str())];
        all.extend_from_slice(fields);
        let (url, bytes) = self.send(Method::POST, to, Some(all)).await;
        (url, String::from_utf8(bytes).unwrap())
    }

    /// Logs in as somebody who was printed, from the page that was printed.
    async fn log_in(base: &str, name: &str) -> Visitor {
        let mut visitor = Visitor::at(base);
        let page = visitor.page("/fg").await;
        let choose = plain(between(&page, "<a class=\"button\" href=\"", "\""));
        let (url, bytes) = visitor.send(Method::GET, &choose, None).await;
        let people = String::from_utf8(bytes).unwrap();
        let before = people.split(&format!("<strong>{name}")).next().unwrap();
        let to = plain(
            before
                .rsplit("href=\"")
                .next()
                .unwrap()
                .split('"')
                .next()
                .unwrap(),
        );
        let to = reqwest::Url::parse(&url).unwrap().join(&to).unwrap();
        let (_, bytes) = visitor.send(Method::GET, to.as_str(), None).await;
        let page = String::from_utf8(bytes).unwrap();
        assert!(page.contains(&format!("Hallo {name}")), "{page}");
        visitor
    }
}

#[track_caller]
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let rest = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        .1;
    rest.split(after).next().unwrap()
}

/// Text without the marks of HTML.
fn plain(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

/// The commands that a page prints.
fn commands(page: &str) -> Vec<String> {
    let blocks = page.split("<pre").skip(1);
    let blocks = blocks.map(|rest| plain(rest.split_once('>').unwrap().1.split("</pre>").next().unwrap()));
    blocks
        .map(|text| text.replace("<code>", "").replace("</code>", ""))
        .filter(|text| text.starts_with("akkoord "))
        .collect()
}

/// Runs a printed command where the files were saved, as it stands there.
fn runs(folder: &Path, command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_akkoord")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command}\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Where the button to save a file leads.
fn saved(page: &str) -> String {
    let links = page
        .split("href=\"")
        .skip(1)
        .map(|rest| plain(rest.split('"').next().unwrap()));
    let mut files = links.filter(|link| link.ends_with("/bestand"));
    files.next().unwrap_or_else(|| panic!("nothing to save: {page}"))
}

/// The name under which a command expects its file.
fn expected(command: &str) -> &str {
    command
        .split_whitespace()
        .find(|word| word.contains('.'))
        .unwrap()
}

#[actix_web::test]
async fn console_walk() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("curl is missing: the printed commands were not run");
        return;
    }
    let started = tokio::task::spawn_blocking(|| {
        let mut demo = Running::start(akkoord(&["demo", "--bind", "127.0.0.1:0"]));
        demo.wait_for("Also: ", READY);
        demo
    });
    let mut demo = started.await.unwrap();
    let printed = |text: &str| {
        demo.said
            .iter()
            .find(|line| line.contains(text))
            .cloned()
            .unwrap()
    };
    let base = between(&printed("Privacy officers at "), "at ", "/fg").to_owned();
    let officer = |id: &str| {
        let line = printed(&format!(" {id} "));
        line.split(id).next().unwrap().trim().to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut fatima = Visitor::log_in(&base, &officer("fg-1")).await;
    let mut pieter = Visitor::log_in(&base, &officer("fg-2")).await;
    let token = printed("  TOKEN=ey")
        .trim()
        .trim_start_matches("TOKEN=")
        .to_owned();

    why_did_a_member_get_a_mail(&mut fatima, folder.path()).await;
    the_month_on_paper_and_the_log_itself(&mut fatima, folder.path()).await;
    somebody_is_erased_by_two(&mut fatima, &mut pieter, &token, folder.path()).await;
    a_purpose_is_changed_by_two(&mut fatima, &mut pieter).await;

    tokio::task::spawn_blocking(move || {
        demo.signal("INT");
        assert_eq!(
            demo.ended(Duration::from_secs(20)),
            Some(0),
            "{}",
            demo.complained()
        );
    })
    .await
    .unwrap();
}

async fn why_did_a_member_get_a_mail(fatima: &mut Visitor, folder: &Path) {
    let page = fatima.page("/fg/zoeken/persoon").await;
    let fields = [
        ("bibliotheek", LINDE),
        ("scheme", "member-number"),
        ("value", SANNE),
        ("reason", "Sanne vraagt waarom zij de nieuwsbrief kreeg"),
    ];
    let (url, person) = fatima.fill_in(&page, "/fg/zoeken/persoon", &fields).await;
    assert!(!url.contains(SANNE), "{url}");
    assert!(
        person.contains("Onze nieuwsbrief") && person.contains("Mag: toestemming"),
        "{person}"
    );
    let entry = format!(
        "/fg/zoeken/decision/{}",
        between(&person, "/fg/zoeken/decision/", "\"")
    );
    let mut page = fatima.page(&entry).await;
    let end = Instant::now() + Duration::from_secs(30);
    while !page.contains("bewijs.txt") && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
        page = fatima.page(&entry).await;
    }
    // The reason in plain words, and the proof.
    assert!(
        page.contains("Het antwoord was: Dit lid gaf toestemming"),
        "{page}"
    );
    let command = commands(&page).remove(0);
    let (_, proof) = fatima
        .send(Method::GET, &format!("{entry}/bewijs.txt"), None)
        .await;
    std::fs::write(folder.join(expected(&command)), proof).unwrap();
    let said = runs(folder, &command);
    assert!(
        said.contains("In order: entry") && said.contains("permit-consent"),
        "{said}"
    );
}

async fn the_month_on_paper_and_the_log_itself(fatima: &mut Visitor, folder: &Path) {
    let today = chrono::Utc::now().date_naive();
    let first = today.format("%Y-%m-01").to_string();
    let today = today.to_string();
    let page = fatima.page("/fg/rapport").await;
    let fields = [
        ("soort", "audit"),
        ("van", first.as_str()),
        ("tot", today.as_str()),
        ("bibliotheek", ""),
        ("vorm", "pdf"),
        ("reason", "Maandrapport voor het bestuur"),
    ];
    let (_, ready) = fatima.fill_in(&page, "/fg/rapport", &fields).await;
    let command = commands(&ready).remove(0);
    let (_, zip) = fatima.send(Method::GET, &saved(&ready), None).await;
    std::fs::write(folder.join(expected(&command)), zip).unwrap();
    let said = runs(folder, &command);
    assert!(said.contains("In order: the report audit"), "{said}");

    let page = fatima.page("/fg/zoeken/export").await;
    let fields = [
        ("log", "decision"),
        ("van", ""),
        ("tot", ""),
        ("vorm", "csv"),
        ("reason", "Maandelijkse controle"),
    ];
    let (_, ready) = fatima.fill_in(&page, "/fg/zoeken/export", &fields).await;
    let command = commands(&ready).remove(0);
    let (_, zip) = fatima.send(Method::GET, &saved(&ready), None).await;
    std::fs::write(folder.join(expected(&command)), zip).unwrap();
    let said = runs(folder, &command);
    assert!(said.contains("In order:") && said.contains("decision"), "{said}");
}

async fn somebody_is_erased_by_two(fatima: &mut Visitor, pieter: &mut Visitor, token: &str, folder: &Path) {
    let body = json!({"person": {"scheme": "member-number", "value": JOOST}, "organisation": LINDE, "type": "erasure",
        "actor": {"type": "self"}, "indicationMethod": "desk", "text": "Wis mijn gegevens"});
    let asked = fatima
        .client
        .post(format!("{}/v1/rights-requests", fatima.base))
        .bearer_auth(token)
        .header("Content-Type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let asked: Value = serde_json::from_slice(&asked.bytes().await.unwrap()).unwrap();
    let id = asked["requestId"]
        .as_str()
        .unwrap_or_else(|| panic!("{asked}"))
        .to_owned();
    assert!(
        fatima.page("/fg").await.contains(&id),
        "it stands under what to do first"
    );
    let page = fatima.page(&format!("/fg/verzoeken/{id}")).await;
    assert!(page.contains("Wis mijn gegevens"), "{page}");
    let hidden = between(&page, "type=\"hidden\" name=\"wie\" value=\"", "\"").to_owned();
    let fields = [
        ("verzoek", id.as_str()),
        ("wie", hidden.as_str()),
        ("bibliotheek", LINDE),
        ("grond", "17-1-b"),
        ("dagen", "0"),
    ];
    let (url, own) = fatima.fill_in(&page, "/fg/wissen", &fields).await;
    let erasure = url.split('?').next().unwrap().to_owned();
    // Who proposed it does not approve it.
    let (url, _) = fatima.fill_in(&own, &erasure, &[("wat", "approve")]).await;
    assert!(url.contains("fout=another-officer-needed"), "{url}");
    let page = pieter.page(&erasure).await;
    pieter.fill_in(&page, &erasure, &[("wat", "approve")]).await;
    let end = Instant::now() + Duration::from_secs(120);
    let mut page = pieter.page(&erasure).await;
    while !page.contains("verklaring.json") {
        assert!(Instant::now() < end, "{page}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        page = pieter.page(&erasure).await;
    }
    let command = commands(&page).remove(0);
    let path = reqwest::Url::parse(&erasure).unwrap().path().to_owned();
    let mut certificate = Vec::new();
    while Instant::now() < end {
        let url = format!("{}{path}/verklaring.json", pieter.base);
        let cookies: Vec<String> = pieter
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let answer = pieter
            .client
            .get(url)
            .header("Cookie", cookies.join("; "))
            .send()
            .await
            .unwrap();
        if answer.status() == StatusCode::OK {
            certificate = answer.bytes().await.unwrap().to_vec();
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    std::fs::write(folder.join(expected(&command)), certificate).unwrap();
    let said = runs(folder, &command);
    assert!(said.contains("certificate of erasure"), "{said}");
    let (_, paper) = pieter
        .send(Method::GET, &format!("{path}/verklaring.pdf"), None)
        .await;
    assert!(paper.starts_with(b"%PDF-"));
    // The library knows nobody by that number any more.
    let page = fatima.page("/fg/zoeken/persoon").await;
    let fields = [
        ("bibliotheek", LINDE),
        ("scheme", "member-number"),
        ("value", JOOST),
        ("reason", "Is Joost gewist?"),
    ];
    let (url, _) = fatima.fill_in(&page, "/fg/zoeken/persoon", &fields).await;
    assert!(url.contains("fout=nobody"), "{url}");
}

async fn a_purpose_is_changed_by_two(fatima: &mut Visitor, pieter: &mut Visitor) {
    let file = "purposes/newsletter.toml";
    let page = fatima.page(&format!("/fg/beleid/nieuw?bestand={file}")).await;
    let text = page.split("name=\"tekst\"").nth(1).unwrap();
    let text = plain(between(text, ">", "</textarea>"));
    let version: u32 = between(&text, "\nversion = ", "\n").trim().parse().unwrap();
    let text = text
        .replacen(
            "Mogen we je onze nieuwsbrief mailen?",
            "Mogen we je elke week onze nieuwsbrief mailen?",
            1,
        )
        .replacen(
            &format!("\nversion = {version}"),
            &format!("\nversion = {}", version + 1),
            1,
        );
    let fields = [
        ("titel", "Elke week een nieuwsbrief"),
        ("waarom", "De redactie wil vaker mailen."),
        ("bestand", file),
        ("tekst", text.trim_start_matches('\n')),
    ];
    let (url, draft) = fatima.fill_in(&page, "/fg/beleid/nieuw", &fields).await;
    let proposal = url.split('?').next().unwrap().to_owned();
    assert!(draft.contains("Alles klopt"), "{draft}");
    let (_, proposed) = fatima
        .fill_in(&draft, &proposal, &[("wat", "propose"), ("versie", "1")])
        .await;
    // The impact, in words: how many must choose again, and which answers flip.
    let impact = plain(&proposed);
    assert!(
        impact.contains("moeten opnieuw kiezen. Tot dan is het antwoord nee."),
        "{proposed}"
    );
    assert!(impact.contains("Nee: tekst is veranderd"));
    assert!(
        impact.contains(&format!("versie: {version} → {}", version + 1))
            && impact.contains("wie ja zei moet opnieuw kiezen"),
        "{proposed}"
    );
    let (url, _) = fatima
        .fill_in(&proposed, &proposal, &[("wat", "approve"), ("versie", "2")])
        .await;
    assert!(url.contains("fout=another-officer-needed"), "{url}");
    let page = pieter.page(&proposal).await;
    let (url, done) = pieter
        .fill_in(&page, &proposal, &[("wat", "approve"), ("versie", "2")])
        .await;
    assert!(
        url.contains("klaar=applied") && done.contains("Dit beleid geldt nu"),
        "{url}: {done}"
    );
    let versions = fatima.page("/fg/doelen/newsletter").await;
    assert!(
        versions.contains(&format!("Versie {version} naast versie {}", version + 1)),
        "{versions}"
    );
}
