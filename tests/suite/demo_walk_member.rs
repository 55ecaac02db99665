//! `akkoord demo` as a member meets it, in a real browser: log in as each of the people it prints, choose, and see that the
//! next check of the printed command line answers that.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::browser::{Browser, Scripts};
use crate::support::program::{Running, akkoord};

/// In a test the program is not optimised; in a release it takes a few seconds.
const READY: Duration = Duration::from_secs(300);

const SANNE: &str = "2000123456";
const NOOR: &str = "2000100001";
const SAM: &str = "2000100005";
const ELIF: &str = "2000100003";
const LINDE: &str = "bibliotheek-de-linde";

/// What the demo printed, and a browser at its address.
struct Walk {
    said: Vec<String>,
    base: String,
    browser: Browser,
}

impl Walk {
    /// The line that holds a text.
    fn line(&self, text: &str) -> &str {
        let found = self.said.iter().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("nothing printed with {text}:\n{}", self.said.join("\n")))
    }

    /// What the printed function answers about a member, as the printed token asks it.
    fn may(&self, number: &str) -> String {
        let token = self.line("  TOKEN=ey").trim().to_owned();
        let function = self.line("  may() {").trim().to_owned();
        let script = format!("{token}\n{function}\nmay {number}\n");
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        answer["decision"].as_str().unwrap().to_owned()
    }

    /// Logs in as somebody who was printed, from the address that was printed, pressing what was printed.
    async fn become_(&self, number: &str) {
        let line = self.line(&format!(" {number} "));
        let name = line.split(number).next().unwrap().trim().to_owned();
        self.browser.forget().await;
        self.browser.go("/mijn?taal=nl").await;
        self.browser.click("main .button").await;
        self.browser.arrives("/inloggen").await;
        let button = self.browser.one("main a.button").await;
        assert_eq!(button.text().await.unwrap(), "Inloggen met je account");
        button.click().await.unwrap();
        self.browser.arrives("/authorize").await;
        let people = self
            .browser
            .driver
            .find_all(thirtyfour::By::Css("main li a"))
            .await;
        for person in people.unwrap() {
            if person.text().await.unwrap().starts_with(&name) {
                person.click().await.unwrap();
                self.browser.arrives("/mijn/").await;
                return;
            }
        }
        panic!("{name} is not on the login page");
    }

    /// Answers a question that the page links to.
    async fn answer(&self, path: &str, answer: &str) {
        self.browser.go(&format!("{path}?taal=nl")).await;
        self.browser.click(&format!("label[for={answer}]")).await;
        self.browser.click("main form .button").await;
        self.browser.arrives("/mijn/bewijzen/").await;
    }

    async fn sees(&self, text: &str) {
        self.browser.reads(text).await;
    }
}

fn newsletter(library: &str) -> String {
    format!("/mijn/keuzes/{library}/newsletter")
}

