//! The rules of the domain: the lifecycle table and the decisions below it, the merge, a model that
//! arbitrary stories are held against, and the JSON that is stored and sent.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod access;
mod breaker;
mod breaker_stories;
mod by_hand;
mod day;
mod decisions;
mod facts;
mod golden;
mod grounds;
mod invariants;
mod invitations;
mod kept_access;
mod leave;
mod leaves;
mod lifecycle;
mod marks;
mod merge;
mod model;
mod objectives;
mod own_delays;
mod reasons;
mod reminders;
mod replay;
mod settings;
mod snapshot;
mod stage;
mod steady;
mod steps;
mod stored;
mod stories;
mod words;
mod work;
mod working_days;
mod world;
