use std::collections::HashMap;

use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyState};

use super::{cloud, kms};

fn context(org: &str) -> Option<HashMap<String, String>> {
    Some(
        [("org", org), ("use", "secret")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
    )
}

#[tokio::test]
async fn what_is_encrypted_is_decrypted_under_the_same_context_only() {
    let cloud = cloud().await;
    let client = kms(&cloud);
    let arn = cloud.kms().create_key("offramp").unwrap();
    assert_eq!(cloud.kms().create_key("alias/offramp").unwrap(), arn);
    let id = arn.rsplit('/').next().unwrap();
    for name in [
        arn.as_str(),
        id,
        "alias/offramp",
        "arn:aws:kms:eu-west-1:123456789012:alias/offramp",
    ] {
        let sealed = client
            .encrypt()
            .key_id(name)
            .plaintext(Blob::new("secret"))
            .set_encryption_context(context("acme"))
            .send()
            .await
            .unwrap();
        assert_eq!(sealed.key_id(), Some(arn.as_str()));
        let blob = sealed.ciphertext_blob().unwrap().clone();
        assert!(!blob.as_ref().windows(6).any(|bytes| bytes == b"secret"));
        let open = |org| {
            client
                .decrypt()
                .ciphertext_blob(blob.clone())
                .set_encryption_context(context(org))
        };
        assert_eq!(
            open("acme")
                .send()
                .await
                .unwrap()
                .plaintext()
                .unwrap()
                .as_ref(),
            b"secret"
        );
        let wrong = open("other").send().await.unwrap_err().into_service_error();
        assert!(wrong.is_invalid_ciphertext_exception());
        let mut bytes = blob.clone().into_inner();
        *bytes.last_mut().unwrap() ^= 1;
        let forged = open("acme")
            .ciphertext_blob(Blob::new(bytes))
            .send()
            .await
            .unwrap_err()
            .into_service_error();
        assert!(forged.is_invalid_ciphertext_exception());
    }
}

#[tokio::test]
async fn keys_and_sizes_are_checked() {
    let cloud = cloud().await;
    let client = kms(&cloud);
    cloud.kms().create_key("one").unwrap();
    cloud.kms().create_key("two").unwrap();
    let encrypt = |key: &str, size: usize| {
        client
            .encrypt()
            .key_id(key)
            .plaintext(Blob::new(vec![7; size]))
            .send()
    };
    assert!(
        encrypt("alias/none", 1)
            .await
            .unwrap_err()
            .into_service_error()
            .is_not_found_exception()
    );
    for size in [0, 4097] {
        let error = encrypt("alias/one", size)
            .await
            .unwrap_err()
            .into_service_error();
        assert_eq!(error.code(), Some("ValidationException"));
    }
    let blob = encrypt("alias/one", 4096)
        .await
        .unwrap()
        .ciphertext_blob
        .unwrap();
    let other = client
        .decrypt()
        .key_id("alias/two")
        .ciphertext_blob(blob)
        .send()
        .await
        .unwrap_err();
    assert!(other.into_service_error().is_incorrect_key_exception());
    let short = client
        .decrypt()
        .ciphertext_blob(Blob::new("short"))
        .send()
        .await
        .unwrap_err();
    assert!(short.into_service_error().is_invalid_ciphertext_exception());
}

#[tokio::test]
async fn data_keys_are_made_and_keys_described() {
    let cloud = cloud().await;
    let client = kms(&cloud);
    let arn = cloud.kms().create_key("offramp").unwrap();
    let made = client
        .generate_data_key()
        .key_id("alias/offramp")
        .key_spec(DataKeySpec::Aes256)
        .set_encryption_context(context("acme"))
        .send()
        .await
        .unwrap();
    assert_eq!(made.plaintext().unwrap().as_ref().len(), 32);
    let opened = client
        .decrypt()
        .ciphertext_blob(made.ciphertext_blob().unwrap().clone())
        .set_encryption_context(context("acme"))
        .send()
        .await
        .unwrap();
    assert_eq!(opened.plaintext(), made.plaintext());
    let described = client
        .describe_key()
        .key_id("alias/offramp")
        .send()
        .await
        .unwrap()
        .key_metadata
        .unwrap();
    assert_eq!(
        (described.arn(), described.key_state()),
        (Some(arn.as_str()), Some(&KeyState::Enabled))
    );
}
