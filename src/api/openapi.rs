//! The OpenAPI document: collected from the handlers, and completed with what holds for every operation, so that each
//! handler says only what is its own. `openapi/v1.json` is its committed form.

use std::sync::LazyLock;

use actix_web::App;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ClientCredentials, Flow, Http, HttpAuthScheme, OAuth2, Scopes, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::server::Server;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, Content, Header, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder,
    Ref, RefOr, Required,
};
use utoipa::{PartialSchema, ToSchema};
use utoipa_actix_web::AppExt;

use crate::service::call::Scope;
use crate::web::problem::{PROBLEM_JSON, ProblemDocument, ProblemError};

const DESCRIPTION: &str = "\
Consent and preference service of a public-library network. Every other system of the network asks it **before** it \
contacts somebody or uses data, and gets an answer that is correct, explained and provable.

* **Ask first**: `POST /v1/decisions`. A deny is a normal answer. Without an answer, do not act.
* **People** are named in the body by an identifier, or by the `personId` that the calling system got from us; another \
system gets another id for the same person. No member number, e-mail address or name is ever part of a URL.
* **Writing**: send an `Idempotency-Key`; a repeated request gives the first answer again.
* **Errors** are problem documents (RFC 9457). Unknown members are refused: a misspelt `purpose` must never widen a permit.
* **Tokens**: OAuth 2 client credentials at `/oauth2/token`. What a system may ask is written in the policy files, not \
in the token.
";

static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
});

/// The document as it is served and committed.
pub fn text() -> &'static str {
    &TEXT
}

/// The document.
pub fn document() -> OpenApi {
    let (_, mut document) = App::new()
        .into_utoipa_app()
        .openapi(frame())
        .configure(super::v1)
        .split_for_parts();
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            complete(operation.1, operation.0);
        }
    }
    document
}

/// The operations of a path, with their methods.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", item.get.as_mut()),
        ("PUT", item.put.as_mut()),
        ("POST", item.post.as_mut()),
        ("DELETE", item.delete.as_mut()),
        ("PATCH", item.patch.as_mut()),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|operation| (method, operation)))
}

fn frame() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Akkoord API")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .contact(Some(
            ContactBuilder::new()
                .name(Some("Akkoord"))
                .url(Some("https://akkoord.example"))
                .email(Some("api@akkoord.example"))
                .build(),
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("EUPL-1.2")
                .identifier(Some("EUPL-1.2"))
                .build(),
        ))
        .build();
    let scopes = Scopes::from_iter(
        Scope::ALL
            .iter()
            .map(|scope| (scope.as_str(), scope_text(*scope))),
    );
    let components = ComponentsBuilder::new()
        .schema("Problem", ProblemDocument::schema())
        .schema(ProblemError::name(), ProblemError::schema())
        .security_scheme(
            "clientCredentials",
            SecurityScheme::OAuth2(OAuth2::with_description(
                [Flow::ClientCredentials(ClientCredentials::new(
                    "/oauth2/token",
                    scopes,
                ))],
                "Client credentials with `private_key_jwt` (RFC 7523) or a client secret.",
            )),
        )
        .security_scheme(
            "bearer",
            SecurityScheme::Http(
                Http::builder()
                    .scheme(HttpAuthScheme::Bearer)
                    .bearer_format("JWT")
                    .description(Some("An access token (RFC 9068) of a configured issuer."))
                    .build(),
            ),
        )
        .build();
    let tags = [
        ("Decisions", "Ask before you contact or enrich."),
        (
            "People",
            "People, what systems know them by, and their guardians.",
        ),
        ("Consents", "What people said."),
        ("Receipts", "Proof of what people said."),
        ("Objections and restrictions", "GDPR articles 21 and 18."),
        ("Retention", "Nothing is kept longer than its term."),
        (
            "Rights",
            "Requests of people about their data, from receipt to answer (GDPR articles 12 and 15 to 22).",
        ),
        ("Preferences", "How people want to be reached."),
        ("Policies", "What may be asked, and in which words."),
        ("Changes", "What other systems must know."),
        ("Webhooks", "The same, delivered."),
        (
            "Erasures",
            "GDPR articles 17 and 19: proposed by one officer, approved by another, told to every recipient, and proved.",
        ),
        ("Audit", "Who asked what, and why it was answered as it was."),
        ("Reports", "What officers, supervisors and boards ask for."),
        ("Document", "This document."),
    ];
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([Server::new("/v1")]))
        .components(Some(components))
        .tags(Some(tags.map(|(name, text)| {
            TagBuilder::new().name(name).description(Some(text)).build()
        })))
        .build()
}

