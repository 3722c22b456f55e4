//! Names in mails.

/// A person's name and id, as mails write them.
pub(super) fn called(name: &str, id: &str) -> String {
    if id == name {
        unlinked(id)
    } else {
        format!("{} ({})", unlinked(name), unlinked(id))
    }
}

/// The text with a word joiner (U+2060, of no width) behind each character by which mail clients know an address. HR and
/// whoever writes its records choose names, and a mail to admins must not carry their links.
pub(super) fn unlinked(text: &str) -> String {
    const JOINER: char = '\u{2060}';
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let goes_on = chars.peek().is_some_and(|next| !next.is_whitespace());
        if matches!(c, '.' | ':' | '/' | '@') && goes_on {
            out.push(JOINER);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_link_and_a_plain_one_stays_as_it_is() {
        for plain in [
            "Dr. Ada Okafor",
            "Lena Lindqvist",
            "O'Neil, J. R.",
            "E-1007",
            "a. b: c / d",
        ] {
            assert_eq!(unlinked(plain), plain);
        }
        let evil = "[Approve here](https://evil.example/approve) www.evil.example ada@evil.example";
        for name in [called(evil, "E-1"), called("Ada", evil), called(evil, evil)] {
            for link in [
                "://",
                "www.evil",
                "evil.example",
                "@evil",
                "example/approve",
            ] {
                assert!(!name.contains(link), "{link} in {name}");
            }
            // Only a character that nobody sees was added.
            assert!(name.replace('\u{2060}', "").contains(evil));
        }
    }
}
