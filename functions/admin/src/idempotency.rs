//! `Idempotency-Key`: a repeated request gets the same answer and has no effect.

use offramp_api::http::Reply;
use offramp_app::ports::{Receipt, Receipts};
use offramp_app::{Error, Result};
use ring::digest::{SHA256, digest};

use crate::Call;

/// The most characters in a key.
const KEY_CHARS: usize = 255;

/// The hash of a key, and the hash of the request that it came with.
pub(crate) struct Once {
    key: String,
    request: String,
}

impl Once {
    /// The receipt of an answer, for the transaction of the change.
    pub(crate) fn receipt(&self, reply: &Reply) -> Receipt {
        Receipt {
            key: self.key.clone(),
            request: self.request.clone(),
            status: reply.status,
            body: reply.body.clone(),
            version: reply.version,
        }
    }
}

impl Call<'_> {
    /// The request's key, `None` without one; or the stored answer of an earlier request with the same key.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key without 1 to 255 ASCII characters, [`Error::IdempotencyKeyReused`] if the key came with
    /// another request, or a fault.
    pub(crate) async fn once(&self) -> Result<std::result::Result<Option<Once>, Reply>> {
        let Some(key) = self.request.condition("idempotency-key")? else {
            return Ok(Ok(None));
        };
        if key.is_empty() || key.chars().count() > KEY_CHARS {
            return Err(Error::invalid(
                "/idempotency-key",
                "must be 1 to 255 characters",
            ));
        }
        let route = self.request.route();
        let path = ["id", "source", "card"]
            .map(|name| self.request.path(name))
            .join("\u{1f}");
        let body = self.request.body()?;
        let once = Once {
            key: hash(&[self.caller.subject().as_str().as_bytes(), key.as_bytes()]),
            request: hash(&[route.as_bytes(), path.as_bytes(), &body]),
        };
        match self.env.store.receipt(&self.org, &once.key).await? {
            Some(known) if known.request != once.request => Err(Error::IdempotencyKeyReused),
            Some(known) => Ok(Err(Reply::again(known.status, known.body, known.version))),
            None => Ok(Ok(Some(once))),
        }
    }

    /// Returns the stored answer if the request failed and an identical request with the same key has succeeded.
    pub(crate) async fn once_answered(
        &self,
        once: Option<&Once>,
        done: Result<Reply>,
    ) -> Result<Reply> {
        match (done, once) {
            (Err(error), Some(_)) => match self.once().await {
                Ok(Err(before)) => Ok(before),
                _ => Err(error),
            },
            (done, _) => done,
        }
    }
}

fn hash(parts: &[&[u8]]) -> String {
    let mut text = Vec::new();
    for part in parts {
        text.extend_from_slice(&(part.len() as u64).to_be_bytes());
        text.extend_from_slice(part);
    }
    offramp_domain::hex(digest(&SHA256, &text).as_ref())
}
