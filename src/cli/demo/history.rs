//! A year of what five thousand people might have done: what they were asked and answered, what they took back, and what
//! systems asked about them. Only a plan; `seed` carries it out through the ordinary use cases.

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};

use super::dice::Dice;
use super::members::{Member, Part};
use crate::domain::age::{AGE_OF_CONSENT, has_reached};
use crate::domain::consent::{ConsentStatus, IndicationMethod};
use crate::domain::ids::{DataSourceId, OrganisationId, PurposeId};
use crate::domain::moment::Moment;
use crate::domain::purpose::{Action, Channel};
use crate::policy::catalogue::Catalogue;

/// Days of history; the last one is yesterday.
pub const DAYS: u32 = 365;

/// One act of the plan.
#[derive(Debug, Clone)]
pub struct Act {
    /// When.
    pub at: Moment,
    /// About whom, as place in the list of members.
    pub member: usize,
    /// At which library.
    pub library: OrganisationId,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone)]
pub enum What {
    /// The library system makes the member known.
    Register,
    /// The library system links the parent.
    LinkGuardian,
    /// A word on consent.
    Consent {
        /// Purpose.
        purpose: PurposeId,
        /// Yes, no, no longer, once more.
        status: ConsentStatus,
        /// How.
        method: IndicationMethod,
        /// Whether the parent speaks.
        by_guardian: bool,
    },
    /// An objection: to a purpose, or to all direct marketing.
    Objection {
        /// Purpose; absent for direct marketing.
        purpose: Option<PurposeId>,
        /// Made or lifted.
        made: bool,
    },
    /// A restriction set or lifted.
    Restriction {
        /// Set or lifted.
        set: bool,
    },
    /// Preferences for one purpose.
    Preference {
        /// Purpose.
        purpose: PurposeId,
        /// No mail for so many days; otherwise once a month.
        paused_days: Option<u32>,
    },
    /// A question of a system.
    Question {
        /// System.
        system: &'static str,
        /// Purpose.
        purpose: PurposeId,
        /// Action.
        action: Action,
        /// Channel.
        channel: Option<Channel>,
        /// Data.
        data_scopes: &'static [&'static str],
        /// Source of new data.
        source: Option<DataSourceId>,
    },
}

/// What members are asked: purpose, and in a thousand how many are asked and how many of those say yes.
const ASKED: [(&str, u32, u32); 8] = [
    ("newsletter", 850, 560),
    ("event-invitations", 600, 450),
    ("keep-loan-history", 550, 400),
    ("reading-tips", 500, 480),
    ("share-network", 350, 300),
    ("profile-enrichment", 300, 300),
    ("reading-promotion-youth", 60, 500),
    ("donations-friends", 300, 180),
];

/// What parents are asked for a child.
const ASKED_FOR_CHILDREN: [(&str, u32, u32); 4] = [
    ("reading-tips", 400, 550),
    ("keep-loan-history", 250, 400),
    ("newsletter", 200, 500),
    ("event-invitations", 200, 450),
];

/// Everything that happened, in the order of time.
pub fn year(today: NaiveDate, members: &[Member], catalogue: &Catalogue) -> Vec<Act> {
    let mut plan = Plan {
        dice: Dice::seeded(0x4d65_7277_6564_6579),
        first: today.checked_sub_days(Days::new(DAYS.into())).unwrap_or(today),
        catalogue,
        members,
        acts: Vec::new(),
    };
    for (place, member) in members.iter().enumerate() {
        plan.life(place, member);
    }
    plan.questions();
    plan.acts.sort_by_key(|act| act.at);
    plan.acts
}

struct Plan<'a> {
    dice: Dice,
    first: NaiveDate,
    catalogue: &'a Catalogue,
    members: &'a [Member],
    acts: Vec<Act>,
}

