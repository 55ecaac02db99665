//! The key above all others.
//!
//! Loading it is not done here: this room reads no files.

use super::aead::NONCE_LEN;
use super::frame::Frame;
use super::keyring::KeyName;
use super::person_key::{KeyError, check_value, unwrap, wrap};
use super::secret::Secret32;

/// The key that wraps tenant keys and epoch keys, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKey(Secret32);

impl RootKey {
    /// A root key from its 32 bytes.
    #[must_use]
    pub fn new(secret: Secret32) -> Self {
        Self(secret)
    }

    /// Sixteen bytes by which the right root key is recognised at start; tell nothing about it.
    #[must_use]
    pub fn check_value(&self) -> [u8; 16] {
        check_value(&self.0)
    }

    /// Wraps version `version` of the key `name` of a network. `nonce` must be fresh random bytes.
    ///
    /// # Errors
    /// None that can occur: 32 bytes are never too long for the cipher.
    pub fn wrap_tenant_key(
        &self,
        tenant: &str,
        name: &KeyName,
        version: u8,
        nonce: [u8; NONCE_LEN],
        key: &Secret32,
    ) -> Result<Vec<u8>, KeyError> {
        wrap(&self.0, &tenant_key_place(tenant, name, version), nonce, key)
    }

    /// Opens a wrapped tenant key.
    ///
    /// # Errors
    /// [`KeyError`] for anything but the key wrapped for this network, name and version.
    pub fn unwrap_tenant_key(
        &self,
        tenant: &str,
        name: &KeyName,
        version: u8,
        wrapped: &[u8],
    ) -> Result<Secret32, KeyError> {
        unwrap(&self.0, &tenant_key_place(tenant, name, version), wrapped)
    }

    /// Wraps the key of epoch `epoch` of a network. `nonce` must be fresh random bytes.
    ///
    /// # Errors
    /// None that can occur: 32 bytes are never too long for the cipher.
    pub fn wrap_epoch_key(
        &self,
        tenant: &str,
        epoch: u64,
        nonce: [u8; NONCE_LEN],
        key: &Secret32,
    ) -> Result<Vec<u8>, KeyError> {
        wrap(&self.0, &epoch_key_place(tenant, epoch), nonce, key)
    }

    /// Opens a wrapped epoch key.
    ///
    /// # Errors
    /// [`KeyError`] for anything but the key wrapped for this network and epoch.
    pub fn unwrap_epoch_key(&self, tenant: &str, epoch: u64, wrapped: &[u8]) -> Result<Secret32, KeyError> {
        unwrap(&self.0, &epoch_key_place(tenant, epoch), wrapped)
    }
}

fn tenant_key_place(tenant: &str, name: &KeyName, version: u8) -> Frame {
    Frame::new("akk1")
        .text("tenant-key")
        .text(tenant)
        .text(&name.to_string())
        .number(u64::from(version))
}

fn epoch_key_place(tenant: &str, epoch: u64) -> Frame {
    Frame::new("akk1").text("epoch-key").text(tenant).number(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret32 {
        Secret32::from_bytes([byte; 32])
    }

    #[test]
    fn a_tenant_key_opens_under_its_own_name_only() {
        let root = RootKey::new(secret(1));
        let scheme = KeyName::BlindIndex("card".to_owned());
        let wrapped = root
            .wrap_tenant_key("zuid", &scheme, 1, [0; 12], &secret(2))
            .unwrap();
        assert_eq!(
            root.unwrap_tenant_key("zuid", &scheme, 1, &wrapped),
            Ok(secret(2))
        );
        let wrong = [
            root.unwrap_tenant_key("noord", &scheme, 1, &wrapped),
            root.unwrap_tenant_key("zuid", &KeyName::BlindIndex("mail".into()), 1, &wrapped),
            root.unwrap_tenant_key("zuid", &KeyName::Token, 1, &wrapped),
            root.unwrap_tenant_key("zuid", &scheme, 2, &wrapped),
            root.unwrap_epoch_key("zuid", 1, &wrapped),
            RootKey::new(secret(9)).unwrap_tenant_key("zuid", &scheme, 1, &wrapped),
        ];
        for opened in wrong {
            assert_eq!(opened, Err(KeyError::Refused));
        }
        assert_ne!(root.check_value(), RootKey::new(secret(9)).check_value());
    }

    #[test]
    fn an_epoch_key_opens_in_its_own_epoch_only() {
        let root = RootKey::new(secret(1));
        let wrapped = root.wrap_epoch_key("zuid", 5, [0; 12], &secret(2)).unwrap();
        assert_eq!(root.unwrap_epoch_key("zuid", 5, &wrapped), Ok(secret(2)));
        assert_eq!(root.unwrap_epoch_key("zuid", 6, &wrapped), Err(KeyError::Refused));
        assert_eq!(
            root.unwrap_epoch_key("noord", 5, &wrapped),
            Err(KeyError::Refused)
        );
    }
}
