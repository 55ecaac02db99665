//! The figures of the console are those of the audit log: counted again here, line by line, from what the log shows anybody
//! who may read it. And they show nothing of few, nor of another library.

use std::collections::BTreeMap;

use akkoord::audit::leaf::{Leaf, Word};
use akkoord::domain::consent::{ConsentStatus, IndicationMethod};
use akkoord::domain::moment::Moment;
use akkoord::domain::personal::Personal;
use akkoord::service::Service;
use akkoord::service::call::Call;
use akkoord::service::console::{AskFigures, LookUp};
use akkoord::service::refusal::{Forbidden, Refusal};
use akkoord::service::reports::{Month, Shown};
use akkoord::service::search::SearchEntries;
use akkoord::world::World as _;

use crate::proposals::{decide, member, officer, person, say};
use crate::support::engine::TestStorage;
use crate::support::service::{clock, node};

const LINDE: &str = "bibliotheek-de-linde";
const ELSEWHERE: &str = "bibliotheek-de-rietkraag";

/// Every line of a log, as the search shows it.
async fn every_line(service: &Service, call: &Call, log: &str) -> Vec<Leaf<'static>> {
    let (mut lines, mut cursor) = (Vec::new(), None);
    loop {
        let asked = SearchEntries {
            log: log.to_owned(),
            from: Moment::from_micros(0),
            to: service.world().now().plus_seconds(60),
            system: None,
            organisation: None,
            purpose: None,
            outcome: None,
            reason: None,
            id: None,
            cursor,
            limit: 100,
        };
        let page = service.search_entries(call, asked).await.unwrap();
        lines.extend(page.items.into_iter().map(|item| item.leaf));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return lines;
        }
    }
}

fn shown(count: u64) -> Shown {
    Shown::of(count)
}

both_engines! {
    async fn every_figure_can_be_counted_again_from_the_audit_log(engine) {
        use ConsentStatus::{Given, Refused, Withdrawn};
        use IndicationMethod::{Desk, OneClick, Paper, WebForm};
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "here");
        let anna = officer("anna");
        let month = Month::of(world.now());
        for number in 1..=30 {
            let method = if number % 3 == 0 { Paper } else { WebForm };
            let status = if number <= 14 { Given } else { Refused };
            let said = [(status, method)];
            member(&service, number, if number <= 28 { said.as_slice() } else { &[] }).await;
        }
        for number in 1..=12 {
            decide(&service, number).await;
        }
        for number in 1..=11 {
            say(&service, number, Withdrawn, if number == 1 { Desk } else { OneClick }).await;
        }
        for number in 1..=30 {
            decide(&service, number).await;
        }
        let asked = AskFigures { from: month, to: month, organisation: None };
        // Nothing of a month that is not over.
        assert!(matches!(service.figures(&anna, asked.clone()).await.unwrap_err(), Refusal::Invalid(_)));
        world.turn_to(world.now().plus_seconds(40 * 86_400));
        let figures = service.figures(&anna, asked.clone()).await.unwrap();

        let words = every_line(&service, &anna, "consent").await;
        let count = |kind: &str| words.iter().filter(|leaf| leaf.kind.as_str() == kind).count() as u64;
        let (given, refused) = (count("consent.given"), count("consent.refused"));
        assert_eq!((given, refused), (14, 14));
        let rate = figures.rates["newsletter"][0].unwrap();
        assert_eq!(rate, given * 1_000 / (given + refused));
        assert_eq!(figures.rates.len(), 1, "what nobody answered has no rate");

        let mut methods: BTreeMap<String, u64> = BTreeMap::new();
        for leaf in &words {
            if let Some(method) = leaf.extra.get(&Word::from("method")) {
                *methods.entry(method.to_string()).or_default() += 1;
            }
        }
        assert_eq!(methods.len(), 4, "{methods:?}");
        let expected: BTreeMap<String, Shown> = methods.into_iter().map(|(name, n)| (name, shown(n))).collect();
        assert_eq!(figures.channels.iter().cloned().collect::<BTreeMap<_, _>>(), expected);
        assert!(figures.channels.contains(&("desk".to_owned(), Shown::Few)));

        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for leaf in every_line(&service, &anna, "decision").await {
            if leaf.outcome.as_ref().is_some_and(|word| word.as_str() == "deny") {
                *reasons.entry(leaf.reasons[0].to_string()).or_default() += 1;
            }
        }
        assert_eq!(reasons["deny-withdrawn"], 11);
        let expected: BTreeMap<String, Shown> = reasons.into_iter().map(|(name, n)| (name, shown(n))).collect();
        assert_eq!(figures.denials.iter().cloned().collect::<BTreeMap<_, _>>(), expected);

        // Weeks are rounded, and together not far from the whole.
        let sum = |of: fn(&akkoord::service::console::Week) -> Shown| -> u64 {
            figures.weeks.iter().filter_map(|week| of(week).exact()).sum()
        };
        assert!(sum(|week| week.given) % 10 == 0 && sum(|week| week.withdrawn) % 10 == 0);

        // An officer of another library sees none of it, and nobody asks for a library that is not theirs.
        let local = officer("carla").within([ELSEWHERE.parse().unwrap()].into());
        let nothing = service.figures(&local, asked.clone()).await.unwrap();
        assert!(nothing.rates.is_empty() && nothing.denials.is_empty() && nothing.channels.is_empty());
        let theirs = AskFigures { organisation: Some(LINDE.parse().unwrap()), ..asked };
        assert_eq!(
            service.figures(&local, theirs).await.unwrap_err(),
            Refusal::Forbidden(Forbidden::Organisation)
        );
        service.stop();
    }

    async fn a_member_is_looked_up_with_a_reason_and_only_at_ones_own_library(engine) {
        let (storage, world) = (TestStorage::new(engine), clock());
        let service = node(&storage, &world, "here");
        member(&service, 1, &[]).await;
        let look = |number, library: &str, reason: &str| LookUp {
            person: person(number),
            organisation: library.parse().unwrap(),
            what: "search",
            reason: Personal::new(reason.to_owned()),
            officer: "Anna".to_owned(),
        };
        let anna = officer("anna").within([LINDE.parse().unwrap()].into());
        assert!(matches!(service.look_somebody_up(&anna, look(1, LINDE, "")).await.unwrap_err(), Refusal::Invalid(_)));
        assert!(service.look_somebody_up(&anna, look(1, LINDE, "Klacht 12")).await.unwrap().is_some());
        assert_eq!(service.look_somebody_up(&anna, look(2, LINDE, "Klacht 13")).await.unwrap(), None);
        assert_eq!(
            service.look_somebody_up(&anna, look(1, ELSEWHERE, "Klacht 12")).await.unwrap_err(),
            Refusal::Forbidden(Forbidden::Organisation)
        );
        // Known at one library is not known at another.
        let bram = officer("bram");
        assert_eq!(service.look_somebody_up(&bram, look(1, ELSEWHERE, "Klacht 14")).await.unwrap(), None);
        // Found or not, it is recorded in the same way; what was refused is not.
        let lines = every_line(&service, &bram, "admin").await;
        let looked: Vec<_> = lines.iter().filter(|leaf| leaf.kind.as_str() == "console.looked").collect();
        assert_eq!(looked.len(), 3);
        assert!(looked.iter().all(|leaf| leaf.subject.is_none()));
        service.stop();
    }
}