const fn scope_text(scope: Scope) -> &'static str {
    match scope {
        Scope::DecisionsCheck => "Ask for decisions",
        Scope::PeopleWrite => "Register people and their identifiers",
        Scope::ConsentsRead => "Read consents, receipts and preferences",
        Scope::ConsentsWrite => "Record consents, objections, restrictions and preferences",
        Scope::RightsWrite => "Enter rights requests",
        Scope::RightsManage => "Handle rights requests and erasures",
        Scope::ChangesRead => "Read the feed of changes, and erasure tasks and answer them",
        Scope::WebhooksManage => "Manage webhooks",
        Scope::AuditRead => "Read the audit logs and past states",
        Scope::PoliciesRead => "Read policies and registers",
        Scope::PoliciesManage => "Change policies",
    }
}

/// What holds for every operation: the version header, and each error it can answer as a problem document.
fn complete(operation: &mut Operation, method: &str) {
    let open = SecurityRequirement::default();
    let secured = operation
        .security
        .as_ref()
        .is_some_and(|list| !list.contains(&open));
    if let (true, Some(list)) = (secured, &mut operation.security) {
        list.push(SecurityRequirement::new("bearer", Vec::<String>::new()));
    }
    let has_body = operation.request_body.is_some();
    // A stream has no longest length, and says itself which media types it takes.
    let is_stream = match &operation.request_body {
        Some(RefOr::T(body)) => !body.content.contains_key("application/json"),
        _ => false,
    };
    let has_parameters = operation.parameters.as_ref().is_some_and(|list| !list.is_empty());
    // What is about nobody is not kept under a key: a second receiver at one address is refused as such.
    let keyless = operation.operation_id.as_deref() == Some("addWebhookEndpoint");
    let writes_once = method == "POST" && !keyless && operation.responses.responses.contains_key("201");

    let mut errors: Vec<(&str, &str)> = vec![
        ("429", "Too many requests; wait as `Retry-After` says"),
        ("500", "Something went wrong in the service"),
        (
            "503",
            "The service cannot do this now; try again after `Retry-After`",
        ),
    ];
    if has_body || has_parameters || method != "GET" {
        errors.push(("400", "The request is not valid; `errors` names each mistake"));
    }
    if secured {
        errors.push(("401", "No valid token"));
        errors.push(("403", "The token lacks the scope, or the system may not"));
    }
    if has_body {
        errors.push(("408", "The body came too slowly"));
    }
    if has_body && !is_stream {
        errors.push(("413", "The body is larger than 1 MiB"));
        errors.push(("415", "The body is not `application/json` in UTF-8"));
    }
    if writes_once {
        errors.push((
            "409",
            "It contradicts the current state, or the first request is still running",
        ));
        errors.push(("422", "The Idempotency-Key was used for another request"));
        operation
            .parameters
            .get_or_insert_default()
            .push(RefOr::T(idempotency_key()));
    }
    for (status, text) in errors {
        let responses = &mut operation.responses.responses;
        responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(Response::new(text)));
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        describe(status, response, writes_once);
    }
}

fn describe(status: &str, response: &mut Response, writes_once: bool) {
    response
        .headers
        .insert("API-Version".to_owned(), RefOr::T(version_header()));
    if status.starts_with(['4', '5']) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response
            .content
            .insert(PROBLEM_JSON.to_owned(), RefOr::T(problem));
    }
    let more = match status {
        "401" => Some(("WWW-Authenticate", "What kind of token is needed (RFC 6750)")),
        "429" | "503" => Some(("Retry-After", "Seconds to wait")),
        "200" | "201" if writes_once => Some((
            "Idempotency-Replayed",
            "`true` when the answer was given before to the same key",
        )),
        _ => None,
    };
    if let Some((name, text)) = more {
        response
            .headers
            .insert(name.to_owned(), RefOr::T(text_header(text, None)));
    }
}

fn version_header() -> Header {
    text_header("The full version of the API", Some(env!("CARGO_PKG_VERSION")))
}

fn text_header(text: &str, example: Option<&str>) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .description(Some(text))
        .example(example.map(serde_json::Value::from))
        .build()
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A key of your own for this request, 1 to 255 visible ASCII characters, in double quotes or bare. The same key \
             with the same request gives the first answer again.",
        ))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(257))
                .build(),
        ))
        .build()
}
