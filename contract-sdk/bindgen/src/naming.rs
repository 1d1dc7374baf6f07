//! Names as Rust writes them.

use proc_macro2::{Ident, Span};

/// `UpperCamelCase` of a name of letters, digits and `_`.
pub(crate) fn camel(name: &str) -> String {
    let mut out = String::new();
    for word in name.split('_') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// `snake_case` of it.
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// The name as an identifier, raw where it is a keyword; `None` if no form of it is one.
pub(crate) fn ident(name: &str) -> Option<Ident> {
    match syn::parse_str::<Ident>(name) {
        Ok(_) => Some(Ident::new(name, Span::call_site())),
        Err(_) => {
            syn::parse_str::<Ident>(&format!("r#{name}")).ok()?;
            Some(Ident::new_raw(name, Span::call_site()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_their_case() {
        assert_eq!(
            (camel("simple_token"), snake("SimpleToken")),
            ("SimpleToken".into(), "simple_token".into())
        );
        assert_eq!((camel("Counter"), snake("counter")), ("Counter".into(), "counter".into()));
        assert_eq!(camel("a__b"), "AB");
    }

    #[test]
    fn keywords_are_written_raw_and_the_impossible_is_none() {
        assert_eq!(ident("type").unwrap().to_string(), "r#type");
        assert_eq!(ident("amount").unwrap().to_string(), "amount");
        assert!(ident("self").is_none() && ident("0").is_none() && ident("a-b").is_none());
    }
}
