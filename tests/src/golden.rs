//! Golden files: what people and machines read, as it was looked at and found good. `UPDATE_EXPECT=1` writes them anew.

use std::path::{Path, PathBuf};

use aws_stand_ins::Message;
use expect_test::expect_file;
use serde_json::Value;

/// Where the files are.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// The text is that of `golden/<name>`.
#[track_caller]
pub fn text(name: &str, found: &str) {
    expect_file![folder().join(name)].assert_eq(found);
}

/// The JSON, with ids that are new every time made alike, is that of `golden/<name>.json`.
#[track_caller]
pub fn json(name: &str, found: &Value) {
    let found = serde_json::to_string_pretty(found).unwrap();
    text(&format!("{name}.json"), &format!("{}\n", alike(&found)));
}

/// The mail is that of `golden/<name>.txt` (addressee, subject, text) and `golden/<name>.html`.
#[track_caller]
pub fn mail(name: &str, found: &Message) {
    let head = format!(
        "From: {}\nTo: {}\nSubject: {}\n\n",
        found.from,
        found.to.join(", "),
        found.subject
    );
    text(&format!("{name}.txt"), &format!("{head}{}", found.text));
    text(&format!("{name}.html"), &found.html);
}

/// Card ids are random: they become `card_1`, `card_2` and so on, in the order in which they appear.
fn alike(text: &str) -> String {
    let mut seen = Vec::new();
    let mut parts = text.split("card_");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part
            .find(|c: char| !c.is_ascii_hexdigit())
            .unwrap_or(part.len());
        out.push_str("card_");
        if end < 32 {
            out.push_str(part);
            continue;
        }
        let (id, rest) = part.split_at(end);
        let at = seen.iter().position(|one| *one == id).unwrap_or_else(|| {
            seen.push(id);
            seen.len() - 1
        });
        out.push_str(&format!("{}{rest}", at + 1));
    }
    out
}
