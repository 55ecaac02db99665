//! Signed notes in the public format of C2SP (<https://c2sp.org/signed-note>), in which the
//! checkpoints of our logs are published.
//!
//! ```text
//! text, ending in a newline
//!
//! — name base64( key id 4 | signature )
//! ```

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::derive::{first, sha256_parts};
use super::sign::{PublicKey, SigningKey};

const ED25519: u8 = 1;
/// Longest note that is looked at, in bytes.
const MAX_NOTE: usize = 1 << 20;
/// Most signature lines that are looked at.
const MAX_SIGNATURES: usize = 100;

/// Why a note or a verifier key was not made or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NoteError {
    /// A key name is empty or has a space or a plus sign in it.
    #[error("key name is empty or contains a space or a plus sign")]
    Name,
    /// The text is empty, does not end in a newline, or has a control character in it.
    #[error("text of the note is not one that can be signed")]
    Text,
    /// The note is too long, or is not a text, an empty line and signature lines.
    #[error("malformed signed note")]
    Form,
    /// Not `name+key id+key`, an unknown kind of key, or an id that is not the key's own.
    #[error("malformed verifier key")]
    VerifierKey,
    /// A line claims to be signed by a known key, and is not.
    #[error("a signature by a known key does not verify")]
    BadSignature,
    /// None of the known keys has signed.
    #[error("the note is not signed by any known key")]
    Unsigned,
}

/// The public half of a note signer: a name and an Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: PublicKey,
}

impl VerifierKey {
    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// A verifier for the signatures of `key` under `name`.
    ///
    /// # Errors
    /// [`NoteError::Name`].
    pub fn new(name: &str, key: PublicKey) -> Result<Self, NoteError> {
        if !valid_name(name) {
            return Err(NoteError::Name);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// Reads `name+key id+key`.
    ///
    /// # Errors
    /// [`NoteError::VerifierKey`] or [`NoteError::Name`].
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::VerifierKey);
        };
        let bytes = STANDARD.decode(encoded).map_err(|_| NoteError::VerifierKey)?;
        let Some((&ED25519, key)) = bytes.split_first() else {
            return Err(NoteError::VerifierKey);
        };
        let key = <[u8; 32]>::try_from(key).map_err(|_| NoteError::VerifierKey)?;
        let verifier = Self::new(name, PublicKey::from_bytes(key))?;
        if hex(verifier.id()) == id {
            Ok(verifier)
        } else {
            Err(NoteError::VerifierKey)
        }
    }

    /// The text that an auditor is given: `name+key id+key`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let encoded = STANDARD.encode([&[ED25519][..], self.key.as_bytes()].concat());
        format!("{}+{}+{encoded}", self.name, hex(self.id()))
    }

    /// The name that stands in the signature line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)`.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        first(&sha256_parts(&[
            self.name.as_bytes(),
            b"\n",
            &[ED25519],
            self.key.as_bytes(),
        ]))
    }
}

/// Signs `text` as `name`: the text, an empty line and one signature line.
///
/// # Errors
/// [`NoteError::Text`] or [`NoteError::Name`].
pub fn sign_note(text: &str, name: &str, key: &SigningKey) -> Result<String, NoteError> {
    let id = VerifierKey::new(name, key.public())?.id();
    if !valid_text(text) {
        return Err(NoteError::Text);
    }
    let signed = STANDARD.encode([&id[..], &key.sign(text.as_bytes())].concat());
    Ok(format!("{text}\n— {name} {signed}\n"))
}

/// A note taken apart. Nothing is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// What is signed, with its last newline.
    pub text: &'a str,
    /// The signature lines in their order.
    pub signatures: Vec<NoteSignature<'a>>,
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature<'a> {
    /// The name of the key.
    pub name: &'a str,
    /// The id of the key.
    pub key_id: [u8; 4],
    /// The signature itself; 64 bytes if it is an Ed25519 one.
    pub signature: Vec<u8>,
}

impl<'a> Note<'a> {
    /// Takes a note apart.
    ///
    /// # Errors
    /// [`NoteError::Form`] or [`NoteError::Text`].
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE {
            return Err(NoteError::Form);
        }
        // The last empty line ends the text; the text may have empty lines of its own.
        let split = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, lines) = note.split_at_checked(split + 1).ok_or(NoteError::Form)?;
        let lines = lines.strip_prefix('\n').and_then(|l| l.strip_suffix('\n'));
        let lines = lines.ok_or(NoteError::Form)?;
        if !valid_text(text) {
            return Err(NoteError::Text);
        }
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::Form);
        }
        let signatures = lines.split('\n').map(signature_line).collect::<Option<_>>();
        Ok(Self {
            text,
            signatures: signatures.ok_or(NoteError::Form)?,
        })
    }

    /// The known keys that have signed, each once. Lines by unknown keys are passed over, as the
    /// format demands; a wrong signature by a known key is an error.
    ///
    /// # Errors
    /// [`NoteError::BadSignature`] or [`NoteError::Unsigned`].
    pub fn signers<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, NoteError> {
        let mut signers: Vec<&VerifierKey> = Vec::new();
        for line in &self.signatures {
            let by = known
                .iter()
                .find(|key| key.name == line.name && key.id() == line.key_id);
            let Some(key) = by else { continue };
            if !key.key.verifies(self.text.as_bytes(), &line.signature) {
                return Err(NoteError::BadSignature);
            }
            if !signers.contains(&key) {
                signers.push(key);
            }
        }
        if signers.is_empty() {
            Err(NoteError::Unsigned)
        } else {
            Ok(signers)
        }
    }
}

