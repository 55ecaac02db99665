//! `[witnesses]` of the configuration: who cosigns the audit logs.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::audit::witness::WitnessKey;
use crate::outward::witness::HttpWitness;
use crate::service::sequence::{AskWitness, WitnessPlan};

/// Organisations that cosign the checkpoints of the audit logs (C2SP tlog-witness), and how many of them are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Witnesses {
    /// How many must have cosigned a checkpoint for others to rely on it; `/readyz` and exports say so. A service with
    /// fewer goes on. Default 0.
    pub quorum: usize,
    /// Seconds between two times that they are asked. Default 10.
    pub seconds: u64,
    /// The witnesses, one `[[witnesses.witness]]` each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub witness: Vec<WitnessSettings>,
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSettings {
    /// The key of its cosignatures as `name+id+key`: `akkoord witness init` prints one.
    pub key: String,
    /// The address below which it answers to `add-checkpoint`.
    pub url: Url,
}

impl Default for Witnesses {
    fn default() -> Self {
        Self {
            quorum: 0,
            seconds: 10,
            witness: Vec::new(),
        }
    }
}

impl Witnesses {
    /// Whether nothing is said about witnesses.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What the service is to do.
    ///
    /// # Errors
    /// A sentence about the first thing that cannot be.
    pub fn plan(&self) -> Result<WitnessPlan, String> {
        if self.quorum > self.witness.len() {
            return Err(format!(
                "`witnesses.quorum` is {}, and there are {} witnesses: name more, or ask for fewer",
                self.quorum,
                self.witness.len()
            ));
        }
        if !(1..=3_600).contains(&self.seconds) {
            return Err("`witnesses.seconds` is from 1 to 3600".to_owned());
        }
        let mut witnesses: Vec<Arc<dyn AskWitness>> = Vec::new();
        for settings in &self.witness {
            let key = WitnessKey::parse(&settings.key).map_err(|_| {
                "the `key` of a witness is the line name+id+key that its organisation publishes, with a key for \
                 cosignatures in it"
                    .to_owned()
            })?;
            if witnesses.iter().any(|known| *known.key() == key) {
                return Err(format!("the witness {} is named twice", key.name()));
            }
            witnesses.push(Arc::new(HttpWitness::new(key, &settings.url)?));
        }
        Ok(WitnessPlan {
            witnesses,
            quorum: self.quorum,
            every: Duration::from_secs(self.seconds),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Secret32, SigningKey};

    fn key(name: &str) -> String {
        let key = SigningKey::from_seed(Secret32::from_bytes([1; 32])).unwrap();
        WitnessKey::new(name, key.public()).unwrap().to_text()
    }

    fn witnesses(quorum: usize, all: &[(&str, &str)]) -> Witnesses {
        Witnesses {
            quorum,
            witness: all
                .iter()
                .map(|(key, url)| WitnessSettings {
                    key: (*key).to_owned(),
                    url: Url::parse(url).unwrap(),
                })
                .collect(),
            ..Witnesses::default()
        }
    }

    #[test]
    fn what_cannot_be_is_said() {
        let (one, two) = (key("kb.example/w"), key("pob.example/w"));
        let fine = witnesses(1, &[(&one, "https://w.example"), (&two, "http://127.0.0.1:9/w/")]);
        assert_eq!(fine.plan().unwrap().witnesses.len(), 2);
        assert!(Witnesses::default().plan().unwrap().witnesses.is_empty());
        for (wrong, says) in [
            (
                witnesses(2, &[(&one, "https://w.example")]),
                "`witnesses.quorum` is 2",
            ),
            (witnesses(0, &[("x", "https://w.example")]), "name+id+key"),
            (witnesses(0, &[(&one, "http://w.example")]), "neither HTTPS"),
            (
                witnesses(0, &[(&one, "https://w.example"), (&one, "https://v.example")]),
                "named twice",
            ),
            (
                Witnesses {
                    seconds: 0,
                    ..Witnesses::default()
                },
                "from 1 to 3600",
            ),
        ] {
            let said = wrong.plan().unwrap_err();
            assert!(said.contains(says), "{said}");
        }
    }
}
