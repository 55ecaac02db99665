//! Five thousand people who do not exist: households with children, in nine libraries. The first five and one more are
//! a cast with known parts; the printed examples and the documentation speak of them.

use chrono::{Datelike, Days, NaiveDate};

use super::dice::Dice;
use crate::domain::ids::OrganisationId;
use crate::domain::person::{Membership, MembershipKind};
use crate::domain::preference::Language;

/// How many there are.
pub const MEMBERS: usize = 5_000;
/// The member number of the first; the others follow.
const FIRST_NUMBER: u32 = 2_000_100_001;

/// A part of the cast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// 2000100001: a parent who reads the newsletter.
    Parent,
    /// 2000100002: an adult who was never asked about the newsletter.
    NeverAsked,
    /// 2000100003: a member of two libraries, who said yes to one and no to the other.
    TwoLibraries,
    /// 2000100004: 14 years old; the parent said yes to reading tips.
    Child,
    /// 2000100005: turns 16 tomorrow; the parent said yes to the newsletter.
    AlmostSixteen,
    /// 2000123456: an adult with the newsletter; the member of the examples in the API contract.
    Example,
    /// Everybody else.
    Extra,
}

/// Somebody who does not exist.
#[derive(Debug, Clone)]
pub struct Member {
    /// Member number.
    pub number: String,
    /// E-mail address under `.example`; young children have none.
    pub email: Option<String>,
    /// Birth date.
    pub birth: NaiveDate,
    /// Library.
    pub organisation: OrganisationId,
    /// A second library.
    pub second: Option<OrganisationId>,
    /// Membership.
    pub membership: Membership,
    /// The parent, as place in the list.
    pub guardian: Option<usize>,
    /// Language.
    pub language: Language,
    /// Day of the year of history on which the library made the member known; most were there from the first day.
    pub joined: u32,
    /// The part.
    pub part: Part,
}

const GIVEN: [&str; 60] = [
    "Aaliyah", "Adam", "Ahmed", "Amber", "Anke", "Anouk", "Bart", "Bram", "Carlijn", "Chaima", "Daan",
    "Dewi", "Dirk", "Eline", "Elif", "Emma", "Esra", "Fatima", "Femke", "Finn", "Fleur", "Floris", "Gijs",
    "Hamza", "Hanna", "Hugo", "Ilse", "Imane", "Ivo", "Jasmijn", "Jesse", "Joost", "Julia", "Karel", "Kees",
    "Lars", "Lieke", "Lotte", "Lucas", "Maarten", "Marieke", "Mehmet", "Mila", "Mohamed", "Naomi", "Nina",
    "Noor", "Olivia", "Pim", "Rachid", "Roos", "Ruben", "Sanne", "Sem", "Sofie", "Teun", "Thijs", "Wietske",
    "Yara", "Zeynep",
];

const FAMILY: [&str; 60] = [
    "Aydin",
    "Bakker",
    "de Boer",
    "Boersma",
    "Bos",
    "Bosman",
    "van den Brink",
    "de Bruin",
    "Brouwer",
    "Claassen",
    "Cetin",
    "Dekker",
    "van Dijk",
    "Dijkstra",
    "El Amrani",
    "Evers",
    "de Graaf",
    "de Groot",
    "Haddad",
    "de Haan",
    "Hendriks",
    "van den Heuvel",
    "Hoekstra",
    "van der Horst",
    "Huisman",
    "Jacobs",
    "Jansen",
    "de Jong",
    "Kaya",
    "de Koning",
    "Koster",
    "Kramer",
    "Kuiper",
    "van Leeuwen",
    "Martens",
    "Maas",
    "van der Meer",
    "Meijer",
    "Mulder",
    "Nguyen",
    "Peeters",
    "Pieters",
    "Postma",
    "Prins",
    "Ramdin",
    "Sahin",
    "Schouten",
    "Singh",
    "Smit",
    "Smits",
    "Tran",
    "van Veen",
    "Veenstra",
    "Verhoeven",
    "Visser",
    "de Vries",
    "de Wit",
    "Willems",
    "Yilmaz",
    "Zijlstra",
];

