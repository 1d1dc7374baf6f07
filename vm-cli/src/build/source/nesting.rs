//! How deep a source nests, before anything that recurses looks at it.
//!
//! The parser and the visitors recurse, by brackets and by what stands side by side: `1+1+1`, `!!!!x`, `A<A<A<u8>>>`. The
//! lexer does not, and neither does this. Brackets are counted as such; for the rest, what stands between two ends (`;`,
//! `,`, an item's closing brace) is taken to nest as deep as it has tokens, and what is inside its brackets deeper yet.
//! So [`STACK_BYTES`] bounds what a source can ask for, whatever it is made of.

use std::ops::Range;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The most brackets inside each other.
const BRACKETS_MAX: usize = 256;

/// The most tokens that may nest.
const TOKENS_MAX: usize = 16_384;

/// The stack for parser and visitors: a level of theirs takes less than 16 KiB, also in a debug build.
pub(super) const STACK_BYTES: usize = TOKENS_MAX << 14;

/// Where a source nests too deep, and what of it. Nothing where it is no Rust: the parser says so, and does not recurse.
pub(super) fn check(text: &str) -> Option<(Range<usize>, String)> {
    let mut waiting = vec![(lex(text)?, 0_usize, 0_usize)];
    while let Some((tokens, brackets, outside)) = waiting.pop() {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for run in runs(&tokens) {
            let nested = outside.saturating_add(run.len());
            let Some(first) = run.first() else { continue };
            if nested > TOKENS_MAX {
                let message = format!("an expression or type of more than {TOKENS_MAX} parts");
                return Some((first.span().byte_range(), message));
            }
            for token in run {
                let TokenTree::Group(group) = token else { continue };
                if brackets >= BRACKETS_MAX {
                    let message = format!("more than {BRACKETS_MAX} brackets inside each other");
                    return Some((group.span_open().byte_range(), message));
                }
                waiting.push((group.stream(), brackets.saturating_add(1), nested));
            }
        }
    }
    None
}

/// The tokens; a first line for a shell is blanked, as the parser skips it.
fn lex(text: &str) -> Option<TokenStream> {
    text.parse().ok().or_else(|| {
        let line = text.starts_with("#!").then(|| text.lines().next().map_or(0, str::len))?;
        format!("{}{}", " ".repeat(line), text.get(line..)?).parse().ok()
    })
}

/// Splits where nesting ends for certain.
fn runs(tokens: &[TokenTree]) -> Vec<&[TokenTree]> {
    let mut runs = Vec::new();
    let mut start = 0;
    // The commas of `A<B, A<B, u8>>` and of `|a, b| |c, d| e` end nothing.
    let mut commas_end = true;
    for (index, token) in tokens.iter().enumerate() {
        let next = index.saturating_add(1);
        let ends = match token {
            TokenTree::Punct(punct) => match punct.as_char() {
                ';' => true,
                ',' => commas_end,
                '<' | '|' => {
                    commas_end = false;
                    false
                }
                _ => false,
            },
            // An item's, unless the expression goes on.
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => match tokens.get(next) {
                Some(TokenTree::Ident(ident)) => ident != "else" && ident != "as",
                Some(TokenTree::Punct(punct)) => punct.as_char() == '#',
                Some(TokenTree::Literal(_)) => true,
                Some(TokenTree::Group(_)) | None => false,
            },
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        };
        if ends {
            runs.extend(tokens.get(start..next));
            start = next;
            commas_end = true;
        }
    }
    runs.extend(tokens.get(start..));
    runs
}
