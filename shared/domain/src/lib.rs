//! The rules of Offramp: which people keep access and cards, and until when.
//!
//! The crate is pure: no async, no clock, no randomness, no environment, no SDK. `now` is always a parameter.
//! [`decide()`] holds every rule of the lifecycle. The other modules define the types that it takes and returns.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod actor;
pub mod address;
pub mod breaker;
pub mod card;
pub mod decide;
pub mod digest;
pub mod employee;
pub mod event;
pub mod grounds;
mod hex;
pub mod history;
pub mod hold;
pub mod ids;
pub mod invitations;
pub mod lifecycle;
mod logins;
pub mod objective;
pub mod power;
pub mod pulse;
pub mod refused;
pub mod roster;
pub mod settings;
pub mod snapshot;
mod standing;
pub mod timer;
pub mod user;

pub use actor::{Actor, SubjectKind, TimerKind};
pub use address::{Answering, FormerAddress, Had, who_answers};
pub use breaker::{Breaker, Counted, Figures, Tripped, Verdict};
pub use card::{Card, CardKind, CardStatus};
pub use decide::{
    AdminsChange, Answered, Change, Context, Decision, Gate, LoginChange, Refusal, SyncRule, Zone,
    decide,
};
pub use digest::{DigestMinute, Health, Notice, NoticeKey, NoticeKind};
pub use employee::{
    Arrival, Field, Fingerprint, HrEvent, HrRecord, HrStatus, HrWord, ImplausibleDate,
    InvalidField, MOST_REJECTED, Merge, PendingMark, PersonHash, Warning, Watermark,
    plausible_leave_date,
};
pub use event::{Departure, Event};
pub use grounds::{Ground, GroundKind, GroundState, Grounds, IgnoredBy, LeaveGround, Postponement};
pub use hex::hex;
pub use history::{Entry, Happening, Ignored};
pub use hold::{
    Eyes, FirstApproval, Held, Hold, HoldAnswer, HoldState, Roll, Run, RunKind, Unfinished,
};
pub use ids::{
    CardId, Email, EmployeeId, Epoch, EventId, Generation, GivenReason, HoldId, InvalidId, Login,
    ObjectiveId, OrgId, RunId, SnapshotId, SourceId, Subject,
};
pub use invitations::{Grant, Invited};
pub use lifecycle::{
    Access, AtEnd, Cause, Deactivation, Leave, LeavePlan, Lifecycle, Origin, Pending, Reopening,
    Role, Schedule, Status, Whose,
};
pub use logins::Logins;
pub use objective::{Objective, ObjectiveStatus};
pub use power::{PersonPower, Power, SourcePower};
pub use pulse::{Listening, Pulse};
pub use refused::{Refusals, Refused};
pub use settings::{Policy, Settings, SourceSync, SyncRules, Undone};
pub use snapshot::{Snapshot, SnapshotQueue, SnapshotState, Step};
pub use timer::Timer;
pub use user::{CompactUser, LookAlike, User};
