//! Chunked bodies that were not read to their end. actix-web (actix-http 3) drains such a body after the answer, for as
//! long as the caller likes to take: a few bytes and no token would hold a connection for ever. It closes the connection,
//! soon and politely, when the reader of the body still exists; so the reader is kept until the answer is sent.

use std::cell::RefCell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::web::Bytes;
use futures_util::stream::{StreamExt, poll_fn};

/// The reader of a body, there only to be dropped later than the answer.
pub struct Held {
    _reader: Rc<RefCell<Payload>>,
}

/// Keeps the reader of a chunked body, which handlers go on to use as ever.
pub fn hold(request: &mut ServiceRequest) -> Option<Held> {
    if !request.chunked().unwrap_or(false) {
        return None;
    }
    let reader = Rc::new(RefCell::new(request.take_payload()));
    let shared = Rc::clone(&reader);
    let payload = poll_fn(move |context| shared.borrow_mut().poll_next_unpin(context)).boxed_local();
    request.set_payload(Payload::Stream { payload });
    Some(Held { _reader: reader })
}

impl Held {
    /// Lets go of the reader once the answer is sent.
    pub fn until_sent(self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        response.map_body(|_, body| BoxBody::new(UntilSent { body, _held: self }))
    }
}

struct UntilSent {
    body: BoxBody,
    _held: Held,
}

impl MessageBody for UntilSent {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
