//! Cosignatures: another organisation says when it saw a log grow, and that it only grew (C2SP tlog-cosignature,
//! the Ed25519 kind). Who has two checkpoints with the same witness knows that nobody was shown another log.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::note::{Note, NoteError, VerifierKey};
use crate::crypto::{PublicKey, SigningKey, sha256_parts};

/// The signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 4;

/// The public half of a witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: PublicKey,
}

/// A witness saw a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature<'k> {
    /// Who.
    pub witness: &'k WitnessKey,
    /// When, in seconds since 1970 UTC, by the witness' clock.
    pub seconds: u64,
}

impl WitnessKey {
    /// The cosignatures of `key` under `name`.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        // The rules for names are those of every note signer.
        VerifierKey::new(name, key).map(|_| Self {
            name: name.to_owned(),
            key,
        })
    }

    /// Reads `name+key id+key`, the key behind a byte 4.
    ///
    /// # Errors
    /// [`NoteError::VerifierKey`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let encoded = text.splitn(3, '+').nth(2).ok_or(NoteError::VerifierKey)?;
        let name = text.split('+').next().unwrap_or_default();
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::VerifierKey)?;
        let Some((&COSIGNATURE, key)) = bytes.split_first() else {
            return Err(NoteError::VerifierKey);
        };
        let key = <[u8; 32]>::try_from(key).map_err(|_| NoteError::VerifierKey)?;
        let witness = Self::new(name, PublicKey::from_bytes(key))?;
        if witness.to_text() == text {
            Ok(witness)
        } else {
            Err(NoteError::VerifierKey)
        }
    }

    /// The text by which others know this witness: `name+key id+key`.
    pub fn to_text(&self) -> String {
        let encoded = STANDARD.encode([&[COSIGNATURE][..], self.key.as_bytes()].concat());
        format!("{}+{:08x}+{encoded}", self.name, u32::from_be_bytes(self.id()))
    }

    /// The name in the signature line.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x04 ‖ key)`.
    pub fn id(&self) -> [u8; 4] {
        let hash = sha256_parts(&[self.name.as_bytes(), b"\n", &[COSIGNATURE], self.key.as_bytes()]);
        let [a, b, c, d, ..] = hash;
        [a, b, c, d]
    }
}

/// A signature line, with its newline, to put below a note with this checkpoint body. `seconds` since 1970 UTC.
///
/// Call it only for a checkpoint that was verified to be consistent with every one cosigned before.
///
/// # Errors
/// [`NoteError::Name`].
pub fn cosign(body: &str, name: &str, key: &SigningKey, seconds: u64) -> Result<String, NoteError> {
    let id = WitnessKey::new(name, key.public())?.id();
    let signature = key.sign(&message(body, seconds));
    let line = [&id[..], &seconds.to_be_bytes(), &signature].concat();
    Ok(format!("— {name} {}\n", STANDARD.encode(line)))
}

/// The known witnesses that have cosigned a note, each once, in the order of the lines. Lines by others are passed
/// over.
///
/// # Errors
/// [`NoteError::BadSignature`] when a known witness' line is not by it.
pub fn cosignatures<'k>(note: &Note<'_>, known: &'k [WitnessKey]) -> Result<Vec<Cosignature<'k>>, NoteError> {
    let mut found: Vec<Cosignature<'k>> = Vec::new();
    for line in &note.signatures {
        let by = known
            .iter()
            .find(|witness| witness.name == line.name && witness.id() == line.key_id);
        let Some(witness) = by else { continue };
        let parts = line.signature.split_first_chunk::<8>();
        let (seconds, signature) = parts.ok_or(NoteError::BadSignature)?;
        let seconds = u64::from_be_bytes(*seconds);
        // A time of 2^63 or more is forbidden by the format.
        let sane = i64::try_from(seconds).is_ok();
        if !sane || !witness.key.verifies(&message(note.text, seconds), signature) {
            return Err(NoteError::BadSignature);
        }
        if found.iter().all(|other| other.witness != witness) {
            found.push(Cosignature { witness, seconds });
        }
    }
    Ok(found)
}

