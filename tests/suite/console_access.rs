//! The access log of the console (C14): who opened which request, looked up whom, took what along, and why; per library.
//! Every line leads to its entry in an audit log.

use akkoord::service::sessions::staff::Role;

use crate::console_pages::{KOMPAS, LINDE, Officer, request};
use crate::support::app::{Node, Setup};
use crate::support::engine::TestStorage;
use crate::support::people::register;
use crate::support::service::clock;

both_engines! {
    async fn everything_that_is_looked_at_stands_in_the_access_log(engine) {
        let storage = TestStorage::new(engine);
        let world = clock();
        let node = Node::start(storage.url(), &world, &Setup::default());
        register(&node.service, LINDE, "2000100001", "1980-05-01").await;
        register(&node.service, KOMPAS, "2000100002", "1980-05-01").await;
        let ours = request(&node.service, LINDE, "2000100001", "access").await;
        let theirs = request(&node.service, KOMPAS, "2000100002", "access").await;
        let anna = Officer::at(&node, "anna", Role::Officer, &[LINDE]).await;
        let bram = Officer::at(&node, "bram", Role::Officer, &[KOMPAS]).await;
        let carla = Officer::at(&node, "carla", Role::Assistant, &[LINDE]).await;
        let fenna = Officer::at(&node, "fenna", Role::Auditor, &[]).await;

        // Opened: by whom, which request, and that handling it is why. A list opens nothing.
        carla.page("/fg/verzoeken").await;
        carla.page(&format!("/fg/verzoeken/{ours}")).await;
        anna.page(&format!("/fg/verzoeken/{ours}/brief/received")).await;
        bram.page(&format!("/fg/verzoeken/{theirs}")).await;
        assert_eq!(anna.get(&format!("/fg/verzoeken/{theirs}")).await.status, 404);
        let step = anna.post(&format!("/fg/verzoeken/{ours}"), &[("stap", "acknowledged"), ("versie", "1")]).await;
        assert!(Officer::led(&step).contains("klaar=step"));
        // Looked up, and looked up in vain.
        for number in ["2000100001", "2000109999"] {
            let look = [("bibliotheek", LINDE), ("scheme", "member-number"), ("value", number), ("reason", "Klacht 2027-14")];
            let led = Officer::led(&anna.post("/fg/zoeken/persoon", &look).await);
            if number == "2000100001" {
                anna.page(&led).await;
            }
        }
        // Taken along.
        let export = [("log", "admin"), ("van", ""), ("tot", ""), ("vorm", "csv"), ("reason", "Jaarcontrole door de accountant")];
        Officer::led(&fenna.post("/fg/zoeken/export", &export).await);
        let report = [("soort", "register"), ("van", ""), ("tot", ""), ("bibliotheek", LINDE), ("vorm", "csv"), ("reason", "Voor het bestuur")];
        Officer::led(&anna.post("/fg/rapport", &report).await);

        let log = anna.page("/fg/toegang").await;
        for part in [
            "Medewerker carla", "Medewerker anna", "Persoon opgezocht: verzoek geopend", &format!("Behandelt verzoek {}", ours.get(..8).unwrap()),
            &format!("/fg/verzoeken/{ours}"), "Klacht 2027-14", "Persoon opgezocht: in het logboek", "Gegevens van een persoon bekeken",
            "Verzoek bevestigd: inzage", "Voor het bestuur",
        ] {
            assert!(log.contains(part), "{part}: {log}");
        }
        // Twice the same person has twice the same code.
        let code = log.split("Persoon ").skip(1).find_map(|rest| {
            let code = rest.split('<').next().unwrap();
            (code.len() == 8 && !code.contains(' ')).then(|| code.to_owned())
        });
        let code = code.unwrap_or_else(|| panic!("{log}"));
        assert!(log.matches(&format!("Persoon {code}<")).count() >= 2, "{log}");
        // Nothing of another library, and nothing of all libraries.
        assert!(!log.contains(&theirs) && !log.contains("Medewerker bram") && !log.contains("Jaarcontrole"));
        let other = bram.page("/fg/toegang").await;
        assert!(other.contains(&theirs) && !other.contains(&ours) && !other.contains("Klacht 2027-14"));
        let all = fenna.page("/fg/toegang").await;
        assert!(all.contains(&theirs) && all.contains("Medewerker carla") && all.contains("Jaarcontrole door de accountant"));
        assert_eq!(carla.get("/fg/toegang").await.status, 403);
        assert_eq!(carla.get("/fg/toegang.csv").await.status, 403);

        // Words, a library and a time narrow it.
        let found = fenna.page("/fg/toegang?woorden=klacht").await;
        assert!(found.contains("Klacht 2027-14") && !found.contains("Medewerker carla"));
        let of_kompas = fenna.page(&format!("/fg/toegang?bibliotheek={KOMPAS}")).await;
        assert!(of_kompas.contains(&theirs) && !of_kompas.contains(&ours));
        assert_eq!(anna.get(&format!("/fg/toegang?bibliotheek={KOMPAS}")).await.status, 403);
        assert!(fenna.page("/fg/toegang?van=2020-01-01&tot=2020-12-31").await.contains("Geen"));

        // As a file, with a row for each look; and each leads to its entry.
        let file = anna.page("/fg/toegang.csv").await;
        let looks = file.lines().filter(|line| line.contains("console.looked"));
        let looks: Vec<&str> = looks.collect();
        assert_eq!(looks.len(), 4, "{file}");
        for line in looks {
            let entry = line.rsplit(',').next().unwrap().trim_matches('"');
            assert_eq!(anna.get(&format!("/fg/zoeken/admin/{entry}")).await.status, 200, "{line}");
        }
        node.stop().await;
    }
}
