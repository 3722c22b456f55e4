//! What is refused before the parser sees it.
//!
//! The parser recurses along brackets *and* along chains like `a.b.c` and `a + b + c`, and so do
//! its visitor and the evaluation: a long enough chain overflows the stack, which nothing can
//! catch. So nesting is bounded here, on the tokens, and strings are read by the grammar's own
//! rules, so that no bracket hides from the count in one. What the rules never use (other kinds of
//! literals, maps, anything but ASCII outside strings) ends here too.

use super::{MAX_DEPTH, RuleError};

/// An open bracket, and how deep what follows it is.
struct Level {
    open: char,
    at: usize,
    /// Depth where the level begins.
    start: usize,
    /// The same, and one for each `?` since the last comma: `a ? b : c ? d : e` nests to the right.
    base: usize,
    /// Operators in a row since the last thing that ends a chain.
    chain: usize,
}

/// Checks characters, strings, numbers and nesting.
pub(super) fn scan(source: &str) -> Result<(), RuleError> {
    let mut levels = vec![Level {
        open: ' ',
        at: 0,
        start: 0,
        base: 0,
        chain: 0,
    }];
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let at = source.len() - rest.len();
        let refuse = |message: &str| Err(RuleError::at(source, at, message));
        let (length, token) = match token(rest) {
            Ok(found) => found,
            Err((offset, message)) => return Err(RuleError::at(source, at + offset, message)),
        };
        rest = rest.get(length..).unwrap_or_default();
        let Some(level) = levels.last_mut() else {
            return refuse("this bracket was never opened");
        };
        match token {
            Token::Nothing => continue,
            Token::Link => level.chain += 1,
            Token::Break => level.chain = 0,
            Token::Question => {
                level.base += 1;
                level.chain = 0;
            }
            Token::Comma => {
                level.base = level.start;
                level.chain = 0;
            }
            Token::Open => {
                level.chain += 1;
                let depth = level.base + level.chain;
                levels.push(Level {
                    open: first,
                    at,
                    start: depth,
                    base: depth,
                    chain: 0,
                });
            }
            Token::Close => {
                let fits = matches!((level.open, first), ('(', ')') | ('[', ']'));
                if !fits {
                    return refuse("this bracket was never opened");
                }
                levels.pop();
            }
        }
        if levels
            .last()
            .is_some_and(|level| level.base + level.chain > MAX_DEPTH)
        {
            return refuse("the rule is nested deeper than 32");
        }
    }
    match levels.last() {
        Some(level) if level.open != ' ' => Err(RuleError::at(
            source,
            level.at,
            "this bracket is never closed",
        )),
        _ => Ok(()),
    }
}

/// What a token does to the depth.
enum Token {
    Nothing,
    /// One more in a chain.
    Link,
    /// `&&`, `||` and `:` end a chain: the parser balances the first two, and `?` counts the third.
    Break,
    Question,
    Comma,
    Open,
    Close,
}

/// The length of the next token in bytes, or what is wrong with it and how far into it.
fn token(rest: &str) -> Result<(usize, Token), (usize, &'static str)> {
    let bytes = rest.as_bytes();
    let next = bytes.get(1).copied().unwrap_or_default();
    Ok(match bytes.first().copied().unwrap_or_default() {
        b' ' | b'\t' | b'\r' | b'\n' => (1, Token::Nothing),
        b'/' if next == b'/' => (rest.find('\n').unwrap_or(rest.len()), Token::Nothing),
        quote @ (b'"' | b'\'') => (string(rest, char::from(quote))?, Token::Nothing),
        b'0'..=b'9' => (number(bytes)?, Token::Nothing),
        b'.' if next.is_ascii_digit() => return Err((0, "only whole numbers are supported")),
        b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
            let length = word(bytes);
            if matches!(bytes.get(length), Some(b'"' | b'\'')) {
                return Err((0, "a string may have no prefix"));
            }
            let operator = rest.get(..length) == Some("in");
            (
                length,
                if operator {
                    Token::Link
                } else {
                    Token::Nothing
                },
            )
        }
        b'(' | b'[' => (1, Token::Open),
        b')' | b']' => (1, Token::Close),
        b',' => (1, Token::Comma),
        b'?' => (1, Token::Question),
        b':' => (1, Token::Break),
        b'&' if next == b'&' => (2, Token::Break),
        b'|' if next == b'|' => (2, Token::Break),
        b'=' if next == b'=' => (2, Token::Link),
        b'=' => return Err((0, "a comparison is written ==")),
        b'!' | b'<' | b'>' if next == b'=' => (2, Token::Link),
        b'!' | b'<' | b'>' | b'.' | b'+' | b'-' | b'*' | b'/' | b'%' => (1, Token::Link),
        b'{' | b'}' => return Err((0, "maps are not supported")),
        _ => return Err((0, "this character may stand in a string only")),
    })
}

/// The length of a name.
fn word(bytes: &[u8]) -> usize {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    bytes.iter().take_while(|byte| in_word(byte)).count()
}

/// The length of a whole decimal number.
fn number(bytes: &[u8]) -> Result<usize, (usize, &'static str)> {
    let length = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let more = bytes.get(length..).unwrap_or_default();
    let fraction = matches!(more, [b'.', digit, ..] if digit.is_ascii_digit());
    if fraction || word(more) > 0 || matches!(more, [b'"' | b'\'', ..]) {
        return Err((0, "only whole numbers are supported"));
    }
    Ok(length)
}

/// The length of a string with its quotes.
fn string(rest: &str, quote: char) -> Result<usize, (usize, &'static str)> {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\n' | '\r' => break,
            '\\' => escape(at, &mut chars)?,
            _ if char == quote => {
                let end = at + 1;
                // `""` and a third quote would open a string of many lines.
                return match rest.get(end..).and_then(|more| more.chars().next()) {
                    Some('"' | '\'') => Err((end, "a string cannot follow a string")),
                    _ => Ok(end),
                };
            }
            _ => {}
        }
    }
    Err((0, "this string is not closed on its line"))
}

/// Reads past an escape whose backslash was read.
fn escape(
    at: usize,
    chars: &mut impl Iterator<Item = (usize, char)>,
) -> Result<(), (usize, &'static str)> {
    let wrong = (at, "this is not an escape; a backslash is written \\\\");
    let (radix, digits, mut code) = match chars.next().map(|(_, char)| char) {
        Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '"' | '\'' | '\\' | '?' | '`') => {
            return Ok(());
        }
        Some('x' | 'X') => (16, 2, 0),
        Some('u') => (16, 4, 0),
        Some('U') => (16, 8, 0),
        Some(first @ '0'..='3') => (8, 2, first.to_digit(8).unwrap_or_default()),
        _ => return Err(wrong),
    };
    for _ in 0..digits {
        let digit = chars.next().and_then(|(_, char)| char.to_digit(radix));
        code = digit
            .and_then(|digit| code.checked_mul(radix)?.checked_add(digit))
            .ok_or(wrong)?;
    }
    char::from_u32(code).map(|_| ()).ok_or(wrong)
}