/// The post boxes of the fictional land; `.example` is reserved and reaches nobody (RFC 2606).
const MAIL: [&str; 4] = [
    "merwepost.example",
    "lindemail.example",
    "brievenbus.example",
    "thuis.example",
];

/// How large the libraries are beside each other, in the order of the catalogue's ids.
const SIZES: [u32; 9] = [8, 24, 9, 6, 5, 18, 8, 15, 7];

/// Everybody, as they are on a date. The same date gives the same people.
pub fn everybody(today: NaiveDate, libraries: &[OrganisationId]) -> Vec<Member> {
    let mut town = Town {
        dice: Dice::seeded(0x4c69_6e64_6568_6f76),
        today,
        libraries,
        members: cast(today, libraries),
    };
    while town.members.len() < MEMBERS - 1 {
        town.household();
    }
    town.members.truncate(MEMBERS - 1);
    town.members.extend(example(today, libraries));
    town.members
}

struct Town<'a> {
    dice: Dice,
    today: NaiveDate,
    libraries: &'a [OrganisationId],
    members: Vec<Member>,
}

impl Town<'_> {
    /// One or two adults and their children, at one library.
    fn household(&mut self) {
        let Some(library) = self.library() else {
            return self.members.clear();
        };
        let family = self.dice.pick(&FAMILY).copied().unwrap_or_default();
        let parent = self.members.len();
        let age = self.adult_age();
        self.adult(&library, family, age);
        if self.dice.chance(300) {
            let other = age.saturating_sub(4).max(18) + self.dice.below(9);
            self.adult(&library, family, other);
        }
        if (26..=52).contains(&age) {
            let children = self.dice.weighted(&[34, 26, 28, 12]);
            for _ in 0..children {
                let oldest = (age - 22).min(17);
                let years = self.dice.between(1, oldest);
                self.child(&library, family, years, parent);
            }
        }
    }

    fn library(&mut self) -> Option<OrganisationId> {
        let place = self.dice.weighted(&SIZES);
        self.libraries.get(place).or(self.libraries.first()).cloned()
    }

    fn adult_age(&mut self) -> u32 {
        match self.dice.weighted(&[18, 40, 24, 18]) {
            0 => self.dice.between(18, 29),
            1 => self.dice.between(30, 49),
            2 => self.dice.between(50, 66),
            _ => self.dice.between(67, 92),
        }
    }

    fn adult(&mut self, library: &OrganisationId, family: &str, age: u32) {
        let birth = self.born(age);
        let years = self.dice.between(1, age.saturating_sub(17).min(20));
        let joined = self.joined();
        let paying = self.dice.chance(930);
        let membership = Membership {
            kind: MembershipKind::Adult,
            since: Some(self.since(joined, years)),
            until: self
                .dice
                .chance(25)
                .then(|| back(self.today, self.dice.clone().between(5, 300))),
            paying,
            contact_from_sale: paying && self.dice.chance(850),
            opt_out_offered: paying && self.dice.chance(800),
        };
        let second = self.dice.chance(40).then(|| self.library()).flatten();
        let given = self.dice.pick(&GIVEN).copied().unwrap_or_default();
        let member = Member {
            number: number(self.members.len()),
            email: Some(self.email(given, family)),
            birth,
            second: second.filter(|second| second != library),
            organisation: library.clone(),
            membership,
            guardian: None,
            language: self.language(),
            joined,
            part: Part::Extra,
        };
        self.members.push(member);
    }

    fn child(&mut self, library: &OrganisationId, family: &str, age: u32, parent: usize) {
        let birth = self.born(age);
        // A child is never known before its parent: the link needs both.
        let joined = self
            .joined()
            .max(self.members.get(parent).map_or(0, |parent| parent.joined));
        let since = self.since(joined, age.min(6));
        let membership = Membership {
            since: Some(since.max(birth)),
            ..youth()
        };
        let given = self.dice.pick(&GIVEN).copied().unwrap_or_default();
        let email = (age >= 12 && self.dice.chance(700)).then(|| self.email(given, family));
        let member = Member {
            number: number(self.members.len()),
            email,
            birth,
            organisation: library.clone(),
            second: None,
            membership,
            // At 16 there is no guardian any more.
            guardian: (age < 16).then_some(parent),
            language: self.language(),
            joined,
            part: Part::Extra,
        };
        self.members.push(member);
    }

    /// Most members were taken over on the first day; the others came in the course of the year.
    fn joined(&mut self) -> u32 {
        if self.dice.chance(820) {
            0
        } else {
            self.dice.between(4, 320)
        }
    }

    fn since(&mut self, joined: u32, years: u32) -> NaiveDate {
        if joined > 0 {
            back(self.today, 365 - joined)
        } else {
            back(self.today, 366 + self.dice.below(365 * years.max(1)))
        }
    }

    /// A birth date at which somebody has this age today, and not just since yesterday.
    fn born(&mut self, age: u32) -> NaiveDate {
        back(years_before(self.today, age), self.dice.between(2, 360))
    }

    fn language(&mut self) -> Language {
        if self.dice.chance(90) {
            Language::En
        } else {
            Language::Nl
        }
    }

    fn email(&mut self, given: &str, family: &str) -> String {
        let host = self.dice.pick(&MAIL).copied().unwrap_or_default();
        let name: String = format!("{given}.{family}")
            .to_lowercase()
            .chars()
            .filter(|c| *c != ' ')
            .collect();
        // The place in the list keeps addresses apart: an address is one person.
        format!("{name}{}@{host}", self.members.len())
    }
}

