//! Every word of the pages: `texts/<language>/*.ftl` (Project Fluent), compiled in. Tests hold that both languages have the
//! same texts with the same variables, that every text is used and every used one is there, and that Dutch stays plain.

use std::fmt::Display;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::domain::preference::Language;

macro_rules! texts {
    ($($room:literal),+ $(,)?) => {
        /// Rooms with texts: room, Dutch, English.
        const TEXTS: &[(&str, &str, &str)] = &[$((
            $room,
            include_str!(concat!("../../../texts/nl/", $room, ".ftl")),
            include_str!(concat!("../../../texts/en/", $room, ".ftl")),
        )),+];
    };
}

// One file a room and language. Ids begin with something that tells the rooms apart.
texts!(
    "common",
    "desk",
    "family",
    "login",
    "mine",
    "officer",
    "officer-report",
    "portal"
);

type Bundle = FluentBundle<FluentResource>;

static DUTCH: LazyLock<Bundle> = LazyLock::new(|| bundle("nl-NL", |(_, dutch, _)| dutch));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle("en-GB", |(_, _, english)| english));

fn bundle(tag: &str, text: fn(&(&'static str, &'static str, &'static str)) -> &'static str) -> Bundle {
    let tags = tag.parse::<LanguageIdentifier>().into_iter().collect();
    let mut bundle = Bundle::new_concurrent(tags);
    // Marks around every variable for texts that run from right to left, which we have none of.
    bundle.set_use_isolating(false);
    for room in TEXTS {
        // A file with a mistake keeps its good texts; a test refuses the mistake.
        let resource = FluentResource::try_new(text(room).to_owned()).unwrap_or_else(|(partly, _)| partly);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// Whether there is a text with this id.
pub fn has(id: &str) -> bool {
    DUTCH.has_message(id)
}

/// A text. Where the id is unknown it is the id itself, which a test would have found.
pub fn say(language: Language, id: &str, values: &[(&str, &dyn Display)]) -> String {
    let bundle = match language {
        Language::Nl => &*DUTCH,
        Language::En => &*ENGLISH,
    };
    let Some(pattern) = bundle.get_message(id).and_then(|message| message.value()) else {
        return id.to_owned();
    };
    let args: FluentArgs<'_> = values
        .iter()
        .map(|(name, value)| (*name, argument(value.to_string())))
        .collect();
    let mut mistakes = Vec::new();
    bundle
        .format_pattern(pattern, Some(&args), &mut mistakes)
        .into_owned()
}

/// Numbers choose between singular and plural; what only looks like one (`007`, a telephone number) is text.
fn argument(value: String) -> FluentValue<'static> {
    let digits = (1..=9).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit());
    if digits && (value == "0" || !value.starts_with('0')) {
        value
            .parse::<f64>()
            .map_or_else(|_| FluentValue::from(value), FluentValue::from)
    } else {
        FluentValue::from(value)
    }
}

#[cfg(test)]
mod tests;
