//! What a snapshot is compared with: a few bytes for each person whom a source knows.

use sha2::{Digest, Sha256};

use crate::employee::{Field, HrEvent, HrStatus, HrWord};
use crate::lifecycle::Status;
use crate::user::User;

/// Changes whenever the form below changes.
const VERSION: u8 = 1;
/// Bytes kept of a field's hash: a changed value goes unnoticed with a chance of 1 in 10^12.
const HASH: usize = 5;
/// Where the hashes begin.
const FIELDS: usize = 3;
/// A field that was never sent.
const NEVER: [u8; HASH] = [0; HASH];
/// A field that was cleared.
const CLEARED: [u8; HASH] = [0xff; HASH];

/// The first byte of the print of somebody who is active: what a source's people are counted by.
pub const ACTIVE: u8 = b'a';

/// The print of a user: status, version of the form, HR's word, and a hash of each field that HR has
/// sent. 48 bytes.
#[must_use]
pub fn print(user: &User) -> Vec<u8> {
    let mut print = vec![status(user.status()), VERSION, word(user.hr_word())];
    let sent: std::collections::BTreeMap<Field, Option<&str>> =
        user.hr.iter().flat_map(|record| record.sent()).collect();
    for field in Field::ALL {
        print.extend(match sent.get(&field) {
            None => NEVER,
            Some(value) => hash(*value),
        });
    }
    print
}

/// Whether what a snapshot says of somebody is, in all that it says, what their print says: then
/// there is nothing to read and nothing to write. Another form of print says nothing.
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
    Field::ALL.into_iter().all(|field| {
        let known = hashes.next();
        match event.fields.get(&field) {
            None => true,
            Some(value) => known == Some(hash(value.as_deref()).as_slice()),
        }
    })
}

/// Whether HR's word was that they are missing.
#[must_use]
pub fn is_missing(print: &[u8]) -> bool {
    print.get(2) == Some(&word(Some(HrWord::Missing)))
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

fn hash(value: Option<&str>) -> [u8; HASH] {
    let Some(value) = value else { return CLEARED };
    let mut hash = NEVER;
    for (to, from) in hash.iter_mut().zip(Sha256::digest(value.as_bytes())) {
        *to = from;
    }
    hash
}