/// The text of a note that at least one of the `known` keys has signed.
///
/// # Errors
/// [`NoteError`] for a note that is malformed, wrongly signed, or not signed by a known key.
pub fn verify_note<'a>(note: &'a str, known: &[VerifierKey]) -> Result<&'a str, NoteError> {
    let note = Note::parse(note)?;
    note.signers(known)?;
    Ok(note.text)
}

fn signature_line(line: &str) -> Option<NoteSignature<'_>> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    if !valid_name(name) {
        return None;
    }
    let bytes = STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = bytes.split_first_chunk::<4>()?;
    if signature.is_empty() {
        return None;
    }
    Some(NoteSignature {
        name,
        key_id: *key_id,
        signature: signature.to_vec(),
    })
}

fn valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

fn valid_text(text: &str) -> bool {
    text.ends_with('\n') && !text.contains(|c: char| c < ' ' && c != '\n')
}

fn hex(id: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::secret::Secret32;
    use proptest::prelude::*;

    /// The example of the Go implementation, `golang.org/x/mod/sumdb/note`.
    const GO_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                           then you don't know what your problem is.\n";
    const GO_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFY\
                           C2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    fn go_key() -> SigningKey {
        let bytes = STANDARD.decode(GO_SEED).unwrap();
        SigningKey::from_seed(Secret32::from_slice(&bytes[1..]).unwrap()).unwrap()
    }

    #[test]
    fn the_verifier_key_of_c2sp_reads_and_writes() {
        for text in [
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            GO_VERIFIER,
        ] {
            assert_eq!(VerifierKey::parse(text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn the_example_of_go_is_made_and_verified() {
        let note = format!("{GO_TEXT}\n{GO_LINE}");
        assert_eq!(sign_note(GO_TEXT, "PeterNeumann", &go_key()).unwrap(), note);
        let verifier = VerifierKey::parse(GO_VERIFIER).unwrap();
        assert_eq!(verify_note(&note, &[verifier]), Ok(GO_TEXT));
    }

    #[test]
    fn malformed_verifier_keys_are_refused() {
        for text in [
            "",
            "example.com/foo",
            "example.com/foo+530d903a",
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U",
            "example.com/foo+530d903a+",
            "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        ] {
            assert!(VerifierKey::parse(text).is_err(), "{text}");
        }
        assert_eq!(
            VerifierKey::new("two words", go_key().public()),
            Err(NoteError::Name)
        );
    }

    #[test]
    fn a_note_without_a_good_known_signature_is_refused() {
        let known = [VerifierKey::parse(GO_VERIFIER).unwrap()];
        let other = SigningKey::from_seed(Secret32::from_bytes([1; 32])).unwrap();
        let by_other = sign_note(GO_TEXT, "PeterNeumann", &other).unwrap();
        assert_eq!(verify_note(&by_other, &known), Err(NoteError::Unsigned));
        assert_eq!(verify_note(&by_other, &[]), Err(NoteError::Unsigned));

        let changed = format!("{}\n{GO_LINE}", GO_TEXT.replace("answer", "Answer"));
        assert_eq!(verify_note(&changed, &known), Err(NoteError::BadSignature));

        // Someone else's line beside ours does no harm, and does not count.
        let (_, other_line) = by_other.rsplit_once("\n\n").unwrap();
        let both = format!("{GO_TEXT}\n{other_line}{GO_LINE}{GO_LINE}");
        assert_eq!(Note::parse(&both).unwrap().signers(&known).unwrap().len(), 1);
    }

    #[test]
    fn malformed_notes_are_refused() {
        let good = format!("{GO_TEXT}\n{GO_LINE}");
        let many = format!("{GO_TEXT}\n{}", GO_LINE.repeat(101));
        let long = format!("{}\n{good}", "a".repeat(MAX_NOTE));
        for note in [
            "",
            "\n\n",
            GO_TEXT,
            GO_LINE,
            good.trim_end(),
            &good.replace("— ", "- "),
            &good.replace("\n\n", "\n"),
            &good.replace("PeterNeumann ", "Peter+Neumann "),
            &good.replace('=', ""),
            &good.replace("think", "th\tink"),
            &format!("{good}tail\n"),
            &format!("{GO_TEXT}\n— PeterNeumann x08gow==\n"),
            &many,
            &long,
        ] {
            assert!(Note::parse(note).is_err(), "{note:.200}");
        }
        assert_eq!(sign_note("no newline", "n", &go_key()), Err(NoteError::Text));
        assert_eq!(sign_note("a\n", "a b", &go_key()), Err(NoteError::Name));
    }

    proptest! {
        #[test]
        fn every_text_that_can_be_signed_verifies(text in "([a-z —]{0,9}\n){1,5}") {
            let key = go_key();
            let verifier = VerifierKey::new("log.example/x", key.public()).unwrap();
            let note = sign_note(&text, "log.example/x", &key).unwrap();
            prop_assert_eq!(verify_note(&note, &[verifier]), Ok(text.as_str()));
        }

        #[test]
        fn no_input_makes_the_parser_fail_otherwise(text in "(?s).{0,80}") {
            let _ = Note::parse(&text);
            let _ = VerifierKey::parse(&text);
        }
    }
}