fn cast(today: NaiveDate, libraries: &[OrganisationId]) -> Vec<Member> {
    let Some((linde, kompas)) = pair(libraries) else {
        return Vec::new();
    };
    let tomorrow = today.checked_add_days(Days::new(1)).unwrap_or(today);
    let adult = |place, email: &str, birth, part| Member {
        number: number(place),
        email: Some(email.to_owned()),
        birth,
        organisation: linde.clone(),
        second: None,
        membership: paying(today),
        guardian: None,
        language: Language::Nl,
        joined: 0,
        part,
    };
    let child = |place, birth, part| Member {
        email: None,
        membership: youth(),
        guardian: Some(0),
        ..adult(place, "", birth, part)
    };
    let aged = |years, days| back(years_before(today, years), days);
    vec![
        adult(0, "noor.dewit@lindemail.example", aged(44, 100), Part::Parent),
        adult(
            1,
            "joost.kramer@lindemail.example",
            aged(51, 200),
            Part::NeverAsked,
        ),
        Member {
            second: Some(kompas.clone()),
            ..adult(2, "elif.kaya@merwepost.example", aged(33, 50), Part::TwoLibraries)
        },
        child(3, aged(14, 150), Part::Child),
        Member {
            email: Some("sam.dewit@lindemail.example".to_owned()),
            ..child(4, sixteen_on(tomorrow), Part::AlmostSixteen)
        },
    ]
}

fn example(today: NaiveDate, libraries: &[OrganisationId]) -> Option<Member> {
    let (linde, _) = pair(libraries)?;
    Some(Member {
        number: "2000123456".to_owned(),
        email: Some("sanne.devries@lindemail.example".to_owned()),
        birth: back(years_before(today, 38), 120),
        organisation: linde.clone(),
        second: None,
        membership: paying(today),
        guardian: None,
        language: Language::Nl,
        joined: 0,
        part: Part::Example,
    })
}

/// Bibliotheek De Linde and another library.
fn pair(libraries: &[OrganisationId]) -> Option<(&OrganisationId, &OrganisationId)> {
    let linde = libraries
        .iter()
        .find(|id| id.as_str() == "bibliotheek-de-linde")
        .or(libraries.first())?;
    let other = libraries
        .iter()
        .find(|id| id.as_str() == "bibliotheek-het-kompas")
        .or(libraries.last())?;
    Some((linde, other))
}

