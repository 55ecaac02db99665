//! Entry bundles of C2SP tlog-tiles: entries one after the other, each behind its length as two bytes, big endian.
//!
//! One bundle holds the entries of one commit, or the 256 entries of a tile that is served. Entries are copied from the
//! first to the second without being changed.

/// Entries in a full bundle.
pub const WIDTH: usize = 256;
/// Longest entry, in bytes: what two bytes can count.
pub const MAX_ENTRY: usize = 65_535;

/// Why a bundle was not made or not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry of more than 65,535 bytes.
    #[error("an audit entry of {length} bytes is longer than the 65535 of the format")]
    TooLong {
        /// Its length, in bytes.
        length: usize,
    },
    /// The bytes end within an entry.
    #[error("byte {at}: the bundle ends within entry {entry}")]
    Truncated {
        /// Where the entry begins, counted from 0.
        at: usize,
        /// Which entry, counted from 0.
        entry: usize,
    },
}

/// Adds an entry at the end of a bundle. Nothing is added when it fails.
///
/// # Errors
/// [`BundleError::TooLong`].
pub fn push(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), BundleError> {
    let too_long = BundleError::TooLong { length: entry.len() };
    let length = u16::try_from(entry.len()).map_err(|_| too_long)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// A bundle of these entries.
///
/// # Errors
/// [`BundleError::TooLong`].
pub fn encode<'e>(entries: impl IntoIterator<Item = &'e [u8]>) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Vec::new();
    entries
        .into_iter()
        .try_for_each(|entry| push(&mut bundle, entry))?;
    Ok(bundle)
}

/// All entries of a bundle, or none if it is damaged.
///
/// # Errors
/// [`BundleError::Truncated`].
pub fn decode(bundle: &[u8]) -> Result<Vec<&[u8]>, BundleError> {
    entries(bundle).collect()
}

/// The entries of a bundle, one by one; after an error there are no more.
pub const fn entries(bundle: &[u8]) -> Entries<'_> {
    Entries {
        rest: bundle,
        at: 0,
        entry: 0,
    }
}

/// A part of a bundle that is a bundle again: `count` entries after the first `skip`, fewer if there are not so many.
/// The bytes are those of the bundle.
///
/// # Errors
/// [`BundleError::Truncated`], for damage before the end of the part.
pub fn slice(bundle: &[u8], skip: usize, count: usize) -> Result<&[u8], BundleError> {
    let mut entries = entries(bundle);
    advance(&mut entries, skip)?;
    let from = entries.at;
    advance(&mut entries, count)?;
    Ok(bundle.get(from..entries.at).unwrap_or_default())
}

fn advance(entries: &mut Entries<'_>, count: usize) -> Result<(), BundleError> {
    entries.take(count).try_for_each(|entry| entry.map(|_| ()))
}

/// See [`entries`].
#[derive(Debug, Clone)]
pub struct Entries<'b> {
    rest: &'b [u8],
    at: usize,
    entry: usize,
}

impl<'b> Iterator for Entries<'b> {
    type Item = Result<&'b [u8], BundleError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let found = self
            .rest
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| rest.split_at_checked(usize::from(u16::from_be_bytes(*length))));
        let Some((entry, rest)) = found else {
            self.rest = &[];
            return Some(Err(BundleError::Truncated {
                at: self.at,
                entry: self.entry,
            }));
        };
        self.rest = rest;
        self.at += 2 + entry.len();
        self.entry += 1;
        Some(Ok(entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bundle_is_these_bytes() {
        let bundle = encode([&b"ab"[..], b"", &[7; 300]]).unwrap();
        assert_eq!(bundle[..8], [0, 2, b'a', b'b', 0, 0, 1, 44]);
        assert_eq!(decode(&bundle).unwrap(), [&b"ab"[..], b"", &[7; 300]]);
        assert_eq!(slice(&bundle, 1, 1).unwrap(), [0, 0]);
        assert!(slice(&bundle, 3, 1).unwrap().is_empty());
        assert_eq!(slice(&bundle, 0, 9).unwrap(), bundle);
    }

    #[test]
    fn an_entry_too_long_leaves_the_bundle_as_it_was() {
        let mut bundle = encode([&b"ab"[..]]).unwrap();
        assert_eq!(
            push(&mut bundle, &[0; 65_536]),
            Err(BundleError::TooLong { length: 65_536 })
        );
        assert_eq!(bundle, [0, 2, b'a', b'b']);
        push(&mut bundle, &[0; 65_535]).unwrap();
        assert_eq!(decode(&bundle).unwrap().len(), 2);
    }

    #[test]
    fn a_cut_bundle_says_where() {
        let bundle = encode([&b"ab"[..], b"cde"]).unwrap();
        for length in 5..bundle.len() {
            let cut = BundleError::Truncated { at: 4, entry: 1 };
            assert_eq!(decode(&bundle[..length]), Err(cut));
            assert_eq!(entries(&bundle[..length]).count(), 2);
            assert_eq!(slice(&bundle[..length], 0, 1), Ok(&bundle[..4]));
            assert_eq!(slice(&bundle[..length], 0, 2), Err(cut));
        }
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(list in vec(vec(any::<u8>(), 0..40), 0..20), skip in 0_usize..22, count in 0_usize..22) {
            let bundle = encode(list.iter().map(Vec::as_slice)).unwrap();
            prop_assert_eq!(decode(&bundle).unwrap(), list.clone());
            let part = list.iter().skip(skip).take(count).map(Vec::as_slice);
            prop_assert_eq!(slice(&bundle, skip, count).unwrap(), encode(part).unwrap());
        }

        #[test]
        fn any_bytes_are_a_bundle_or_refused(bytes in vec(any::<u8>(), 0..60)) {
            if let Ok(list) = decode(&bytes) {
                prop_assert_eq!(encode(list).unwrap(), bytes);
            }
        }
    }
}
