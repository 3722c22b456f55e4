//! The stored form of a snapshot's pages: for each partition of the roster JSON lines, deflated, in chunks that fit an
//! item.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use offramp_domain::EmployeeId;

use crate::ports::{Chunk, ChunkId, Record};
use crate::{Fault, Result};

/// The most bytes of a chunk before compression. It fits an item of 400 KB even if nothing compresses.
const CHUNK_BYTES: usize = 340_000;

/// Splits a page into chunks by partition.
///
/// # Errors
/// A fault if a record cannot be written as JSON. No record is known for which that happens.
pub fn chunks(
    records: &[Record],
    page: u32,
    edition: &str,
    shard_of: impl Fn(&EmployeeId) -> u8,
) -> Result<Vec<Chunk>> {
    let mut shards: BTreeMap<u8, Vec<Vec<u8>>> = BTreeMap::new();
    for record in records {
        let mut line = serde_json::to_vec(record).map_err(|error| corrupt(&error))?;
        line.push(b'\n');
        let parts = shards.entry(shard_of(&record.employee_id)).or_default();
        match parts.last_mut() {
            Some(part) if part.len() + line.len() <= CHUNK_BYTES => part.append(&mut line),
            _ => parts.push(line),
        }
    }
    let mut chunks = Vec::new();
    for (shard, parts) in shards {
        for (part, lines) in parts.into_iter().enumerate() {
            chunks.push(Chunk {
                id: ChunkId {
                    page,
                    edition: edition.to_owned(),
                    shard,
                    part: u32::try_from(part).unwrap_or(u32::MAX),
                },
                bytes: deflated(&lines)?,
            });
        }
    }
    Ok(chunks)
}

/// The records of a chunk.
///
/// # Errors
/// A fault if [`chunks`] did not write the chunk.
pub fn records(chunk: &Chunk) -> Result<Vec<Record>> {
    let mut text = Vec::new();
    DeflateDecoder::new(chunk.bytes.as_slice())
        .read_to_end(&mut text)
        .map_err(|error| corrupt(&error))?;
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| Ok(serde_json::from_slice(line).map_err(|error| corrupt(&error))?))
        .collect()
}

fn deflated(lines: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(lines).map_err(|error| corrupt(&error))?;
    Ok(encoder.finish().map_err(|error| corrupt(&error))?)
}

fn corrupt(error: &dyn std::fmt::Display) -> Fault {
    Fault::corrupt("page", error.to_string())
}

#[cfg(test)]
mod tests {
    use offramp_domain::{Field, HrStatus, Warning};

    use super::*;
    use crate::ports::Said;

    #[test]
    fn a_page_comes_back_as_it_was_whatever_is_in_it() {
        let records: Vec<Record> = (0..3_000)
            .map(|n| Record {
                employee_id: EmployeeId::new(format!("E-{n}\u{10ffff}")).unwrap(),
                says: match n % 3 {
                    0 => Err("status must be active or inactive".to_owned()),
                    _ => Ok(Said {
                        status: HrStatus::Active,
                        fields: [(Field::Name, Some("ü".repeat(250))), (Field::Team, None)].into(),
                        unread: match n % 7 {
                            0 => vec![Warning {
                                field: "email".into(),
                                reason: "is not an e-mail address".into(),
                            }],
                            _ => Vec::new(),
                        },
                    }),
                },
                gone: n % 3 == 0,
            })
            .collect();
        let chunks = chunks(&records, 3, "e", |id| u8::from(id.as_str().contains('7'))).unwrap();
        assert!(chunks.len() > 2, "several parts of a partition");
        assert!(chunks.iter().all(|chunk| chunk.bytes.len() < 400_000));
        let mut back: Vec<Record> = chunks
            .iter()
            .flat_map(|chunk| super::records(chunk).unwrap())
            .collect();
        let mut records = records;
        let by_id = |a: &Record, b: &Record| a.employee_id.cmp(&b.employee_id);
        back.sort_by(by_id);
        records.sort_by(by_id);
        assert_eq!(back, records);
    }
}
