//! `Idempotency-Key`: the same request again gets the same answer and does nothing.

use offramp_api::http::Reply;
use offramp_app::ports::{Receipt, Receipts};
use offramp_app::{Error, Result};
use ring::digest::{SHA256, digest};

use crate::Call;

/// Characters in a key at most.
const KEY_CHARS: usize = 255;

/// A key, with what it was sent for.
pub(crate) struct Once {
    key: String,
    request: String,
}

impl Once {
    /// The receipt of an answer; goes into the same transaction as what was done.
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
    /// The key of the request, or the answer that it got before.
    pub(crate) async fn once(&self) -> Result<std::result::Result<Option<Once>, Reply>> {
        let Some(key) = self.request.header("idempotency-key") else {
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

    /// The answer of a request that may have lost against its own twin: that one's, where it has a receipt.
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
