//! The door of a witness: HTTP, on an address of its own. A proxy that speaks TLS stands in front of it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Payload};
use actix_web::{App, HttpResponse, HttpServer};

use super::{NoAnswer, Witness};
use crate::audit::add_checkpoint::NotCosigned;
use crate::world::World;

/// The longest request: a proof has at most 63 hashes, a note at most 16 KiB here.
const MAX_BODY: usize = 32 * 1024;
/// Time in which a body must arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
const TEXT: &str = "text/plain; charset=utf-8";
/// What C2SP tlog-witness calls the body of a 409.
const SIZE: &str = "text/x.tlog.size";

/// A witness that serves.
#[derive(Debug)]
pub struct RunningWitness {
    /// Where.
    pub addr: SocketAddr,
    handle: ServerHandle,
}

impl RunningWitness {
    /// Answers what was asked and closes the door.
    pub async fn stop(self) {
        self.handle.stop(true).await;
    }
}

#[derive(Clone)]
struct Desk {
    witness: Arc<Witness>,
    world: Arc<dyn World>,
}

/// Starts serving on the current runtime.
///
/// # Errors
/// When the address cannot be bound.
pub fn serve(witness: Witness, world: Arc<dyn World>, bind: SocketAddr) -> io::Result<RunningWitness> {
    let desk = Data::new(Desk {
        witness: Arc::new(witness),
        world,
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(desk.clone())
            .route("/add-checkpoint", web::post().to(add_checkpoint))
            .route("/vkey", web::get().to(vkey))
            .route("/logs", web::get().to(logs))
            .route("/healthz", web::get().to(alive))
    })
    .workers(1)
    .max_connections(256)
    .client_request_timeout(Duration::from_secs(5))
    .disable_signals()
    .bind(bind)?;
    let addr = server.addrs().first().copied().unwrap_or(bind);
    let running = server.run();
    let handle = running.handle();
    tokio::spawn(running);
    Ok(RunningWitness { addr, handle })
}

async fn add_checkpoint(body: Payload, desk: Data<Desk>) -> HttpResponse {
    let read = tokio::time::timeout(BODY_WITHIN, body.to_bytes_limited(MAX_BODY)).await;
    let bytes = match read {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Ok(Err(_))) => return said(StatusCode::BAD_REQUEST, "the request broke off"),
        Ok(Err(_)) => return said(StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 32 KiB"),
        Err(_) => {
            return said(
                StatusCode::REQUEST_TIMEOUT,
                "a request must arrive within 10 seconds",
            );
        }
    };
    let Ok(body) = String::from_utf8(bytes.to_vec()) else {
        return said(StatusCode::BAD_REQUEST, "the request is no UTF-8");
    };
    let seconds = u64::try_from(desk.world.now().seconds()).unwrap_or(0);
    let desk = desk.get_ref().clone();
    // Keeping what was seen waits for a disk.
    let answered = web::block(move || desk.witness.answer(&body, seconds)).await;
    match answered {
        Ok(Ok(line)) => HttpResponse::Ok().content_type(TEXT).body(line),
        Ok(Err(NoAnswer::Refused(refused))) => refusal(refused),
        Ok(Err(NoAnswer::Failed(error))) => {
            tracing::error!(error = %error, "a checkpoint could not be cosigned");
            said(StatusCode::SERVICE_UNAVAILABLE, "try again later")
        }
        Err(_) => said(StatusCode::SERVICE_UNAVAILABLE, "try again later"),
    }
}

fn refusal(refused: NotCosigned) -> HttpResponse {
    let status = match refused {
        NotCosigned::Malformed(_) | NotCosigned::Shrinking => StatusCode::BAD_REQUEST,
        NotCosigned::UnknownLog => StatusCode::NOT_FOUND,
        NotCosigned::Unsigned => StatusCode::FORBIDDEN,
        NotCosigned::Inconsistent => StatusCode::UNPROCESSABLE_ENTITY,
        NotCosigned::OtherSize { size } | NotCosigned::OtherRoot { size } => {
            return HttpResponse::Conflict()
                .content_type(SIZE)
                .body(format!("{size}\n"));
        }
    };
    said(status, &refused.to_string())
}

async fn vkey(desk: Data<Desk>) -> HttpResponse {
    match desk.witness.public() {
        Ok(key) => said(StatusCode::OK, &key.to_text()),
        Err(error) => said(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The logs that are watched with the size that was cosigned last, for whoever looks after the witness.
async fn logs(desk: Data<Desk>) -> HttpResponse {
    match desk.witness.watched() {
        Ok(watched) => {
            let lines = watched.iter().map(|log| format!("{} {}\n", log.origin, log.size));
            HttpResponse::Ok()
                .content_type(TEXT)
                .body(lines.collect::<String>())
        }
        Err(error) => {
            tracing::error!(error = %error, "the list of logs cannot be read");
            said(StatusCode::SERVICE_UNAVAILABLE, "the list of logs cannot be read")
        }
    }
}

async fn alive() -> HttpResponse {
    said(StatusCode::OK, "ok")
}

fn said(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type(TEXT)
        .body(format!("{text}\n"))
}
