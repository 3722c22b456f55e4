//! Webhook secrets, sealed by a KMS key of their own.
//!
//! The encryption context binds a ciphertext to its organisation, source and version: moved
//! elsewhere, it does not open. `admin` may only encrypt, `hr-sync` only decrypt.
//! <https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html>

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use offramp_app::Fault;
use offramp_app::ports::{SealContext, Seals, Unseals};

use crate::fault::fault;
use crate::prime;

/// Opened secrets that are kept in memory.
const KEPT: usize = 1_024;

/// Seals secrets.
#[derive(Debug, Clone)]
pub struct Sealer {
    client: Client,
    key: String,
}

impl Sealer {
    /// Seals with that key.
    #[must_use]
    pub fn new(client: Client, key: String) -> Self {
        Self { client, key }
    }
}

impl Seals for Sealer {
    async fn seal(&self, context: &SealContext<'_>, secret: &[u8]) -> Result<String, Fault> {
        let output = self
            .client
            .encrypt()
            .key_id(&self.key)
            .set_encryption_context(Some(encryption_context(context)))
            .plaintext(Blob::new(secret))
            .send()
            .await
            .map_err(|error| fault("kms", "Encrypt", &error))?;
        let sealed = output
            .ciphertext_blob
            .map(Blob::into_inner)
            .unwrap_or_default();
        Ok(STANDARD.encode(sealed))
    }
}

/// Opens sealed secrets, each once: a ciphertext never changes its meaning.
pub struct Opener {
    client: Client,
    key: String,
    opened: Mutex<HashMap<String, Vec<u8>>>,
}

impl std::fmt::Debug for Opener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opener")
    }
}

impl Opener {
    /// Opens what that key has sealed.
    #[must_use]
    pub fn new(client: Client, key: String) -> Self {
        Self {
            client,
            key,
            opened: Mutex::default(),
        }
    }

    /// Connects to KMS, and asks nothing of it.
    ///
    /// # Errors
    /// Where there is no connection to be had.
    pub async fn prime(&self) -> Result<(), Fault> {
        let call = self.client.decrypt().customize();
        let answer = call.mutate_request(prime::connection_only).send().await;
        prime::connected("kms", answer)
    }
}

impl Unseals for Opener {
    async fn unseal(&self, context: &SealContext<'_>, sealed: &str) -> Result<Vec<u8>, Fault> {
        let name = format!(
            "{}/{}/{}/{sealed}",
            context.org, context.source, context.version
        );
        if let Some(secret) = self
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&name)
        {
            return Ok(secret.clone());
        }
        let blob = STANDARD
            .decode(sealed)
            .map_err(|_| Fault::corrupt("Decrypt", "a sealed secret that is not base64"))?;
        let output = self
            .client
            .decrypt()
            .key_id(&self.key)
            .set_encryption_context(Some(encryption_context(context)))
            .ciphertext_blob(Blob::new(blob))
            .send()
            .await
            .map_err(|error| fault("kms", "Decrypt", &error))?;
        let secret = output.plaintext.map(Blob::into_inner).unwrap_or_default();
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if opened.len() >= KEPT {
            opened.clear();
        }
        opened.insert(name, secret.clone());
        Ok(secret)
    }
}

fn encryption_context(context: &SealContext<'_>) -> HashMap<String, String> {
    HashMap::from([
        ("organisation".to_owned(), context.org.to_string()),
        ("source".to_owned(), context.source.to_string()),
        ("version".to_owned(), context.version.to_string()),
    ])
}
