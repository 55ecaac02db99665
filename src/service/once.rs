//! Requests with an `Idempotency-Key` have their effect once: the key is stored with the answer, in the transaction of
//! the effect.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::call::{Call, Idempotency};
use super::lane::Verb;
use super::refusal::{Conflict, Refusal};
use super::shared::Shared;
use super::verbs::Done;
use super::work::{Stop, Subjects, Work};
use crate::crypto::{self, PersonKeys, Place};
use crate::domain::ids::PersonId;
use crate::store::IdempotencyRow;

/// A verb that heeds the call's idempotency key.
pub(crate) struct Once<V>(pub(crate) V);

impl<V> Verb for Once<V>
where
    V: Verb,
    V::Answer: Serialize + DeserializeOwned,
{
    type Answer = Done<V::Answer>;

    fn subjects(&self, shared: &Shared, call: &Call, into: &mut Subjects) {
        if let Some(idempotency) = &call.idempotency {
            into.idempotency
                .push((call.principal.client.clone(), idempotency.key));
        }
        self.0.subjects(shared, call, into);
    }

    fn fresh_people(&self) -> usize {
        self.0.fresh_people()
    }

    fn act(&self, call: &Call, work: &mut Work<'_, '_>) -> Result<Self::Answer, Stop> {
        let Some(idempotency) = &call.idempotency else {
            return Ok(Done {
                answer: self.0.act(call, work)?,
                replayed: false,
            });
        };
        if let Some(answer) = earlier::<V::Answer>(call, idempotency, work)? {
            return Ok(Done {
                answer,
                replayed: true,
            });
        }
        let answer = self.0.act(call, work)?;
        if let Some(person) = work.about() {
            let row = seal(call, idempotency, person, &answer, work)?;
            work.remember_answer(row);
        }
        Ok(Done {
            answer,
            replayed: false,
        })
    }
}

fn earlier<A: DeserializeOwned>(
    call: &Call,
    idempotency: &Idempotency,
    work: &mut Work<'_, '_>,
) -> Result<Option<A>, Stop> {
    let Some(row) = work
        .earlier_answer(&call.principal.client, idempotency.key)
        .cloned()
    else {
        return Ok(None);
    };
    if row.request_hash != idempotency.request {
        return Err(Refusal::KeyReused.into());
    }
    let person = row.person_id.ok_or(Refusal::Unavailable)?;
    let tenant = work_tenant(work);
    let opened = work.person_as_stored(person)?.and_then(|found| {
        let keys = found.keys.as_ref()?;
        let place = place(tenant, &row.key_hash, &person, found.key_version);
        crypto::open(&keys.idempotency(), &place, &row.sealed).ok()
    });
    // Erased since: the answer went with the person.
    let bytes = opened.ok_or(Refusal::Conflict(Conflict::Erased))?;
    Ok(Some(
        serde_json::from_slice(&bytes).map_err(|_| Refusal::Unavailable)?,
    ))
}

fn seal<A: Serialize>(
    call: &Call,
    idempotency: &Idempotency,
    person: PersonId,
    answer: &A,
    work: &mut Work<'_, '_>,
) -> Result<IdempotencyRow, Stop> {
    let nonce = work.random();
    let bytes = serde_json::to_vec(answer).map_err(|_| Refusal::Unavailable)?;
    let found = work.member(person)?;
    let keys: &PersonKeys = found.keys.as_deref().ok_or(Refusal::Conflict(Conflict::Erased))?;
    let place = place(work_tenant(work), &idempotency.key, &person, found.key_version);
    let sealed =
        crypto::seal(&keys.idempotency(), &place, nonce, &bytes).map_err(|_| Refusal::Unavailable)?;
    Ok(IdempotencyRow {
        client_id: call.principal.client.clone(),
        key_hash: idempotency.key,
        request_hash: idempotency.request,
        person_id: Some(person),
        status: 200,
        sealed,
        created_at: work.now,
    })
}

fn work_tenant<'w>(work: &Work<'w, '_>) -> &'w str {
    work.shared.keys.tenant()
}

fn place<'a>(tenant: &'a str, key_hash: &'a [u8; 32], person: &'a PersonId, key_version: u32) -> Place<'a> {
    Place {
        tenant,
        table: "idempotency",
        column: "sealed",
        row: key_hash,
        person: person.as_bytes(),
        key_version,
        revision: 0,
    }
}
