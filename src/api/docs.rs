//! The API document and its pages, all served from the program itself.

use std::sync::{Arc, LazyLock};

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, get};
use utoipa_swagger_ui::Config;

use super::openapi;
use crate::web::limit::anonymous;
use crate::web::problem::{Kind, Problem};

static UI: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    let config = Config::new(["/v1/openapi.json"])
        .validator_url("none")
        .display_operation_id(true);
    Arc::new(config)
});

const INDEX: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Akkoord API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/swagger-ui-standalone-preset.js"></script>
<script src="/docs/swagger-initializer.js"></script>
</body>
</html>
"#;

/// Read this document
#[utoipa::path(
    tag = "Document", operation_id = "readDocument",
    responses((status = 200, description = "The OpenAPI document", body = Object)),
    security(())
)]
#[get("/openapi.json")]
pub async fn document(request: HttpRequest) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    Ok(HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((CACHE_CONTROL, "public, max-age=300"))
        .content_type("application/json")
        .body(openapi::text()))
}

/// The documentation page.
#[get("/docs")]
pub async fn index(request: HttpRequest) -> Result<HttpResponse, Problem> {
    anonymous(&request)?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(INDEX))
}

/// A file of the documentation page.
#[get("/docs/{file}")]
pub async fn file(name: Path<String>) -> Result<HttpResponse, Problem> {
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(&UI)).map_err(|_| Problem::new(Kind::Internal))?;
    let file = file
        .filter(|_| *name != "index.html")
        .ok_or_else(|| Problem::new(Kind::NotFound))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .content_type(file.content_type)
        .body(file.bytes.into_owned()))
}