fn number(place: usize) -> String {
    (u64::from(FIRST_NUMBER) + place as u64).to_string()
}

fn paying(today: NaiveDate) -> Membership {
    Membership {
        kind: MembershipKind::Adult,
        since: Some(back(today, 2_000)),
        until: None,
        paying: true,
        contact_from_sale: true,
        opt_out_offered: true,
    }
}

const fn youth() -> Membership {
    Membership {
        kind: MembershipKind::Youth,
        since: None,
        until: None,
        paying: false,
        contact_from_sale: false,
        opt_out_offered: false,
    }
}

fn back(date: NaiveDate, days: u32) -> NaiveDate {
    date.checked_sub_days(Days::new(days.into())).unwrap_or(date)
}

fn years_before(date: NaiveDate, years: u32) -> NaiveDate {
    let year = date.year() - i32::try_from(years).unwrap_or(0);
    date.with_year(year)
        .or_else(|| NaiveDate::from_ymd_opt(year, 2, 28))
        .unwrap_or(date)
}

/// The birth date of somebody who turns 16 on a date. Nobody turns 16 on 29 February unless born on it.
fn sixteen_on(date: NaiveDate) -> NaiveDate {
    years_before(date, 16)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::age::birthday;

    fn libraries() -> Vec<OrganisationId> {
        [
            "bibliotheek-de-linde",
            "bibliotheek-het-kompas",
            "bibliotheek-waterpoort",
        ]
        .map(|id| id.parse().unwrap())
        .to_vec()
    }

    fn on(year: i32, month: u32, day: u32) -> (NaiveDate, Vec<Member>) {
        let today = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        (today, everybody(today, &libraries()))
    }

    #[test]
    fn there_are_five_thousand_with_numbers_and_addresses_of_their_own() {
        let (_, members) = on(2026, 11, 22);
        assert_eq!(members.len(), MEMBERS);
        let numbers: BTreeSet<_> = members.iter().map(|m| m.number.as_str()).collect();
        assert_eq!(numbers.len(), MEMBERS);
        assert!(numbers.contains("2000100001") && numbers.contains("2000123456"));
        let emails: Vec<_> = members.iter().filter_map(|m| m.email.as_deref()).collect();
        assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len());
        assert!(
            emails
                .iter()
                .all(|e| e.ends_with(".example") && e.is_ascii() && !e.contains(' '))
        );
    }

    #[test]
    fn the_same_date_gives_the_same_people() {
        let (_, one) = on(2026, 11, 22);
        let (_, two) = on(2026, 11, 22);
        assert!(
            one.iter()
                .zip(&two)
                .all(|(a, b)| a.email == b.email && a.birth == b.birth)
        );
    }

    #[test]
    fn ages_are_believable_on_any_date() {
        for (year, month, day) in [(2026, 11, 22), (2028, 2, 28), (2028, 2, 29), (2027, 12, 31)] {
            let (today, members) = on(year, month, day);
            let sixteen = |m: &Member| birthday(m.birth, 16);
            let tomorrow = today.succ_opt().unwrap();
            let almost: Vec<_> = members.iter().filter(|m| m.part == Part::AlmostSixteen).collect();
            assert_eq!(almost.len(), 1);
            assert_eq!(sixteen(almost[0]), tomorrow, "{today}");
            let children = members.iter().filter(|m| sixteen(m) > today).count();
            assert!((800..1_800).contains(&children), "{children}");
            for member in &members {
                assert!(member.birth < today);
                let is_child = sixteen(member) > today;
                assert_eq!(member.guardian.is_some(), is_child, "{today} {member:?}");
                if let Some(guardian) = member.guardian.map(|at| &members[at]) {
                    assert!(
                        birthday(guardian.birth, 18) <= today && guardian.organisation == member.organisation
                    );
                    assert!(guardian.joined <= member.joined);
                }
            }
            let two = members.iter().filter(|m| m.second.is_some()).count();
            assert!((50..250).contains(&two), "{two}");
        }
    }
}
