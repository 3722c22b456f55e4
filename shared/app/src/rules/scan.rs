//! Checks the text of a rule before it is parsed.
//!
//! The parser recurses along brackets *and* along chains like `a.b.c` and `a + b + c`. So do its visitor and the
//! evaluation. A chain that is long enough overflows the stack, and no code can catch that. So this module limits
//! nesting on the tokens. It reads strings by the rules of the grammar, so that no bracket in a string escapes the
//! count. It also refuses what rules never use: other kinds of literals, maps, and characters outside ASCII except in
//! strings.

use super::{MAX_DEPTH, RuleError};

/// An open bracket, and the depth of the tokens that follow it.
struct Level {
    open: char,
    at: usize,
    /// The depth at the beginning of the level.
    start: usize,
    /// `start`, plus one for each `?` since the last comma: `a ? b : c ? d : e` nests to the right.
    base: usize,
    /// The number of operators in a row since the last token that ends a chain.
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

/// The effect of a token on the depth.
enum Token {
    Nothing,
    /// The token makes a chain one longer.
    Link,
    /// `&&`, `||` and `:` end a chain. The parser balances the first two, and the `?` counts for the third.
    Break,
    Question,
    Comma,
    Open,
    Close,
}

/// The length of the next token in bytes. The error has an offset in the token and a message.
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

/// The length of a name, in bytes.
fn word(bytes: &[u8]) -> usize {
    let in_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    bytes.iter().take_while(|byte| in_word(byte)).count()
}

/// The length of a whole decimal number, in bytes.
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

/// The length of a string with its quotes, in bytes.
fn string(rest: &str, quote: char) -> Result<usize, (usize, &'static str)> {
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '\n' | '\r' => break,
            '\\' => escape(at, &mut chars)?,
            _ if char == quote => {
                let end = at + 1;
                // `""` and a third quote would open a string of several lines.
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

/// Reads an escape whose backslash was already read.
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