#[actix_web::test]
async fn demo_walk_member() {
    let started = tokio::task::spawn_blocking(|| {
        let mut demo = Running::start(akkoord(&["demo", "--bind", "127.0.0.1:0"]));
        demo.wait_for("Also: ", READY);
        demo
    });
    let mut demo = started.await.unwrap();
    let base = demo
        .said
        .iter()
        .find_map(|line| line.strip_prefix("Open ")?.split_once("/mijn"))
        .expect("the demo prints where to go")
        .0
        .to_owned();
    let walk = Walk {
        said: demo.said.clone(),
        browser: Browser::start(&base, Scripts::Off).await,
        base,
    };
    an_adult_stops_and_starts(&walk).await;
    a_mail_link_needs_no_login(&walk).await;
    a_parent_chooses_for_two_children(&walk).await;
    who_turns_sixteen_tomorrow_is_told(&walk).await;
    one_word_for_two_libraries_is_two_events(&walk).await;
    everything_can_be_fetched_and_erasure_asked(&walk).await;
    the_desk_records_it(&walk).await;
    assert_eq!(walk.browser.complaints().await, Vec::<String>::new());
    walk.browser.close().await;
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

async fn an_adult_stops_and_starts(walk: &Walk) {
    assert_eq!(walk.may(SANNE), "permit");
    walk.become_(SANNE).await;
    walk.sees("Jij kiest wat de bibliotheek met jouw gegevens mag doen.")
        .await;
    walk.answer(&newsletter(LINDE), "nee").await;
    walk.sees("Je stopte met: Onze nieuwsbrief").await;
    assert_eq!(walk.may(SANNE), "deny");
    walk.answer(&newsletter(LINDE), "ja").await;
    walk.sees("Je zei ja tegen: Onze nieuwsbrief").await;
    assert_eq!(walk.may(SANNE), "permit");
    // Each of these checks stands where Sanne can see it.
    walk.browser.go("/mijn/wie-vroeg?taal=nl").await;
    walk.sees("Antwoord: nee.").await;
    walk.sees("Jij bent gestopt.").await;
    // And somebody who never chose.
    let joost = "2000100002";
    let before = walk.may(joost);
    assert_eq!(before, "deny");
    walk.become_(joost).await;
    walk.answer(&newsletter(LINDE), "ja").await;
    assert_eq!(walk.may(joost), "permit");
}

async fn a_mail_link_needs_no_login(walk: &Walk) {
    let link = walk.line(&format!("{}/u/", walk.base)).trim().to_owned();
    let path = link.strip_prefix(&walk.base).unwrap();
    assert_eq!(walk.may(NOOR), "permit");
    walk.browser.forget().await;
    // A scanner of mail looks at every link: nothing happens.
    for _ in 0..2 {
        walk.browser.go(path).await;
        walk.sees("Meld mij af").await;
    }
    assert_eq!(walk.may(NOOR), "permit");
    walk.browser.click("main form .button").await;
    walk.sees("Je bent afgemeld").await;
    assert_eq!(walk.may(NOOR), "deny");
}

async fn a_parent_chooses_for_two_children(walk: &Walk) {
    assert_eq!(walk.may(SAM), "permit");
    walk.become_(NOOR).await;
    walk.browser.go("/mijn/kinderen?taal=nl").await;
    assert_eq!(walk.browser.count("a.go[href*='/mijn/kinderen/']").await, 2);
    walk.sees("15 jaar").await;
    walk.sees("14 jaar").await;
    let links = walk
        .browser
        .driver
        .find_all(thirtyfour::By::Css(".card:has(a.go)"))
        .await
        .unwrap();
    for card in links {
        if card.text().await.unwrap().contains("15 jaar") {
            let link = card.find(thirtyfour::By::Css("a.go")).await.unwrap();
            link.click().await.unwrap();
            break;
        }
    }
    walk.browser.arrives("/mijn/kinderen/").await;
    walk.browser.click("a.go[href*='/newsletter']").await;
    walk.browser.click("label[for=nee]").await;
    walk.browser.click("main form .button").await;
    walk.sees("De keuze is opgeslagen.").await;
    assert_eq!(walk.may(SAM), "deny");
}

async fn who_turns_sixteen_tomorrow_is_told(walk: &Walk) {
    walk.become_(SAM).await;
    walk.browser.go("/mijn/jij-bent-16?taal=nl").await;
    walk.sees("word je 16. Vanaf die dag kies je zelf.").await;
    // Until then a yes of Sam waits for a parent, and a no counts.
    walk.answer(&newsletter(LINDE), "ja").await;
    walk.sees("Nu moet een ouder of verzorger ook nog ja zeggen")
        .await;
    assert_eq!(walk.may(SAM), "deny");
}

async fn one_word_for_two_libraries_is_two_events(walk: &Walk) {
    walk.become_(ELIF).await;
    walk.sees("Je bent lid van 2 bibliotheken.").await;
    // Yes at the one and no at the other; now no at both, and yes at both, each with a proof of its own.
    let receipts = async || {
        walk.browser.go("/mijn/bewijzen?taal=nl").await;
        walk.browser.count(".card.choice").await
    };
    let before = receipts().await;
    assert_eq!(walk.may(ELIF), "permit");
    walk.answer(&newsletter(LINDE), "nee").await;
    assert_eq!(walk.may(ELIF), "deny");
    walk.answer(&newsletter(LINDE), "ja").await;
    walk.sees("Ook zo bij je andere bibliotheken?").await;
    walk.browser.click("form[action*='/overal'] .button").await;
    walk.sees("Van elke keuze krijg je een bewijs.").await;
    assert_eq!(receipts().await, before + 3, "a no, a yes, and a yes elsewhere");
    walk.browser.go("/mijn/bewijzen?taal=nl").await;
    walk.sees("Bibliotheek Het Kompas").await;
    assert_eq!(walk.may(ELIF), "permit");
}

async fn everything_can_be_fetched_and_erasure_asked(walk: &Walk) {
    walk.become_(SANNE).await;
    walk.browser.go("/mijn/gegevens?taal=nl").await;
    walk.sees(SANNE).await;
    walk.browser.click("form[action*='/ophalen'] .button").await;
    walk.sees("Je gegevens staan klaar").await;
    let link = walk.browser.one(".alert a.button").await;
    let path = link.attr("href").await.unwrap().unwrap();
    let cookie = walk.browser.driver.get_all_cookies().await.unwrap();
    let cookie: Vec<String> = cookie
        .iter()
        .map(|cookie| format!("{}={}", cookie.name, cookie.value))
        .collect();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let got = client
        .get(format!("{}{path}", walk.base))
        .header("cookie", cookie.join("; "))
        .send()
        .await
        .unwrap();
    assert_eq!(got.headers()["content-type"], "application/zip");
    let files = crate::support::bundle::files(&got.bytes().await.unwrap());
    let texts: Vec<_> = files
        .values()
        .map(|bytes| String::from_utf8_lossy(bytes))
        .collect();
    let whole = texts.join("\n");
    for part in [
        SANNE,
        "newsletter",
        "withdrawn",
        "given",
        "sanne.devries@lindemail.example",
    ] {
        assert!(whole.contains(part), "{part} is not in the download");
    }

    walk.browser.go("/mijn/gegevens/wissen?taal=nl").await;
    walk.browser.click("label[for=wat-alles]").await;
    walk.browser.click("main form .button").await;
    walk.sees("Klopt dit?").await;
    walk.browser.click("main form button").await;
    walk.browser.arrives("/mijn/verzoeken").await;
    walk.sees("Gegevens wissen").await;
    walk.sees("Je krijgt antwoord voor of op").await;
    walk.sees("Je hebt 7 dagen om je te bedenken.").await;
    assert_eq!(walk.browser.count("form[action*='/terug']").await, 1);
}

async fn the_desk_records_it(walk: &Walk) {
    walk.browser.forget().await;
    walk.browser.go("/balie?taal=nl").await;
    walk.browser.arrives("/inloggen/medewerkers").await;
    walk.browser.click("main a.button").await;
    walk.browser.arrives("/authorize").await;
    walk.browser.click("main li a").await;
    walk.browser.arrives("/balie").await;
    let number = walk.browser.one("#nummer").await;
    number.send_keys(NOOR).await.unwrap();
    walk.browser.click("label[for=balie]").await;
    walk.browser.click("main form .button").await;
    walk.browser.arrives("/balie/lid/").await;
    walk.browser.click("a.go[href*='/newsletter']").await;
    walk.sees("Lees dit voor").await;
    walk.browser.click("label[for=ja]").await;
    walk.browser.click("label[for=papier]").await;
    walk.browser
        .one("#formulier")
        .await
        .send_keys("F-2026-17")
        .await
        .unwrap();
    walk.browser.click("main form .button").await;
    walk.sees("Het is vastgelegd").await;
    assert_eq!(walk.may(NOOR), "permit");
    // The member is told by mail, which the demo writes to the folder that it prints.
    let folder = walk
        .line("Mail is not sent")
        .rsplit(' ')
        .next()
        .unwrap()
        .to_owned();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mails = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let texts: Vec<String> = mails
            .filter_map(|mail| std::fs::read_to_string(mail.path()).ok())
            .collect();
        if texts
            .iter()
            .any(|text| text.contains("noor.dewit@lindemail.example"))
        {
            return;
        }
        assert!(std::time::Instant::now() < end, "no mail in {folder}: {texts:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