impl Plan<'_> {
    fn life(&mut self, place: usize, member: &Member) {
        for library in [Some(&member.organisation), member.second.as_ref()]
            .into_iter()
            .flatten()
        {
            // The take-over of the first day runs at night; who joins later stands at the desk.
            let registered = if member.joined == 0 {
                let second = self.dice.between(3_600, 5 * 3_600);
                self.at(0, second)
            } else {
                self.daytime(member.joined)
            };
            self.push(registered, place, library, What::Register);
            if member.guardian.is_some() {
                let linked = self.daytime(member.joined + 1);
                self.push(linked, place, library, What::LinkGuardian);
            }
            match member.part {
                Part::Extra => self.choices(place, member, library),
                part => self.part(place, member, library, part),
            }
        }
    }

    /// What the examples and the documentation rely on.
    fn part(&mut self, place: usize, member: &Member, library: &OrganisationId, part: Part) {
        use ConsentStatus::{Given, Refused};
        let (purpose, status, day) = match part {
            Part::Parent => ("newsletter", Given, 20),
            Part::NeverAsked | Part::Extra => ("keep-loan-history", Refused, 33),
            Part::TwoLibraries if *library == member.organisation => ("newsletter", Given, 41),
            Part::TwoLibraries => ("newsletter", Refused, 42),
            Part::Child => ("reading-tips", Given, 58),
            Part::AlmostSixteen => ("newsletter", Given, 77),
            Part::Example => ("newsletter", Given, DAYS - 19),
        };
        if let Some(purpose) = self.purpose(purpose) {
            let at = self.daytime(day);
            self.consent(at, place, library, &purpose, status, IndicationMethod::WebForm);
        }
    }

    fn choices(&mut self, place: usize, member: &Member, library: &OrganisationId) {
        // Who joined at the desk was asked there; the others were asked in the portal in the first months.
        let (day, method) = match member.joined {
            0 => (self.dice.between(4, 150), IndicationMethod::WebForm),
            joined if self.dice.chance(600) => (joined + 2, IndicationMethod::Desk),
            joined => (joined + self.dice.between(2, 30), IndicationMethod::WebForm),
        };
        let asked: &[(&str, u32, u32)] = if member.guardian.is_some() {
            &ASKED_FOR_CHILDREN
        } else {
            &ASKED
        };
        let at = self.daytime(day);
        let answers = self.dice.chance(780);
        for (purpose, asked, yes) in asked {
            let Some(purpose) = self
                .purpose(purpose)
                .filter(|_| answers && self.dice.chance(*asked))
            else {
                continue;
            };
            if !self.old_enough(member, &purpose, at) {
                continue;
            }
            if self.dice.chance(*yes) {
                self.consent(at, place, library, &purpose, ConsentStatus::Given, method);
                // The yes of a child alone waits for a guardian; there is nothing to take back or renew.
                if member.guardian.is_some() || self.aged(member, AGE_OF_CONSENT, at) {
                    self.afterwards(place, library, &purpose, day);
                }
            } else {
                self.consent(at, place, library, &purpose, ConsentStatus::Refused, method);
            }
        }
        if member.guardian.is_none() {
            self.rights(place, library, day);
        }
    }

    /// What becomes of a yes: most stay, some are taken back, some are said once more.
    fn afterwards(&mut self, place: usize, library: &OrganisationId, purpose: &PurposeId, day: u32) {
        let later = self.dice.between(day + 5, DAYS + 60);
        let (status, method) = match self.dice.weighted(&[865, 60, 40, 35]) {
            0 => return,
            1 => (ConsentStatus::Withdrawn, IndicationMethod::WebForm),
            2 => (ConsentStatus::Withdrawn, IndicationMethod::OneClick),
            _ => (ConsentStatus::Renewed, IndicationMethod::WebForm),
        };
        if later < DAYS {
            let at = self.daytime(later);
            self.consent(at, place, library, purpose, status, method);
        }
    }

    fn rights(&mut self, place: usize, library: &OrganisationId, day: u32) {
        let pair = |plan: &mut Self, per_thousand, ends, first: What, last: What| {
            if plan.dice.chance(per_thousand) {
                let start = plan.dice.between(day + 3, DAYS);
                let end = start + plan.dice.between(7, 90);
                if start < DAYS {
                    let at = plan.daytime(start);
                    plan.push(at, place, library, first);
                }
                if end < DAYS && plan.dice.chance(ends) {
                    let at = plan.daytime(end);
                    plan.push(at, place, library, last);
                }
            }
        };
        let marketing = |made| What::Objection { purpose: None, made };
        pair(self, 15, 200, marketing(true), marketing(false));
        pair(
            self,
            3,
            500,
            What::Restriction { set: true },
            What::Restriction { set: false },
        );
        if let Some(research) = self.purpose("satisfaction-research") {
            let objection = |made| What::Objection {
                purpose: Some(research.clone()),
                made,
            };
            pair(self, 12, 100, objection(true), objection(false));
        }
        if let Some(newsletter) = self.purpose("newsletter").filter(|_| self.dice.chance(70)) {
            let paused_days = self.dice.chance(400).then(|| self.dice.between(14, 90));
            let at = self.dice.between(day + 3, DAYS);
            if at < DAYS {
                let at = self.daytime(at);
                let what = What::Preference {
                    purpose: newsletter,
                    paused_days,
                };
                self.push(at, place, library, what);
            }
        }
    }

    /// What systems asked: a newsletter and an event mailing every month, and the library system every day.
    fn questions(&mut self) {
        const MAIL: Option<Channel> = Some(Channel::Email);
        let contact = Action::Contact;
        for month in 0..12 {
            let day = 12 + month * 30;
            self.ask(
                200,
                day,
                "mailer",
                "newsletter",
                contact,
                MAIL,
                &["email", "identity"],
                None,
            );
            self.ask(
                60,
                day + 7,
                "crm",
                "event-invitations",
                contact,
                MAIL,
                &["email", "interests"],
                None,
            );
            self.ask(
                25,
                day + 9,
                "crm",
                "member-offers",
                contact,
                MAIL,
                &["email", "identity"],
                None,
            );
            self.ask(
                5,
                day + 11,
                "crm",
                "profile-enrichment",
                Action::Enrich,
                None,
                &["participation"],
                Some("event-registration"),
            );
        }
        for day in 2..DAYS {
            self.ask(
                7,
                day,
                "wise",
                "service-messages",
                contact,
                MAIL,
                &["email", "current-loans"],
                None,
            );
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a question has this many parts")]
    fn ask(
        &mut self,
        times: usize,
        day: u32,
        system: &'static str,
        purpose: &str,
        action: Action,
        channel: Option<Channel>,
        data_scopes: &'static [&'static str],
        source: Option<&str>,
    ) {
        let Some(purpose) = self.purpose(purpose) else {
            return;
        };
        let people: BTreeSet<usize> = (0..times)
            .map(|_| self.dice.below(u32::try_from(self.members.len()).unwrap_or(0)) as usize)
            .collect();
        for place in people {
            let Some(member) = self.members.get(place).filter(|m| m.joined + 1 < day) else {
                continue;
            };
            let at = self.daytime(day);
            let what = What::Question {
                system,
                purpose: purpose.clone(),
                action,
                channel,
                data_scopes,
                source: source.and_then(|source| source.parse().ok()),
            };
            self.push(at, place, &member.organisation, what);
        }
    }

    fn consent(
        &mut self,
        at: Moment,
        place: usize,
        library: &OrganisationId,
        purpose: &PurposeId,
        status: ConsentStatus,
        method: IndicationMethod,
    ) {
        let by_guardian = self
            .members
            .get(place)
            .is_some_and(|m| m.guardian.is_some() && !self.aged(m, AGE_OF_CONSENT, at));
        // One click is in a mail to the member; what a parent says is said on a page.
        let method = if by_guardian && method == IndicationMethod::OneClick {
            IndicationMethod::WebForm
        } else {
            method
        };
        let what = What::Consent {
            purpose: purpose.clone(),
            status,
            method,
            by_guardian,
        };
        self.push(at, place, library, what);
    }

    fn push(&mut self, at: Moment, member: usize, library: &OrganisationId, what: What) {
        self.acts.push(Act {
            at,
            member,
            library: library.clone(),
            what,
        });
    }

    /// The purpose by this name, if the catalogue has it.
    fn purpose(&self, name: &str) -> Option<PurposeId> {
        self.catalogue
            .purposes
            .keys()
            .find(|id| id.as_str() == name)
            .cloned()
    }

    fn old_enough(&self, member: &Member, purpose: &PurposeId, at: Moment) -> bool {
        let minimum = self
            .catalogue
            .purposes
            .get(purpose)
            .map_or(0, |entry| entry.purpose.age.minimum);
        self.aged(member, minimum, at)
    }

    fn aged(&self, member: &Member, age: u32, at: Moment) -> bool {
        has_reached(Some(member.birth), age, at, self.catalogue.network.zone)
    }

    /// Some time between eight in the morning and ten at night, on a day of the history.
    fn daytime(&mut self, day: u32) -> Moment {
        let second = self.dice.between(8 * 3_600, 22 * 3_600);
        self.at(day, second)
    }

    fn at(&self, day: u32, second: u32) -> Moment {
        let day = day.min(DAYS - 1);
        let date = self
            .first
            .checked_add_days(Days::new(day.into()))
            .unwrap_or(self.first);
        Moment::start_of(date, self.catalogue.network.zone).plus_seconds(second.into())
    }
}
