//! A real browser (Chromium, driven by chromedriver) that uses the pages as people do, and looks at each of them: with
//! axe-core for the rules of WCAG that a program can judge, and with a ruler for what axe does not see.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thirtyfour::common::command::ExtensionCommand;
use thirtyfour::{By, Capabilities, DesiredCapabilities, Key, WebDriver, WebElement};

use tokio::sync::{Mutex, MutexGuard};

use super::source::root;

/// Widths at which every page is looked at: the smallest telephone, and a computer (WCAG 1.4.10).
pub const WIDTHS: [u32; 2] = [320, 1_280];

/// One browser at a time: two at once make both slow.
static TURN: Mutex<()> = Mutex::const_new(());

/// How long anything may take: a walk under load ends with a message, and never hangs.
const PATIENCE: Duration = Duration::from_secs(90);

const AXE: &str = include_str!("../../vendor/axe.min.js");
const RULER: &str = include_str!("ruler.js");

/// What a browser starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    On,
    /// Pages cannot run scripts, as with a reader's own setting.
    Off,
}

/// A browser, closed with this value.
pub struct Browser {
    /// The WebDriver session.
    pub driver: WebDriver,
    process: Child,
    /// Read no further, and open: it would end when it could say nothing.
    _said: BufReader<ChildStdout>,
    base: String,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts one for the site at an address (`http://127.0.0.1:8080`).
    pub async fn start(base: &str, scripts: Scripts) -> Browser {
        let turn = TURN.lock().await;
        // reqwest, through which thirtyfour speaks, asks for one even without TLS.
        rustls::crypto::ring::default_provider().install_default().ok();
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver is installed (tests/run does that)");
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let port = said
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says its port");
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wishes(scripts));
        let driver = within("chromium starts", driver).await.expect("chromium starts");
        Browser {
            driver,
            process,
            _said: said,
            base: base.to_owned(),
            _turn: turn,
        }
    }

    /// Goes to a path of the site.
    pub async fn go(&self, path: &str) {
        let went = self.driver.goto(format!("{}{path}", self.base));
        within(path, went).await.unwrap();
    }

    /// Where it is: path and query.
    pub async fn path(&self) -> String {
        let url = within("the address", self.driver.current_url()).await.unwrap();
        match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        }
    }

    /// Waits until it is on a page whose path begins so.
    pub async fn arrives(&self, start: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.path().await.starts_with(start) {
            assert!(Instant::now() < end, "not {start} but {}", self.path().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The one element of a selector.
    pub async fn one(&self, css: &str) -> WebElement {
        match within(css, self.driver.find(By::Css(css))).await {
            Ok(element) => element,
            Err(_) => panic!("no `{css}` on {}:\n{}", self.path().await, self.text().await),
        }
    }

    /// Clicks the one element of a selector and waits for the page behind it.
    pub async fn click(&self, css: &str) {
        let element = self.one(css).await;
        within(css, element.click()).await.unwrap();
    }

    /// Waits until a text is to be read.
    pub async fn reads(&self, text: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let page = self.text().await;
            if page.contains(text) {
                return;
            }
            assert!(
                Instant::now() < end,
                "no “{text}” on {}:\n{page}",
                self.path().await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Presses Tab until an element of a selector has the focus. Needs scripts, to see which has.
    pub async fn tab_to(&self, css: &str) -> WebElement {
        let here = format!("return document.activeElement.matches({})", json!(css));
        for _ in 0..80 {
            let focus = self.driver.active_element().await.unwrap();
            if self.run(&here).await == json!(true) {
                return focus;
            }
            focus.send_keys(Key::Tab + "").await.unwrap();
        }
        panic!("the keyboard does not reach {css} on {}", self.path().await);
    }

    /// The page as it would be printed on A4: a PDF.
    pub async fn print(&self) -> Vec<u8> {
        let page = json!({"page": {"width": 21.0, "height": 29.7}, "background": false});
        let printed = self.command("/print", page).await;
        STANDARD.decode(printed.as_str().unwrap()).unwrap()
    }

    /// What is to be read on the page.
    pub async fn text(&self) -> String {
        // The page may go away while it is read.
        for _ in 0..20 {
            if let Ok(body) = within("the page", self.driver.find(By::Css("body"))).await
                && let Ok(text) = within("its text", body.text()).await
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} cannot be read", self.path().await);
    }

    /// How many elements a selector finds.
    pub async fn count(&self, css: &str) -> usize {
        self.driver.find_all(By::Css(css)).await.unwrap().len()
    }

    /// Runs a script in the page, which our pages themselves never do.
    pub async fn run(&self, script: &str) -> Value {
        within("a script", self.driver.execute(script, Vec::new()))
            .await
            .unwrap()
            .json()
            .clone()
    }

    /// Makes the window so wide, and as high as asked.
    pub async fn size(&self, width: u32, height: u64) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// What the browser complained of since the last time: content security policy, missing files, errors.
    pub async fn complaints(&self) -> Vec<String> {
        let lines = self.command("/se/log", json!({"type": "browser"})).await;
        let lines = lines.as_array().cloned().unwrap_or_default();
        // A page that is not there answers 404, and the browser says so; as it does of one that fails to be looked at.
        let expected = |line: &String| {
            line.contains("the server responded with a status of 4")
                || line.contains("the server responded with a status of 500")
        };
        let lines = lines
            .iter()
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned());
        lines.filter(|line| !expected(line)).collect()
    }

    /// Requests since the last time that went anywhere but to the site.
    pub async fn strangers(&self) -> Vec<String> {
        let lines = self.command("/se/log", json!({"type": "performance"})).await;
        let lines = lines.as_array().cloned().unwrap_or_default();
        let mut found = Vec::new();
        for line in &lines {
            let inner: Value = serde_json::from_str(line["message"].as_str().unwrap_or("{}")).unwrap();
            let message = &inner["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
                if !url.starts_with(&self.base) && !url.starts_with("data:") {
                    found.push(url.to_owned());
                }
            }
        }
        found
    }

    /// Looks at the page that is shown, at a width; writes a picture; gives what is not good.
    pub async fn look(&self, name: &str, language: &str, width: u32) -> Vec<String> {
        self.size(width, 800).await;
        let mut found: Vec<String> = Vec::new();
        let measured = self.run(&format!("{RULER}; return measure({width});")).await;
        found.extend(strings(&measured));
        let axe = self
            .run(&format!(
                "{AXE}; return axe.run(document, {{preload: false, resultTypes: ['violations']}}).then(r => r.violations.map(\
                 v => v.id + ': ' + v.help + ' ' + v.nodes.slice(0, 4).map(n => n.html.slice(0, 140)).join(' | ')));"
            ))
            .await;
        found.extend(strings(&axe));
        found.extend(self.complaints().await);
        found.extend(
            self.strangers()
                .await
                .into_iter()
                .map(|url| format!("asked {url}")),
        );
        self.picture(&format!("{name}-{language}-{width}"), width).await;
        let lang = self.run("return document.documentElement.lang").await;
        if lang != language {
            found.push(format!("the page is in {lang}"));
        }
        found
            .into_iter()
            .map(|what| format!("{name} {language} {width}: {what}"))
            .collect()
    }

    /// A picture of the whole page, for people to look at: `target/screenshots/<name>.png`.
    pub async fn picture(&self, name: &str, width: u32) {
        let height = self.run("return document.documentElement.scrollHeight").await;
        self.size(width, height.as_u64().unwrap_or(800).clamp(400, 12_000))
            .await;
        let taken = self
            .devtools("Page.captureScreenshot", json!({"format": "png"}))
            .await;
        let bytes = STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        let folder = screenshots();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
        self.size(width, 800).await;
    }

    /// Shows pages as they are printed, or again as on a screen.
    pub async fn paper(&self, on: bool) {
        let media = json!({"media": if on { "print" } else { "" }});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    /// Gives the browser a cookie of the site.
    pub async fn cookie(&self, name: &str, value: &str) {
        let cookie =
            json!({"name": name, "value": value, "url": self.base, "httpOnly": true, "sameSite": "Lax"});
        self.devtools("Network.setCookie", cookie).await;
    }

    /// Takes all cookies away.
    pub async fn forget(&self) {
        self.devtools("Network.clearBrowserCookies", json!({})).await;
    }

    async fn devtools(&self, method: &str, parameters: Value) -> Value {
        self.command("/goog/cdp/execute", json!({"cmd": method, "params": parameters}))
            .await
    }

    async fn command(&self, endpoint: &str, parameters: Value) -> Value {
        let raw = Raw {
            endpoint: endpoint.into(),
            parameters,
        };
        let asked = self
            .driver
            .cmd(thirtyfour::common::command::Command::ExtensionCommand(Box::new(
                raw,
            )));
        let answer = within(endpoint, asked).await;
        answer.unwrap().value_json().unwrap()
    }

    /// Closes it.
    pub async fn close(mut self) {
        self.driver.clone().quit().await.ok();
        self.end();
    }

    fn end(&mut self) {
        let Some(group) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) else {
            return;
        };
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        self.process.wait().ok();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the browser does, or a message when it takes too long.
async fn within<T>(what: &str, doing: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, doing).await {
        Ok(done) => done,
        Err(_) => panic!("the browser did not answer within {PATIENCE:?}: {what}"),
    }
}

fn wishes(scripts: Scripts) -> Capabilities {
    let mut wishes: Capabilities = DesiredCapabilities::chrome().into();
    let mut options = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--force-prefers-reduced-motion", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--lang=nl", "--window-size=1280,800",
        ],
    });
    // The reader's language, where an address names none.
    options["prefs"] = json!({"intl.accept_languages": "nl,en"});
    if scripts == Scripts::Off {
        options["prefs"]["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    wishes.set("goog:chromeOptions", options).unwrap();
    wishes
        .set(
            "timeouts",
            json!({"implicit": 0, "pageLoad": 60_000, "script": 60_000}),
        )
        .unwrap();
    wishes
        .set(
            "goog:loggingPrefs",
            json!({"browser": "ALL", "performance": "ALL"}),
        )
        .unwrap();
    wishes
}

/// Where pictures are kept.
pub fn screenshots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("screenshots")
}

fn strings(value: &Value) -> Vec<String> {
    let array = value.as_array().cloned().unwrap_or_default();
    array
        .iter()
        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned))
        .collect()
}

/// All findings as one text, and none as nothing.
pub fn none(found: &[String]) {
    let mut text = String::new();
    for line in found {
        writeln!(text, "{line}").unwrap();
    }
    assert!(found.is_empty(), "{text}");
}

#[derive(Debug)]
struct Raw {
    endpoint: Arc<str>,
    parameters: Value,
}

impl ExtensionCommand for Raw {
    fn parameters_json(&self) -> Option<Value> {
        Some(self.parameters.clone())
    }

    fn method(&self) -> reqwest::Method {
        reqwest::Method::POST
    }

    fn endpoint(&self) -> Arc<str> {
        Arc::clone(&self.endpoint)
    }
}
