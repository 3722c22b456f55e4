use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::error::Error;
use crate::persist::File;
use crate::shared::Shared;
use crate::sync::{epoch_seconds, lock};
use crate::wire::{Answer, Request};

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The most that KMS encrypts in one call, in bytes.
const MOST_PLAINTEXT: usize = 4096;
const FORMAT: u8 = 1;

/// The KMS stand-in. Clones are the same. Its keys lie open in the data directory: it protects nothing.
#[derive(Clone)]
pub struct Kms(pub(crate) Arc<Shared>);

impl Kms {
    /// A copy of its keys.
    #[must_use]
    pub fn keys(&self) -> Keys {
        lock(&self.0.keys).clone()
    }

    /// Makes a symmetric key with an alias (`offramp` or `alias/offramp`) and returns its ARN. Where the alias exists,
    /// the key that it names is taken.
    ///
    /// # Errors
    /// [`Error::Randomness`], and [`Error::Io`] when the key cannot be saved.
    pub fn create_key(&self, alias: &str) -> Result<String, Error> {
        let alias = format!("alias/{}", alias.strip_prefix("alias/").unwrap_or(alias));
        let mut keys = lock(&self.0.keys);
        if let Some(key) = keys.keys.iter().find(|key| key.alias == alias) {
            return Ok(arn(&self.0, key));
        }
        let key = Key {
            id: Uuid::new_v4(),
            alias,
            created: self.0.clock.now(),
            material: STANDARD.encode(random::<32>().ok_or(Error::Randomness)?),
        };
        let arn = arn(&self.0, &key);
        keys.keys.push(key);
        // At once: what is encrypted with a lost key is lost.
        if let Ok(bytes) = serde_json::to_vec(&*keys) {
            self.0.store.write_now(File::Keys, &bytes)?;
        }
        Ok(arn)
    }
}

/// All keys of a KMS stand-in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Keys {
    keys: Vec<Key>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Key {
    id: Uuid,
    alias: String,
    created: DateTime<Utc>,
    /// 32 bytes in base64.
    material: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    key_id: Option<String>,
    plaintext: Option<String>,
    ciphertext_blob: Option<String>,
    encryption_context: BTreeMap<String, String>,
    encryption_algorithm: Option<String>,
    key_spec: Option<String>,
    number_of_bytes: Option<usize>,
}

