//! Sessions and links by mail, without pages: how they begin, and every way in which they end.

use akkoord::domain::personal::Personal;
use akkoord::service::sessions::links::LINK_SECONDS;
use akkoord::service::sessions::staff::Role;
use akkoord::service::sessions::{
    How, IDLE_SECONDS, LOGIN_SECONDS, LONGEST_SECONDS, LoginOnTheWay, Token, Who,
};
use akkoord::service::{Service, refusal::Refusal};
use akkoord::world::TurnedWorld;

use crate::support::engine::TestStorage;
use crate::support::people::{call_of, cookie, member, register, sign_in, sign_in_staff};
use crate::support::rows::Rows;
use crate::support::service::{clock, node};

const LINDE: &str = "bibliotheek-de-linde";
const KOMPAS: &str = "bibliotheek-het-kompas";
const NUMBER: &str = "2000100001";

async fn is_in(service: &Service, token: &Token) -> bool {
    service.signed_in(token).await.unwrap().is_some()
}

fn wait(clock: &TurnedWorld, seconds: i64) {
    use akkoord::world::World as _;
    clock.turn_to(clock.now().plus_seconds(seconds));
}

both_engines! {
    async fn a_session_counts_on_every_node_until_it_ends(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let (here, there) = (node(&storage, &clock, "here"), node(&storage, &clock, "there"));
        register(&here, LINDE, NUMBER, "1980-05-01").await;
        register(&here, KOMPAS, NUMBER, "1980-05-01").await;

        let token = sign_in(&here, NUMBER).await;
        let found = there.signed_in(&token).await.unwrap().unwrap();
        let Who::Member(who) = found.who else { panic!("a member") };
        assert_eq!(who.libraries, [LINDE.parse().unwrap(), KOMPAS.parse().unwrap()]);
        assert_eq!(Some(who), member(&there, NUMBER).await);

        // Over https the cookie is one that no neighbouring host can set.
        assert!(cookie(&here, &token).starts_with("__Host-akkoord="));

        // Each signing in has its own token, and none is guessed or made of the token in the forms.
        let other = sign_in(&here, NUMBER).await;
        assert!(other != token && other.csrf() != token.csrf());
        assert_eq!(Token::parse(&token.csrf()).map(|guess| guess == token), Some(false));
        assert!(!is_in(&here, &Token::parse(&token.csrf()).unwrap()).await);
        for wrong in ["", "x", "../../../etc/passwd", &"é".repeat(43)] {
            assert!(Token::parse(wrong).is_none(), "{wrong}");
        }

        here.sign_out(&token).await.unwrap();
        here.sign_out(&token).await.unwrap();
        assert!(!is_in(&there, &token).await && is_in(&there, &other).await);

        let third = sign_in(&here, NUMBER).await;
        let person = member(&here, NUMBER).await.unwrap().person;
        assert_eq!(here.sign_out_elsewhere(person, &third).await.unwrap(), 1);
        assert!(!is_in(&there, &other).await && is_in(&there, &third).await);

        let staff_token = sign_in_staff(&here, Role::Desk, &[LINDE]).await;
        let Who::Staff(staff) = there.signed_in(&staff_token).await.unwrap().unwrap().who else { panic!("staff") };
        assert_eq!(staff.role, Role::Desk);
        assert!(staff.reach.covers(&LINDE.parse().unwrap()) && !staff.reach.covers(&KOMPAS.parse().unwrap()));

        // Nothing of it is readable at rest.
        let rows = Rows::open(storage.url()).bytes("hash", "session", "1 = 1");
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|hash| !hash.windows(8).any(|part| staff_token.reveal().as_bytes().starts_with(part))));
        assert_eq!(Rows::open(storage.url()).count_of("session", "sealed LIKE '%desk%' OR sealed LIKE '%linde%'"), 0);
    }

    async fn a_session_ends_unused_and_in_any_case(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let service = node(&storage, &clock, "here");
        register(&service, LINDE, NUMBER, "1980-05-01").await;
        let token = sign_in(&service, NUMBER).await;
        wait(&clock, IDLE_SECONDS - 1);
        assert!(is_in(&service, &token).await);
        // That was a use: half an hour begins again.
        wait(&clock, IDLE_SECONDS - 1);
        assert!(is_in(&service, &token).await);
        wait(&clock, IDLE_SECONDS);
        assert!(!is_in(&service, &token).await);

        let token = sign_in(&service, NUMBER).await;
        let mut used = 0;
        while used + IDLE_SECONDS / 2 < LONGEST_SECONDS {
            wait(&clock, IDLE_SECONDS / 2);
            used += IDLE_SECONDS / 2;
            assert!(is_in(&service, &token).await, "after {used} seconds");
        }
        wait(&clock, IDLE_SECONDS / 2);
        assert!(!is_in(&service, &token).await);
    }

    async fn who_is_erased_is_signed_out_and_gets_no_link(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let service = node(&storage, &clock, "here");
        register(&service, LINDE, NUMBER, "1980-05-01").await;
        let person = member(&service, NUMBER).await.unwrap().person;
        let token = sign_in(&service, NUMBER).await;
        let link = service.make_login_link(person, "/mijn").await.unwrap().unwrap();
        service.erase_now(&call_of("crm"), person).await.unwrap();
        assert!(!is_in(&service, &token).await);
        assert!(!service.is_login_link(&link).await.unwrap());
        assert!(service.use_login_link(&link).await.unwrap().is_none());
        let refused = service.sign_in_member(person, How::Account).await;
        assert_eq!(refused.unwrap_err(), Refusal::NotFound);
        for table in ["session", "login_link"] {
            assert_eq!(Rows::open(storage.url()).count_of(table, "1 = 1"), 0, "{table}");
        }
    }

    async fn a_link_signs_in_once_and_for_a_quarter_of_an_hour(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let service = node(&storage, &clock, "here");
        register(&service, LINDE, NUMBER, "1980-05-01").await;
        let person = member(&service, NUMBER).await.unwrap().person;
        let link = service.make_login_link(person, "/mijn/keuzes").await.unwrap().unwrap();
        // Looking does not use it.
        assert!(service.is_login_link(&link).await.unwrap() && service.is_login_link(&link).await.unwrap());
        let twice = tokio::join!(service.use_login_link(&link), service.use_login_link(&link));
        let used: Vec<_> = [twice.0.unwrap(), twice.1.unwrap()].into_iter().flatten().collect();
        let [(who, onward)] = used.as_slice() else { panic!("once: {used:?}") };
        assert_eq!((who.person, onward.as_str()), (person, "/mijn/keuzes"));
        assert!(!service.is_login_link(&link).await.unwrap());

        let late = service.make_login_link(person, "/mijn").await.unwrap().unwrap();
        wait(&clock, LINK_SECONDS);
        assert!(!service.is_login_link(&late).await.unwrap());
        assert!(service.use_login_link(&late).await.unwrap().is_none());

        // Nobody's mailbox is filled by somebody else.
        let mut made = 0;
        while service.make_login_link(person, "/mijn").await.unwrap().is_some() {
            made += 1;
        }
        assert_eq!(made, 3);
        // A session is no link and a link is no session.
        let token = sign_in(&service, NUMBER).await;
        assert!(!service.is_login_link(&token).await.unwrap());
        assert!(!is_in(&service, &link).await);
    }

    async fn the_way_back_from_the_provider_is_gone_once(engine) {
        let (storage, clock) = (TestStorage::new(engine), clock());
        let service = node(&storage, &clock, "here");
        let way = LoginOnTheWay {
            staff: false,
            state: Personal::new("state".to_owned()),
            nonce: Personal::new("nonce".to_owned()),
            verifier: Personal::new("verifier".to_owned()),
            onward: "/mijn".to_owned(),
        };
        let token = service.begin_login(&way).await.unwrap();
        assert!(!is_in(&service, &token).await, "on the way is not there yet");
        assert_eq!(service.end_login(&token).await.unwrap(), Some(way.clone()));
        assert_eq!(service.end_login(&token).await.unwrap(), None);
        let late = service.begin_login(&way).await.unwrap();
        wait(&clock, LOGIN_SECONDS);
        assert_eq!(service.end_login(&late).await.unwrap(), None);

        assert!(service.is_form_token(&service.form_token()));
        let old = service.form_token();
        wait(&clock, LONGEST_SECONDS);
        for wrong in [old.as_str(), "", "x", late.reveal()] {
            assert!(!service.is_form_token(wrong), "{wrong}");
        }
    }
}
