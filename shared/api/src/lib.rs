//! The API as clients see it: views of the domain's types, requests and replies of API Gateway, problems, and the
//! contract of the routes. Nothing here decides, and nothing here calls AWS.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod asked;
#[cfg(feature = "schema")]
pub mod contract;
pub mod http;
pub mod invoked;
pub mod query;
pub mod route;
pub mod view;
