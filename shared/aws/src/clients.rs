//! The SDK clients. They use hyper 1 and rustls on ring, trust Amazon's roots, and do without `aws-config`.
//!
//! Time limits: a connection takes at most 1 second. An attempt takes at most [`AwsConfig::attempt_timeout`], which is
//! 3 seconds unless set. A call makes at most 3 attempts, with the SDK's standard back-off from 50 ms on. A call takes
//! at most three attempts and 1 second, which is 10 seconds unless set, well within a function's 29 seconds.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls::{self, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::config::{AwsConfig, ConfigError};

/// The root certificates of AWS endpoints: Amazon Root CA 1 to 4 and Starfield Services G2.
/// <https://www.amazontrust.com/repository/>. To load these five takes milliseconds less than to read the trust store
/// of the machine.
const ROOTS: &[u8] = include_bytes!("../roots.pem");
const ATTEMPTS: u32 = 3;
const CONNECT: Duration = Duration::from_secs(1);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

/// Makes clients that share one connection pool. A client costs about 0.25 ms, so a function makes only the clients
/// that it needs.
#[derive(Debug, Clone)]
pub struct Clients {
    config: AwsConfig,
    http: SharedHttpClient,
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $sdk:ident, $url:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $sdk::Client {
            let mut builder = $sdk::Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new(self.config.region.clone()))
                .credentials_provider(self.credentials())
                .http_client(self.http.clone())
                .retry_config(retries())
                .timeout_config(self.timeouts());
            if let Some(url) = &self.config.$url {
                builder = builder.endpoint_url(url);
            }
            $sdk::Client::from_conf(builder.build())
        }
    };
}

impl Clients {
    /// Prepares the connection pool. No connection is made yet.
    ///
    /// # Errors
    /// [`ConfigError::Roots`] if the file of `AWS_CA_BUNDLE` cannot be read.
    pub fn new(config: &AwsConfig) -> Result<Self, ConfigError> {
        let roots = match &config.ca_bundle {
            Some(path) => {
                std::fs::read(path).map_err(|error| ConfigError::Roots(error.to_string()))?
            }
            None => ROOTS.to_vec(),
        };
        let trusted = TrustStore::empty()
            .with_native_roots(false)
            .with_pem_certificate(roots);
        let context = TlsContext::builder()
            .with_trust_store(trusted)
            .build()
            .map_err(|error| ConfigError::Roots(error.to_string()))?;
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(
                tls::rustls_provider::CryptoMode::Ring,
            ))
            .tls_context(context)
            .build_https();
        Ok(Self::over(config, http))
    }

    /// Clients on another HTTP client, such as that of `aws-config`.
    #[must_use]
    pub fn over(config: &AwsConfig, http: SharedHttpClient) -> Self {
        Self {
            config: config.clone(),
            http,
        }
    }

    client!(
        /// A client for DynamoDB.
        dynamodb, aws_sdk_dynamodb, dynamodb_url
    );
    client!(
        /// A client for EventBridge Scheduler.
        scheduler, aws_sdk_scheduler, scheduler_url
    );
    client!(
        /// A client for SES v2.
        sesv2, aws_sdk_sesv2, sesv2_url
    );
    client!(
        /// A client for KMS.
        kms, aws_sdk_kms, kms_url
    );

    fn credentials(&self) -> Credentials {
        Credentials::new(
            self.config.access_key_id.clone(),
            self.config.secret_access_key.clone(),
            self.config.session_token.clone(),
            None,
            "environment",
        )
    }

    fn timeouts(&self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(self.config.attempt_timeout)
            .operation_timeout(self.config.attempt_timeout * ATTEMPTS + CONNECT)
            .build()
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
}
