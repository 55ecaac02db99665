//! The use cases as the faces call them, one function each.

use super::call::Call;
use super::refusal::Refusal;
use super::search::{FoundEntries, FoundEntry, SearchEntries, SearchPerson};
use super::unsubscribe::{Link, Unsubscribe};
use super::verbs::*;
use super::{Service, bulk};
use crate::domain::ids::SystemId;

impl Service {
    /// Answers whether a system may, and records that it asked.
    pub async fn decide(&self, call: &Call, verb: Decide) -> Result<Decided, Refusal> {
        self.0.checks.submit(call, verb).await
    }

    /// Makes somebody known at a library.
    pub async fn register_person(
        &self,
        call: &Call,
        verb: RegisterPerson,
    ) -> Result<Done<Registered>, Refusal> {
        self.change(call, verb).await
    }

    /// Finds somebody by an identifier: the caller's pairwise id.
    pub async fn look_up_person(&self, call: &Call, verb: LookUpPerson) -> Result<String, Refusal> {
        self.read(call, move |call, work| verb.look_up(call, work)).await
    }

    /// Adds an identifier.
    pub async fn add_identifier(
        &self,
        call: &Call,
        verb: AddIdentifier,
    ) -> Result<Done<IdentifierAdded>, Refusal> {
        self.change(call, verb).await
    }

    /// Removes an identifier.
    pub async fn remove_identifier(
        &self,
        call: &Call,
        verb: RemoveIdentifier,
    ) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }

    /// Links a guardian to a child.
    pub async fn link_guardian(
        &self,
        call: &Call,
        verb: LinkGuardian,
    ) -> Result<Done<GuardianLinked>, Refusal> {
        self.change(call, verb).await
    }

    /// Unlinks a guardian.
    pub async fn unlink_guardian(
        &self,
        call: &Call,
        verb: UnlinkGuardian,
    ) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }

    /// Merges two records of one person.
    pub async fn merge_people(&self, call: &Call, verb: MergePeople) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }

    /// Records a word on consent.
    pub async fn record_consent(&self, call: &Call, verb: RecordConsent) -> Result<Done<Receipt>, Refusal> {
        self.change(call, verb).await
    }

    /// Records an objection, or that it was lifted.
    pub async fn record_objection(
        &self,
        call: &Call,
        verb: RecordObjection,
    ) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }

    /// Records a restriction, or that it was lifted.
    pub async fn record_restriction(
        &self,
        call: &Call,
        verb: RecordRestriction,
    ) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }

    /// Records that somebody was told where enriched data came from.
    pub async fn record_source_notice(
        &self,
        call: &Call,
        verb: RecordSourceNotice,
    ) -> Result<Done<Recorded>, Refusal> {
        self.change(call, verb).await
    }

    /// Replaces preferences.
    pub async fn set_preferences(
        &self,
        call: &Call,
        verb: SetPreferences,
    ) -> Result<Done<PreferencesState>, Refusal> {
        self.change(call, verb).await
    }

    /// Reads preferences.
    pub async fn preferences(&self, call: &Call, verb: ReadPreferences) -> Result<PreferencesState, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// Reads the current word on every purpose.
    pub async fn current_consents(
        &self,
        call: &Call,
        verb: CurrentConsents,
    ) -> Result<CurrentState, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// Reads the history.
    pub async fn consent_history(
        &self,
        call: &Call,
        verb: ConsentHistory,
    ) -> Result<Vec<HistoryItem>, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// Reads a receipt again.
    pub async fn receipt(&self, call: &Call, verb: FetchReceipt) -> Result<Receipt, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// Searches an audit log.
    pub async fn search_entries(&self, call: &Call, verb: SearchEntries) -> Result<FoundEntries, Refusal> {
        self.read(call, move |call, work| verb.read(call, work)).await
    }

    /// What was asked and recorded about one person; looking is itself recorded before it is answered.
    pub async fn search_person(&self, call: &Call, verb: SearchPerson) -> Result<Vec<FoundEntry>, Refusal> {
        let asked = verb.clone();
        let limit = verb.limit;
        // Outside the lane, which no campaign of last year may hold up.
        let in_bulk = self
            .read(call, move |call, work| {
                bulk::search::entries_of(&asked, call, work)
            })
            .await;
        // What is wrong with the question is for the verb to say.
        let in_bulk = match in_bulk {
            Err(Refusal::Unavailable) => return Err(Refusal::Unavailable),
            found => found.unwrap_or_default(),
        };
        let mut items = self.0.checks.submit(call, verb).await?;
        items.extend(in_bulk);
        items.sort_by_key(|item| std::cmp::Reverse((item.leaf.millis, item.leaf.id.to_string())));
        items.truncate(limit);
        Ok(items)
    }

    /// What an unsubscribe link is about. Looking changes nothing.
    pub async fn unsubscribe_page(&self, token: &str) -> Result<UnsubscribePage, Refusal> {
        let link = Link::open(&self.0.shared, token).ok_or(Refusal::NotFound)?;
        let catalogue = self.catalogue();
        let organisation = catalogue
            .organisations
            .get(&link.organisation)
            .ok_or(Refusal::NotFound)?;
        let entry = catalogue.purposes.get(&link.purpose).ok_or(Refusal::NotFound)?;
        let title = |language| {
            entry
                .notices
                .get(language)
                .map(|notice| notice.title.clone())
                .unwrap_or_default()
        };
        Ok(UnsubscribePage {
            organisation: organisation.name.clone(),
            title_nl: title("nl"),
            title_en: title("en"),
        })
    }

    /// Stops what an unsubscribe link is about. The second time does nothing more.
    pub async fn unsubscribe(&self, token: &str) -> Result<(), Refusal> {
        let link = Link::open(&self.0.shared, token).ok_or(Refusal::NotFound)?;
        let portal: SystemId = "portal".parse().map_err(|_| Refusal::Unavailable)?;
        let call = Unsubscribe::call(portal);
        self.lane_of_changes().submit(&call, Unsubscribe(link)).await
    }
}
