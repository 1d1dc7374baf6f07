//! What stands inside macros, which syn does not parse: the rules that tokens show by themselves.

use std::ops::Range;

use proc_macro2::{Spacing, TokenStream, TokenTree};

use super::rules::Rule;

/// A rule that a token breaks: the text that says so, and where.
pub(super) struct Broken {
    pub(super) rule: Rule,
    pub(super) message: String,
    pub(super) span: Range<usize>,
}

/// All findings in a macro's tokens, nested groups included.
///
/// The groups are walked with a list, not by recursion: what a source nests is its author's choice.
pub(super) fn check(tokens: &TokenStream) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut waiting = vec![tokens.clone()];
    while let Some(tokens) = waiting.pop() {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            let next = |by: usize| tokens.get(index.saturating_add(by));
            let before = index.checked_sub(1).and_then(|before| tokens.get(before));
            let after = |expected: char| before.is_some_and(|token| is_punct(token, expected));
            match token {
                TokenTree::Group(group) => waiting.push(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    // `pair.0.1` holds the literal `0.1`, and is no float.
                    if !after('.') && is_float(&text) {
                        broken.push(Broken {
                            rule: Rule::Float,
                            message: format!("the float {text}"),
                            span: literal.span().byte_range(),
                        });
                    }
                }
                TokenTree::Ident(ident) => {
                    let path_follows = || {
                        next(1).is_some_and(is_joint_colon)
                            && next(2).is_some_and(|token| is_punct(token, ':'))
                    };
                    let text = ident.to_string();
                    let found = match text.as_str() {
                        "unsafe" => Some((Rule::Unsafe, "`unsafe` inside a macro".to_owned())),
                        "f16" | "f32" | "f64" | "f128" => {
                            Some((Rule::Float, format!("the float type {text}")))
                        }
                        "std" if path_follows() => {
                            Some((Rule::Std, "a use of std inside a macro".to_owned()))
                        }
                        // A lifetime is no static.
                        "static" if !after('\'') => {
                            Some((Rule::Static, "a static inside a macro, which nobody looks at".to_owned()))
                        }
                        // Not `env != x`; what follows may be a macro's variable.
                        name if next(1).is_some_and(|token| is_punct(token, '!'))
                            && !next(2).is_some_and(|token| is_punct(token, '=')) =>
                        {
                            called(name).map(|rule| (rule, format!("{name}! inside a macro")))
                        }
                        _ => None,
                    };
                    if let Some((rule, message)) = found {
                        broken.push(Broken { rule, message, span: ident.span().byte_range() });
                    }
                }
                TokenTree::Punct(_) => {}
            }
        }
    }
    broken
}

/// The rule that the call of a macro breaks by its name.
pub(super) fn called(name: &str) -> Option<Rule> {
    match name {
        "asm" | "global_asm" | "naked_asm" => Some(Rule::Assembly),
        "env" | "option_env" => Some(Rule::Environment),
        // Where the file lies depends on where the tokens end up.
        "include" | "include_str" | "include_bytes" => Some(Rule::Outside),
        "thread_local" | "lazy_static" => Some(Rule::Static),
        _ => None,
    }
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn is_joint_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint)
}

/// Whether a literal's text is a float: digits with a point, an exponent or a float's suffix.
fn is_float(text: &str) -> bool {
    matches!(syn::parse_str::<syn::Lit>(text), Ok(syn::Lit::Float(_)))
}
