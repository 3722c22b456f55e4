//! What the system promises, told from outside; and what its sources promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod architecture;
mod between;
mod binaries;
mod breaker;
mod bulk;
mod by_hand;
mod cards;
mod cursors;
mod deliveries;
mod digests;
mod doors;
mod exit;
mod faults;
mod feeds;
mod first_admin;
mod goldens;
mod grace;
mod grounds;
mod health;
mod holds;
mod known_source;
mod lag;
mod leave_dates;
mod leavers;
mod limits;
mod mails;
mod me;
mod mutations;
mod objectives;
mod openapi;
mod people;
mod rehearsals;
mod reports;
mod samples;
mod settings;
mod signatures;
mod snapshot_kills;
mod snapshots;
mod stored_form;
mod stream;
mod sweeps;
mod sync_off;
mod sync_rules;
mod telemetry;
