//! What the system promises, told from outside; and what its sources promise.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod architecture;
mod bulk;
mod by_hand;
mod cards;
mod deliveries;
mod digests;
mod doors;
mod faults;
mod goldens;
mod grace;
mod limits;
mod people;
mod samples;
mod settings;
mod signatures;
mod sync_off;
