//! EventBridge Scheduler, Lambda with its event source mappings, SES v2, KMS and a front for DynamoDB, in one process and on loopback HTTP.
//!
//! The production adapters reach these services with the official SDKs and an endpoint override, so that what is tested
//! is what is deployed. Time is a [`Clock`] that can be moved: what falls due on the way fires in order.
//!
//! ```ignore
//! let cloud = Cloud::start(CloudConfig::new(Clock::running())).await?;
//! cloud.ses().verify("example.com");
//! cloud.lambda().register(Function::new("terminate", arn, Duration::from_secs(30), handler));
//! cloud.every(Duration::from_secs(300), "sweep", json!({}));
//! cloud.run(); // all functions are known: what falls due from now on fires in real time
//! cloud.advance(Duration::from_secs(72 * 3600)).await?;
//! ```

mod binary;
mod calls;
mod clock;
mod cloud;
mod config;
mod drive;
mod dynamodb;
mod error;
mod faults;
mod front;
mod http;
mod kms;
mod lag;
mod lambda;
mod persist;
mod queues;
mod runtime_api;
mod scheduler;
mod ses;
mod shared;
mod streams;
mod sync;
mod timers;
mod wire;

#[cfg(test)]
mod tests;

pub use binary::Binary;
pub use calls::{Call, Outcome};
pub use clock::Clock;
pub use cloud::Cloud;
pub use config::{CloudConfig, Endpoints, IssuerMatcher};
pub use error::Error;
pub use faults::{Fault, Faults, Lasting, Mode, Service};
pub use kms::{Keys, Kms};
pub use lambda::{
    Function, FunctionError, Handler, Invocation, InvocationContext, InvocationKind,
    InvocationOutcome, InvokeError, Lambda,
};
pub use queues::QueuedMessage;
pub use runtime_api::RuntimeApi;
pub use scheduler::{ScheduleView, Scheduler};
pub use ses::{Message, Ses};
pub use streams::{Pattern, StreamMapping};
