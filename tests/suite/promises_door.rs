//! The door of the real program: it closes without dropping anybody who is inside, those who dawdle in it are shown out,
//! and there is a limit to how many may stand in it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Notify;

use crate::support::app::{notice, question, registration, word};
use crate::support::client::{Broken, Client};
use crate::support::engine::TestStorage;
use crate::support::serving::Installation;

const MEMBER: &str = "2000123456";
const CALLERS: usize = 24;

async fn consented(client: &mut Client) {
    client.post("/v1/people", &registration(MEMBER)).await.expect(201);
    let notice = notice(client).await;
    client
        .post("/v1/consents", &word(MEMBER, "given", notice))
        .await
        .expect(201);
}

/// How a caller fared until the door was closed.
#[derive(Default)]
struct Fared {
    answered: usize,
    /// Sent before the signal on a connection that was open, and not answered: a broken promise.
    dropped: usize,
    half: usize,
}

async fn calls(
    mut client: Client,
    signalled: Arc<AtomicBool>,
    total: Arc<AtomicUsize>,
    bell: Arc<Notify>,
) -> Fared {
    let mut fared = Fared::default();
    loop {
        let before = !signalled.load(Ordering::SeqCst) && fared.answered > 0;
        match client.try_post("/v1/decisions", &[], &question(MEMBER)).await {
            Ok(answer) if answer.status == 200 => {
                assert_eq!(answer.json()["decision"], "permit");
                fared.answered += 1;
                total.fetch_add(1, Ordering::SeqCst);
                bell.notify_waiters();
            }
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
            Err(Broken::HalfAnswered) => {
                fared.half += 1;
                return fared;
            }
            Err(_) => {
                // The request began before the signal, and may have been on its way when the signal came: it was sent
                // whole as the first thing after `before` was read.
                fared.dropped += usize::from(before);
                return fared;
            }
        }
    }
}

both_engines! {
    fn the_door_closes_without_dropping_anybody(engine) {
        let storage = TestStorage::new(engine);
        let installation = Installation::new(storage.url(), storage.directory(), CALLERS, "drain_seconds = 1");
        let mut serving = installation.start();
        let (fared, red, served_while_red) = actix_web::rt::System::new().block_on(async {
            let mut client = installation.client(0, serving.address);
            consented(&mut client).await;
            let signalled = Arc::new(AtomicBool::new(false));
            let (total, bell) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
            let running: Vec<_> = (0..CALLERS)
                .map(|number| {
                    let client = installation.client(number, serving.address);
                    tokio::task::spawn_local(calls(client, Arc::clone(&signalled), Arc::clone(&total), Arc::clone(&bell)))
                })
                .collect();
            while total.load(Ordering::SeqCst) < 200 {
                bell.notified().await;
            }
            serving.program.signal("TERM");
            signalled.store(true, Ordering::SeqCst);
            // Readiness turns red while requests are still answered, so that a load balancer has time to look away.
            let (mut red, mut served_while_red) = (false, false);
            while let Ok(ready) = Client::new(serving.address, "").send("GET", "/readyz", &[], None).await {
                red |= ready.status == 503;
                if red && !served_while_red {
                    let asked = client.try_post("/v1/decisions", &[], &question(MEMBER)).await;
                    served_while_red = asked.is_ok_and(|answer| answer.status == 200);
                }
            }
            let fared: Vec<Fared> = join_all(running).await.into_iter().map(Result::unwrap).collect();
            (fared, red, served_while_red)
        });
        assert_eq!(serving.program.ended(Duration::from_secs(10)), Some(0), "{}", serving.program.complained());
        assert!(red && served_while_red, "red {red}, served while red {served_while_red}");
        assert_eq!(fared.iter().map(|fared| fared.dropped).sum::<usize>(), 0, "requests that were accepted and dropped");
        assert_eq!(fared.iter().map(|fared| fared.half).sum::<usize>(), 0, "answers that broke off");
        assert!(fared.iter().all(|fared| fared.answered > 0));
    }
}

