//! The audit logs for everybody, in the format of C2SP tlog-tiles: checkpoints, tiles of hashes, and bundles of entries.
//!
//! `/log/consent/…` is the log as it is now. When it goes on under a new origin, other tiles stand at the same addresses,
//! so those may be cached for a minute only. `/log/consent-2027/…` is one origin, whose tiles never change.

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};

use crate::audit::tile::Tile;
use crate::service::Service;
use crate::service::sequence::LogName;
use crate::web::limit::anonymous;
use crate::web::problem::{Kind, Problem};

const TEXT: &str = "text/plain; charset=utf-8";
const A_SECOND: &str = "public, max-age=1";
const A_MINUTE: &str = "public, max-age=60";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The newest checkpoint.
#[get("/log/{name}/checkpoint")]
pub async fn checkpoint(
    request: HttpRequest,
    name: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let note = service.log_checkpoint(known(&name)?).await?;
    Ok(public(TEXT, A_SECOND, note))
}

/// The newest checkpoint that a witness has cosigned. Checkpoints are published first and cosigned seconds later, so it is
/// a little older than the newest.
#[get("/log/{name}/witnessed-checkpoint")]
pub async fn witnessed(
    request: HttpRequest,
    name: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let note = service.log_witnessed(known(&name)?).await?;
    Ok(public(TEXT, A_SECOND, note))
}

/// The index below which entries were pruned by the retention policy; 0 for none.
#[get("/log/{name}/minimum-index")]
pub async fn minimum(
    request: HttpRequest,
    name: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let index = service.log_minimum(known(&name)?).await?;
    Ok(public(TEXT, A_MINUTE, format!("{index}\n")))
}

/// The key that verifies checkpoints, as a line of `name+id+key`.
#[get("/log/{name}/vkey")]
pub async fn vkey(
    request: HttpRequest,
    name: Path<String>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let key = service.log_vkey(known(&name)?).await?;
    Ok(public(TEXT, A_MINUTE, format!("{key}\n")))
}

/// A tile of hashes or a bundle of entries, full or partial.
#[get("/log/{name}/tile/{tile:.*}")]
pub async fn tile(
    request: HttpRequest,
    path: Path<(String, String)>,
    service: Data<Service>,
) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    let (name, tile) = path.into_inner();
    let name = known(&name)?;
    let tile = Tile::parse(&format!("tile/{tile}")).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let caching = if name.is_permanent() { FOR_EVER } else { A_MINUTE };
    let bytes = service.log_tile(name, tile).await?;
    Ok(public("application/octet-stream", caching, bytes))
}

fn known(name: &str) -> Result<LogName, Problem> {
    LogName::parse(name).ok_or_else(|| Problem::new(Kind::NotFound))
}

/// Whoever checks a log from a browser is as welcome as anybody.
fn public(kind: &'static str, caching: &'static str, body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CACHE_CONTROL, caching))
        .content_type(kind)
        .body(body.into())
}
