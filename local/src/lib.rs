//! The whole system in one process: every Lambda function behind an API Gateway of its own, over an embedded DynamoDB
//! and the AWS stand-ins. It is for laptops and tests, and never deployed.
//!
//! What is deployed and what runs here cannot drift: routes, authorizers, environments, retries and the table are read
//! from `template.yaml`, the handlers are the functions' own, and they reach AWS through the production adapters with
//! another endpoint.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod acme;
mod bench;
pub mod cli;
pub mod client;
mod crowd;
mod database;
pub mod demo;
mod error;
mod files;
mod functions;
mod gateway;
pub mod identity;
mod image;
mod local_api;
mod meter;
pub mod openapi;
pub mod operate;
mod running;
mod say;
pub mod seed;
mod send;
mod serve;
pub mod signer;
mod stack;
mod store;
pub mod template;
pub mod usage;

pub use error::Error;
pub use image::Image;
pub use meter::Cost;
pub use stack::{Stack, StackConfig, USUAL_PORT};