/// A refusal: KMS's error and its message.
type Refusal = (&'static str, String);

pub(crate) fn handle(shared: &Shared, operation: &str, request: &Request) -> Answer {
    let Ok(input) = serde_json::from_slice::<Input>(&request.body) else {
        return error(
            400,
            "SerializationException",
            "The request body is not what KMS takes",
        );
    };
    let done = match input.encryption_algorithm.as_deref() {
        None | Some("SYMMETRIC_DEFAULT") => match operation {
            "Encrypt" => encrypt(shared, &input),
            "Decrypt" => decrypt(shared, &input),
            "GenerateDataKey" => generate_data_key(shared, &input),
            "DescribeKey" => describe_key(shared, &input),
            _ => Err((
                "UnknownOperationException",
                "The KMS stand-in does not do that".to_owned(),
            )),
        },
        Some(_) => refuse("InvalidKeyUsageException", "The key is symmetric"),
    };
    match done {
        Ok(output) => Answer::json(200, CONTENT_TYPE, &output),
        Err(("KMSInternalException", message)) => error(500, "KMSInternalException", &message),
        Err((code, message)) => error(400, code, &message),
    }
}

/// An error in KMS's shape.
pub(crate) fn error(status: u16, code: &str, message: &str) -> Answer {
    Answer::type_error(status, CONTENT_TYPE, code, message)
}

fn encrypt(shared: &Shared, input: &Input) -> Result<Value, Refusal> {
    let key = find(shared, input)?;
    let plaintext = blob(input.plaintext.as_deref(), "plaintext")?;
    if plaintext.is_empty() || plaintext.len() > MOST_PLAINTEXT {
        return refuse(
            "ValidationException",
            "'plaintext' must have between 1 and 4096 bytes",
        );
    }
    let sealed = seal(&key, plaintext, &input.encryption_context)?;
    Ok(json!({
        "CiphertextBlob": STANDARD.encode(sealed),
        "KeyId": arn(shared, &key),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

fn decrypt(shared: &Shared, input: &Input) -> Result<Value, Refusal> {
    let sealed = blob(input.ciphertext_blob.as_deref(), "ciphertextBlob")?;
    let invalid = || ("InvalidCiphertextException", String::new());
    let (head, rest) = sealed.split_at_checked(17).ok_or_else(invalid)?;
    let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or_else(invalid)?;
    let id = head[1..]
        .try_into()
        .map(Uuid::from_bytes)
        .map_err(|_| invalid())?;
    let key = lock(&shared.keys)
        .keys
        .iter()
        .find(|key| key.id == id)
        .cloned();
    let key = key.filter(|_| head[0] == FORMAT).ok_or_else(invalid)?;
    if input.key_id.is_some() && find(shared, input)?.id != key.id {
        return refuse(
            "IncorrectKeyException",
            "The key that was named did not encrypt this",
        );
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| invalid())?;
    let mut body = body.to_vec();
    let plaintext = cipher(&key)?
        .open_in_place(
            nonce,
            Aad::from(associated(&key, &input.encryption_context)),
            &mut body,
        )
        .map_err(|_| invalid())?;
    Ok(json!({
        "KeyId": arn(shared, &key),
        "Plaintext": STANDARD.encode(plaintext),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

fn generate_data_key(shared: &Shared, input: &Input) -> Result<Value, Refusal> {
    let key = find(shared, input)?;
    let length = match (input.key_spec.as_deref(), input.number_of_bytes) {
        (Some("AES_256"), None) => 32,
        (Some("AES_128"), None) => 16,
        (None, Some(length @ 1..=1024)) => length,
        _ => {
            return refuse(
                "ValidationException",
                "Either KeySpec or NumberOfBytes (1 to 1024) is needed",
            );
        }
    };
    let mut plaintext = vec![0; length];
    SystemRandom::new()
        .fill(&mut plaintext)
        .map_err(|_| internal())?;
    let sealed = seal(&key, plaintext.clone(), &input.encryption_context)?;
    Ok(json!({
        "CiphertextBlob": STANDARD.encode(sealed),
        "Plaintext": STANDARD.encode(plaintext),
        "KeyId": arn(shared, &key),
    }))
}

fn describe_key(shared: &Shared, input: &Input) -> Result<Value, Refusal> {
    let key = find(shared, input)?;
    Ok(json!({"KeyMetadata": {
        "AWSAccountId": shared.config.account,
        "Arn": arn(shared, &key),
        "CreationDate": epoch_seconds(key.created),
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "Description": "",
        "Enabled": true,
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "KeyId": key.id,
        "KeyManager": "CUSTOMER",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": false,
        "Origin": "AWS_KMS",
    }}))
}

/// The key that is named by id, ARN, alias or alias ARN.
fn find(shared: &Shared, input: &Input) -> Result<Key, Refusal> {
    let named = input.key_id.as_deref().unwrap_or_default();
    if named.is_empty() {
        return refuse("ValidationException", "'keyId' must not be null");
    }
    let prefix = format!(
        "arn:aws:kms:{}:{}:",
        shared.config.region, shared.config.account
    );
    let found = lock(&shared.keys)
        .keys
        .iter()
        .find(|key| {
            let local = named.strip_prefix(&prefix).unwrap_or(named);
            local == key.alias || local.strip_prefix("key/").unwrap_or(local) == key.id.to_string()
        })
        .cloned();
    found.ok_or_else(|| ("NotFoundException", format!("Key '{named}' does not exist")))
}

/// Format, key id and nonce, then what AES-256-GCM makes of the plaintext.
fn seal(
    key: &Key,
    plaintext: Vec<u8>,
    context: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Refusal> {
    let nonce = random::<NONCE_LEN>().ok_or_else(internal)?;
    let mut body = plaintext;
    cipher(key)?
        .seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated(key, context)),
            &mut body,
        )
        .map_err(|_| internal())?;
    let mut sealed = vec![FORMAT];
    sealed.extend_from_slice(key.id.as_bytes());
    sealed.extend_from_slice(&nonce);
    sealed.append(&mut body);
    Ok(sealed)
}

fn cipher(key: &Key) -> Result<LessSafeKey, Refusal> {
    let material = STANDARD.decode(&key.material).map_err(|_| internal())?;
    UnboundKey::new(&AES_256_GCM, &material)
        .map(LessSafeKey::new)
        .map_err(|_| internal())
}

/// The key and the encryption context, each part after its length, in the order of the context's keys.
fn associated(key: &Key, context: &BTreeMap<String, String>) -> Vec<u8> {
    let mut bytes = key.id.as_bytes().to_vec();
    for part in context.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

fn blob(text: Option<&str>, member: &str) -> Result<Vec<u8>, Refusal> {
    let text = text.ok_or_else(|| {
        (
            "ValidationException",
            format!("'{member}' must not be null"),
        )
    })?;
    STANDARD.decode(text).map_err(|_| {
        (
            "SerializationException",
            format!("'{member}' is not base64"),
        )
    })
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).ok().map(|()| bytes)
}

fn arn(shared: &Shared, key: &Key) -> String {
    format!(
        "arn:aws:kms:{}:{}:key/{}",
        shared.config.region, shared.config.account, key.id
    )
}

fn internal() -> Refusal {
    (
        "KMSInternalException",
        "The operation failed internally".to_owned(),
    )
}

fn refuse<T>(code: &'static str, message: &str) -> Result<T, Refusal> {
    Err((code, message.to_owned()))
}
