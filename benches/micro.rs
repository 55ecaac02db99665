//! The pure parts of a check on one core (Criterion): `cargo bench --bench micro`.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;

use akkoord::audit::leaf::{EntryId, Leaf, leaf_hash};
use akkoord::audit::private::{AuditKeys, PrivatePlace};
use akkoord::crypto::{PersonKey, PersonKeyPlace, PersonKeys, Place, Secret32, open, seal, sha256};
use akkoord::domain::consent::{Consent, ConsentStatus, IndicationMethod, Party};
use akkoord::domain::decision::{Effect, Question};
use akkoord::domain::ids::EventId;
use akkoord::domain::moment::Moment;
use akkoord::domain::person::{PersonRecord, Standing};
use akkoord::domain::personal::Personal;
use akkoord::domain::preference::Language;
use akkoord::domain::purpose::{Action, Channel};
use akkoord::policy::catalogue::Catalogue;
use akkoord::policy::evaluate::{Subject, evaluate};
use akkoord::policy::load::{CompileOptions, compile, read_folder};
use akkoord::policy::meaning::VersionHistory;
use criterion::{Criterion, criterion_group, criterion_main};

type Failure = Box<dyn std::error::Error>;

const LINDE: &str = "bibliotheek-de-linde";
/// 22 November 2026.
const NOW: Moment = Moment::from_micros(1_795_305_600_000_000);

fn catalogue() -> Result<Catalogue, Failure> {
    let files = read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"))?;
    let compiled = compile(
        &files,
        "1",
        &VersionHistory::default(),
        CompileOptions::default(),
        &sha256,
    );
    compiled.map_err(|findings| format!("{findings:?}").into())
}

/// Somebody who said yes to the newsletter.
fn member(catalogue: &Catalogue) -> Result<PersonRecord, Failure> {
    let newsletter = &catalogue
        .purposes
        .get("newsletter")
        .ok_or("no newsletter")?
        .purpose;
    let consent = Consent {
        status: ConsentStatus::Given,
        occurred_at: NOW,
        by: Party::Oneself,
        notice_version: newsletter.version,
        language: Language::Nl,
        data_scopes: ["email".parse()?, "identity".parse()?].into(),
        channels: [Channel::Email].into(),
        method: IndicationMethod::WebForm,
        event: EventId::from_bytes([3; 16]),
        awaits_guardian: false,
        reminded: None,
        withdrawn_by_guardian: BTreeMap::new(),
    };
    let standing = Standing {
        birth_date: Some(Personal::new("1980-05-01".parse()?)),
        consents: [("newsletter".parse()?, consent)].into(),
        ..Standing::default()
    };
    let mut record = PersonRecord::default();
    record.standings.insert(LINDE.parse()?, standing);
    Ok(record)
}

fn question() -> Result<Question, Failure> {
    Ok(Question {
        system: "crm".parse()?,
        organisation: LINDE.parse()?,
        purpose: "newsletter".parse()?,
        action: Action::Contact,
        channel: Some(Channel::Email),
        data_scopes: ["email".parse()?, "identity".parse()?].into(),
        data_source: None,
    })
}

fn evaluating(criterion: &mut Criterion) -> Result<(), Failure> {
    let catalogue = catalogue()?;
    let (record, question) = (member(&catalogue)?, question()?);
    if evaluate(&catalogue, Subject::Known(&record), &question, NOW).effect != Effect::Permit {
        return Err("this question should be answered with yes".into());
    }
    let mut group = criterion.benchmark_group("policy::evaluate");
    group.bench_function("permit", |bench| {
        bench.iter(|| evaluate(&catalogue, Subject::Known(black_box(&record)), &question, NOW));
    });
    group.bench_function("deny, unknown", |bench| {
        bench.iter(|| evaluate(&catalogue, black_box(Subject::Unknown), &question, NOW));
    });
    group.finish();
    let bytes = record.to_bytes()?;
    let linde = LINDE.parse()?;
    criterion.bench_function(&format!("read a record of {} bytes", bytes.len()), |bench| {
        bench.iter(|| PersonRecord::at(&linde, black_box(&bytes)));
    });
    Ok(())
}

fn sealing(criterion: &mut Criterion) -> Result<(), Failure> {
    let key = Secret32::from_bytes([1; 32]);
    let place = Place {
        tenant: "bibliotheken-merwedeland",
        table: "person_record",
        column: "sealed",
        row: &[2; 16],
        person: &[2; 16],
        key_version: 1,
        revision: 7,
    };
    let plain = [0x5a; 512];
    let sealed = seal(&key, &place, [3; 12], &plain)?;
    criterion.bench_function("seal 512 bytes", |bench| {
        bench.iter(|| seal(&key, &place, [3; 12], black_box(&plain)));
    });
    criterion.bench_function("open 512 bytes", |bench| {
        bench.iter(|| open(&key, &place, black_box(&sealed)));
    });
    let epoch = Secret32::from_bytes([4; 32]);
    let of = PersonKeyPlace {
        tenant: "bibliotheken-merwedeland",
        person: &[2; 16],
        key_version: 1,
        epoch: 1,
    };
    let wrapped = PersonKey::from_secret(Secret32::from_bytes([5; 32])).wrap(&epoch, &of, [6; 12])?;
    criterion.bench_function("unwrap a person key and derive its keys", |bench| {
        bench.iter(|| PersonKey::unwrap(&epoch, &of, black_box(&wrapped)).map(|key| key.keys()));
    });
    Ok(())
}

fn leaves(criterion: &mut Criterion) {
    let keys = AuditKeys::derive(&PersonKeys::derive(&Secret32::from_bytes([7; 32])));
    let id = EntryId::from_bytes([8; 16]);
    let place = PrivatePlace {
        tenant: "bibliotheken-merwedeland",
        log: "decision",
        person: &[2; 16],
        key_version: 1,
    };
    let private = [b' '; 180];
    criterion.bench_function("leaf of a decision with its private part", |bench| {
        bench.iter(|| {
            let made = keys.make(&place, black_box(id), [3; 12], &private);
            let mut leaf = Leaf::new("decision", id, 1_795_374_799_000, "crm", "node-1", "2026-11-01.1");
            leaf.action = Some("contact".into());
            leaf.channel = Some("email".into());
            leaf.organisation = Some(LINDE.into());
            leaf.purpose = Some("newsletter".into());
            leaf.outcome = Some("permit".into());
            leaf.reasons = vec!["permit-consent".into()];
            leaf.scopes = vec!["email".into(), "identity".into()];
            if let Ok(made) = &made {
                leaf.subject = Some(made.st);
                leaf.commitment = Some(made.pc);
            }
            let line = leaf.encode();
            (leaf_hash(&line), line, made)
        });
    });
}

fn all(criterion: &mut Criterion) {
    for result in [evaluating(criterion), sealing(criterion)] {
        if let Err(error) = result {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    leaves(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
