//! An organisation in a file of JSON lines, and back.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::door::Door;
use super::payload;
use crate::Error;
use crate::files::Unfinished;
use crate::say::say;

/// Bytes of lines in a step of an import: well within Lambda's 6 MB, and within its time.
const STEP: usize = 1024 * 1024;

/// Writes every line to the file, which is there only once it is whole, and gives what to say of it; or
/// to the standard output, and nothing else. An organisation of which nothing is stored is an error: the name
/// is wrong, or this is another stack.
pub(super) async fn export(
    door: &Door,
    org: &str,
    file: Option<PathBuf>,
    out: &mut dyn Write,
) -> Result<Option<Value>, Error> {
    let mut whole = file.as_deref().map(Unfinished::new).transpose()?;
    let mut count = 0_u64;
    // The first line says what the rest is: it waits until there is some.
    let mut first = None;
    let mut asked = payload("export", org);
    loop {
        let answer = door.invoke("apply", &Value::Object(asked.clone())).await?;
        for line in answer["lines"].as_array().into_iter().flatten() {
            count += 1;
            if count == 1 {
                first = Some(line.clone());
                continue;
            }
            for line in first.take().iter().chain([line]) {
                match &mut whole {
                    Some(file) => file.write(format!("{line}\n").as_bytes())?,
                    None => say(out, &line.to_string()),
                }
            }
        }
        if answer["next"].is_null() {
            break;
        }
        asked.insert("from".to_owned(), answer["next"].clone());
    }
    if count < 2 {
        let reason = format!("nothing is stored of {org}");
        return Err(Error::document("export", reason));
    }
    let (Some(file), Some(whole)) = (file, whole) else {
        return Ok(None);
    };
    whole.finish()?;
    Ok(Some(
        json!({ "org": org, "file": file.display().to_string(), "lines": count }),
    ))
}

/// Hands in the lines of the file, as many at once as a step takes.
pub(super) async fn import(door: &Door, org: &str, file: &Path) -> Result<Value, Error> {
    let name = file.display().to_string();
    let opened = File::open(file).map_err(Error::reading(file))?;
    let mut lines = BufReader::new(opened).lines();
    let mut next = || -> Result<Option<(usize, Value)>, Error> {
        let Some(line) = lines.next() else {
            return Ok(None);
        };
        let line = line.map_err(Error::file(file))?;
        let value = serde_json::from_str(&line).map_err(|error| Error::document(&name, error))?;
        Ok(Some((line.len(), value)))
    };
    let header = next()?.map(|(_, header)| header).unwrap_or_default();
    let export = header["id"].as_str().map(str::to_owned);
    let export = export.ok_or_else(|| Error::document(&name, "it does not begin as an export"))?;
    let mut waiting = vec![header];
    let mut bytes = 0;
    let mut more = true;
    let mut sums = [("written", 0), ("there", 0), ("armed", 0)];
    loop {
        while more && bytes < STEP {
            match next()? {
                Some((length, line)) => {
                    bytes += length;
                    waiting.push(line);
                }
                None => more = false,
            }
        }
        let mut asked = payload("import", org);
        asked.insert("export".to_owned(), json!(export));
        asked.insert("lines".to_owned(), json!(waiting));
        asked.insert("last".to_owned(), json!(!more));
        let answer = door.invoke("apply", &Value::Object(asked)).await?;
        for (word, sum) in &mut sums {
            *sum += answer[*word].as_u64().unwrap_or_default();
        }
        if answer["ended"] == true {
            break;
        }
        // What a step had no time for is handed in again.
        let taken = usize::try_from(answer["taken"].as_u64().unwrap_or_default());
        waiting.drain(..taken.unwrap_or_default().min(waiting.len()));
        bytes = waiting.iter().map(|line| line.to_string().len()).sum();
    }
    let sums = sums.map(|(word, sum)| (word.to_owned(), json!(sum)));
    let mut done = payload("import", org);
    done.extend(sums);
    Ok(Value::Object(done))
}
