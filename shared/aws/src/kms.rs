//! Webhook secrets, sealed by a KMS key that serves nothing else.
//!
//! The encryption context binds a ciphertext to its organisation, source and version. KMS does not open a ciphertext
//! that was moved to another one. `admin` may only encrypt, `hr-sync` only decrypt.
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

/// How many opened secrets are kept in memory. When the number is reached, all are dropped.
const KEPT: usize = 1_024;

/// Seals secrets with a KMS key.
#[derive(Debug, Clone)]
pub struct Sealer {
    client: Client,
    key: String,
}

impl Sealer {
    /// Seals with the key `key`, an ARN.
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

/// Opens sealed secrets with a KMS key, and keeps up to 1,024 of them in memory. A kept secret is never out of date,
/// because a rotated secret has another ciphertext.
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
    /// Opens secrets that the key `key`, an ARN, has sealed.
    #[must_use]
    pub fn new(client: Client, key: String) -> Self {
        Self {
            client,
            key,
            opened: Mutex::default(),
        }
    }

    /// Connects to KMS without calling an operation.
    ///
    /// # Errors
    /// A fault if no connection could be made.
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
