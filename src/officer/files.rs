//! Files to take along: CSV that no spreadsheet runs, with the byte order mark that Excel asks for.

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_DISPOSITION;

use crate::audit::export::csv;
use crate::service::reports::table::Cell;

/// Rows as a file.
pub fn csv(name: &str, head: &[&str], rows: Vec<Vec<Cell<'static>>>) -> HttpResponse {
    let mut text = Vec::new();
    let head: Vec<Cell<'_>> = head.iter().map(|name| Cell::Text((*name).into())).collect();
    csv::push(&mut text, &head);
    rows.iter().for_each(|row| csv::push(&mut text, row));
    HttpResponse::Ok()
        .content_type("text/csv; charset=utf-8")
        .insert_header((
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"akkoord-{name}.csv\""),
        ))
        .body(text)
}