/// Sends the beginning of a request and then nothing.
fn dawdle(address: SocketAddr, beginning: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(beginning.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// How long until the other side ended it.
fn shown_out(kind: &str, mut stream: TcpStream, since: Instant) -> (Duration, String) {
    let mut said = Vec::new();
    let ended = stream.read_to_end(&mut said);
    let timed_out = ended.as_ref().is_err_and(|error| {
        matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        )
    });
    assert!(!timed_out, "{kind}: still open after {:?}", since.elapsed());
    (since.elapsed(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn those_who_dawdle_are_shown_out_while_others_are_served() {
    let storage = TestStorage::new(crate::support::engine::Engine::Sqlite);
    let installation = Installation::new(storage.url(), storage.directory(), 2, "body_read_seconds = 5");
    let serving = installation.start();
    let address = serving.address;
    let system = actix_web::rt::System::new();
    let mut client = installation.client(0, address);
    system.block_on(consented(&mut client));
    let token = installation.token(1);
    let head = "POST /v1/decisions HTTP/1.1\r\nHost: x\r\n";
    let body = format!(
        "{head}Authorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{{\"person\""
    );
    let chunked = format!(
        "{head}Authorization: Bearer {token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{{\"per"
    );
    let form = "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 50\r\n\r\ngrant_type";
    // The body of an unsubscribe link says nothing and is not read, but it may not keep a connection either.
    let unsubscribe = "POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nList";
    let since = Instant::now();
    let mut slow = Vec::new();
    for (kind, beginning) in [
        ("nothing", ""),
        ("half a head", head),
        ("half a body", &body),
        ("half a chunked body", &chunked),
        ("half a form", form),
        ("half a body that is not read", unsubscribe),
    ] {
        slow.extend((0..40).map(|_| (kind, dawdle(address, beginning))));
    }
    // Others are served all the while.
    let (done, others) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (ended, served) = (Arc::clone(&done), Arc::clone(&others));
    let mut client = client.at(address); // a connection belongs to the runtime it was made in
    let other = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let mut slowest = Duration::ZERO;
            while !ended.load(Ordering::SeqCst) {
                let asked = Instant::now();
                client.post("/v1/decisions", &question(MEMBER)).await.expect(200);
                slowest = slowest.max(asked.elapsed());
                served.fetch_add(1, Ordering::SeqCst);
            }
            slowest
        })
    });
    let mut longest = Duration::ZERO;
    for (kind, stream) in slow {
        let (took, said) = shown_out(kind, stream, since);
        longest = longest.max(took);
        assert!(!said.contains(" 200 "), "{said}");
    }
    done.store(true, Ordering::SeqCst);
    let slowest = other.join().unwrap();
    println!("the last was shown out after {longest:?}; others waited {slowest:?} at most");
    assert!(longest < Duration::from_secs(15), "{longest:?}");
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert!(others.load(Ordering::SeqCst) > 20);
}

#[test]
fn there_is_a_limit_to_how_many_come_in() {
    let storage = TestStorage::new(crate::support::engine::Engine::Sqlite);
    let installation = Installation::new(storage.url(), storage.directory(), 1, "max_connections = 40");
    let serving = installation.start();
    let system = actix_web::rt::System::new();
    let mut client = installation.client(0, serving.address);
    system.block_on(consented(&mut client));
    let before = serving.program.sockets();
    let idle: Vec<TcpStream> = (0..90)
        .map(|_| TcpStream::connect(serving.address).unwrap())
        .collect();
    // Those that are let in are asked to speak, and shown out when they do not; the rest wait outside. Somebody who
    // comes in by then is served.
    let asked = Instant::now();
    let mut most = 0;
    let mut client = client.at(serving.address);
    let answer = std::thread::spawn(move || {
        actix_web::rt::System::new()
            .block_on(async { client.post("/v1/decisions", &question(MEMBER)).await.status })
    });
    while !answer.is_finished() {
        most = most.max(serving.program.sockets());
        std::thread::sleep(Duration::from_millis(5)); // between two looks
    }
    assert_eq!(answer.join().unwrap(), 200);
    println!(
        "{} sockets before, {most} at most, answered after {:?}",
        before,
        asked.elapsed()
    );
    assert!(
        most <= before + 40 + 8,
        "{most} sockets for 40 connections ({before} before)"
    );
    drop(idle);
    let mut late = installation.client(0, serving.address);
    assert_eq!(
        system
            .block_on(late.post("/v1/decisions", &question(MEMBER)))
            .status,
        200
    );
}
