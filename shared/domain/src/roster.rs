//! The prints that a snapshot is compared with: 48 bytes for each employee that a source knows.

use sha2::{Digest, Sha256};

use crate::employee::{Field, HrEvent, HrStatus, HrWord};
use crate::lifecycle::Status;
use crate::user::User;

/// The version of the form below. It changes whenever the form changes.
const VERSION: u8 = 1;
/// Stands in place of the version for somebody whose new source has not spoken yet. It is no version, so whatever that source
/// says first is news: also that it lacks somebody whom the source before lacked.
const AWAITED: u8 = 0;
/// How many bytes of a field's hash are kept. A changed value goes unnoticed with a chance of 1 in 10^12.
const HASH: usize = 5;
/// The offset of the hashes, in bytes.
const FIELDS: usize = 3;
/// Stands for a field that was never sent.
const NEVER: [u8; HASH] = [0; HASH];
/// Stands for a field that was cleared.
const CLEARED: [u8; HASH] = [0xff; HASH];

/// The first byte of the print of an active user. The active people of a source are counted by it.
pub const ACTIVE: u8 = b'a';

/// The print of a user: status, version of the form, HR's last statement, and a hash of each field that HR has sent. It
/// has 48 bytes.
#[must_use]
pub fn print(user: &User) -> Vec<u8> {
    let version = if user.awaits_base { AWAITED } else { VERSION };
    let mut print = vec![status(user.status()), version, word(user.hr_word())];
    let sent: std::collections::BTreeMap<Field, Option<&str>> =
        user.hr.iter().flat_map(|record| record.sent()).collect();
    for field in Field::ALL {
        print.extend(match sent.get(field) {
            None => NEVER,
            Some(value) => hash(*field, *value),
        });
    }
    print
}

/// True if the snapshot states nothing about an employee that their print does not already have. Then nothing is read
/// or written for the employee. False for a print of another version.
#[must_use]
pub fn says_the_same(print: &[u8], event: &HrEvent) -> bool {
    let said = match event.status {
        HrStatus::Active => HrWord::Active,
        HrStatus::Inactive => HrWord::Inactive,
    };
    if print.get(1) != Some(&VERSION) || print.get(2) != Some(&word(Some(said))) {
        return false;
    }
    let mut hashes = print.get(FIELDS..).unwrap_or_default().chunks_exact(HASH);
    Field::ALL.iter().copied().all(|field| {
        let known = hashes.next();
        match event.fields.get(&field) {
            None => true,
            Some(value) => known == Some(hash(field, value.as_deref()).as_slice()),
        }
    })
}

/// True if the employee was missing from the last snapshot of the source.
#[must_use]
pub fn is_missing(print: &[u8]) -> bool {
    print.get(1) != Some(&AWAITED) && print.get(2) == Some(&word(Some(HrWord::Missing)))
}

fn status(status: Status) -> u8 {
    match status {
        Status::Active => ACTIVE,
        Status::DeactivationScheduled => b's',
        Status::Deactivated => b'd',
        Status::Deleted => b'x',
    }
}

fn word(word: Option<HrWord>) -> u8 {
    match word {
        Some(HrWord::Active) => b'a',
        Some(HrWord::Inactive) => b'i',
        Some(HrWord::Missing) => b'm',
        None => b'-',
    }
}

/// The hash of what a value says, however it is written.
fn hash(field: Field, value: Option<&str>) -> [u8; HASH] {
    let Some(value) = field.essence(value) else {
        return CLEARED;
    };
    let mut hash = NEVER;
    for (to, from) in hash.iter_mut().zip(Sha256::digest(value.as_bytes())) {
        *to = from;
    }
    hash
}