fn message(body: &str, seconds: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {seconds}\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::Checkpoint;
    use crate::audit::checkpoint::tests::{key, verifier};

    fn witness(name: &str, seed: u8) -> WitnessKey {
        WitnessKey::new(name, key(seed).public()).unwrap()
    }

    fn signed() -> (Checkpoint, String) {
        let checkpoint = Checkpoint {
            origin: "example.com/log".into(),
            size: 5,
            root: [7; 32],
        };
        let note = checkpoint.sign(&key(1)).unwrap();
        (checkpoint, note)
    }

    #[test]
    fn a_cosignature_is_these_bytes() {
        let (checkpoint, _) = signed();
        let line = cosign(&checkpoint.body(), "witness.example/w1", &key(9), 1_679_315_147).unwrap();
        let encoded = line.strip_prefix("— witness.example/w1 ").unwrap().trim_end();
        let bytes = STANDARD.decode(encoded).unwrap();
        assert_eq!(bytes.len(), 4 + 8 + 64);
        assert_eq!(bytes[..4], witness("witness.example/w1", 9).id());
        assert_eq!(bytes[4..12], 1_679_315_147_u64.to_be_bytes());
        let signed = "cosignature/v1\ntime 1679315147\nexample.com/log\n5\n\
                      BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n";
        assert!(key(9).public().verifies(signed.as_bytes(), &bytes[12..]));
    }

    #[test]
    fn the_example_of_the_specification_has_this_time() {
        let note = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
            — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
            — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
        let note = Note::parse(note).unwrap();
        let (seconds, signature) = note.signatures[1].signature.split_first_chunk::<8>().unwrap();
        assert_eq!(
            (u64::from_be_bytes(*seconds), signature.len()),
            (1_679_315_147, 64)
        );
        assert_eq!(
            cosignatures(&note, &[witness("witness.example.com/w1", 9)]),
            Ok(vec![])
        );
    }

    #[test]
    fn known_witnesses_count_once_and_others_not() {
        let (checkpoint, mut note) = signed();
        for (name, seed, seconds) in [
            ("w1", 9, 100),
            ("w2", 8, 200),
            ("w1", 9, 300),
            ("stranger", 7, 400),
        ] {
            note.push_str(&cosign(&checkpoint.body(), name, &key(seed), seconds).unwrap());
        }
        let known = [witness("w1", 9), witness("w2", 8), witness("w3", 6)];
        let parsed = Note::parse(&note).unwrap();
        let found = cosignatures(&parsed, &known).unwrap();
        let seen: Vec<_> = found.iter().map(|c| (c.witness.name(), c.seconds)).collect();
        assert_eq!(seen, [("w1", 100), ("w2", 200)]);
        // The log's own signature stands beside them.
        assert_eq!(
            Checkpoint::open(&note, &[verifier("example.com/log", 1)]),
            Ok(checkpoint)
        );
    }

    #[test]
    fn a_wrong_line_of_a_known_witness_is_an_error() {
        let (checkpoint, note) = signed();
        let known = [witness("w1", 9)];
        let line = cosign(&checkpoint.body(), "w1", &key(9), 100).unwrap();
        let bytes = STANDARD
            .decode(line.strip_prefix("— w1 ").unwrap().trim_end())
            .unwrap();
        for at in 4..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let note = format!("{note}— w1 {}\n", STANDARD.encode(changed));
            let found = cosignatures(&Note::parse(&note).unwrap(), &known);
            assert_eq!(found, Err(NoteError::BadSignature), "byte {at}");
        }
        let other = cosign("example.com/log\n6\n", "w1", &key(9), 100).unwrap();
        let note = format!("{note}{other}");
        let found = cosignatures(&Note::parse(&note).unwrap(), &known);
        assert_eq!(found, Err(NoteError::BadSignature));
        let late = cosign(&checkpoint.body(), "w1", &key(9), u64::MAX).unwrap();
        let (_, note) = signed();
        let note = format!("{note}{late}");
        let found = cosignatures(&Note::parse(&note).unwrap(), &known);
        assert_eq!(found, Err(NoteError::BadSignature));
    }

    #[test]
    fn witness_keys_read_back_and_are_no_log_keys() {
        let text = witness("w1.example/x", 9).to_text();
        assert_eq!(WitnessKey::parse(&text), Ok(witness("w1.example/x", 9)));
        assert!(VerifierKey::parse(&text).is_err());
        assert!(WitnessKey::parse(&verifier("w1.example/x", 9).to_text()).is_err());
        for text in [
            "",
            "w1",
            "w1+00",
            "w1+00000000+",
            &text.replace("w1", "w2"),
            &text.replace("w1", "w 1"),
        ] {
            assert!(WitnessKey::parse(text).is_err(), "{text}");
        }
    }
}
