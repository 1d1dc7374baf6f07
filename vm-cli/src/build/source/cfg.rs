//! Which items are compiled into a contract: `#[cfg]` as it stands for wasm32, release, no tests.

use proc_macro2::TokenStream;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Lit, Meta, Token};

/// Whether attributes leave their item out for certain.
pub(super) fn excluded(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        // `#[test]` functions exist in test builds alone.
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => evaluate_tokens(&list.tokens) == Some(false),
        Meta::List(_) | Meta::NameValue(_) => false,
    })
}

/// The attributes that hold: `cfg_attr` unfolded where its condition is or may be true.
pub(super) fn effective(attributes: &[Attribute]) -> Vec<Meta> {
    attributes.iter().flat_map(|attribute| unfold(&attribute.meta)).collect()
}

fn unfold(meta: &Meta) -> Vec<Meta> {
    let Meta::List(list) = meta else { return vec![meta.clone()] };
    if !list.path.is_ident("cfg_attr") {
        return vec![meta.clone()];
    }
    let Some(parts) = metas(&list.tokens) else { return Vec::new() };
    match parts.split_first() {
        Some((condition, attributes)) if evaluate(condition) != Some(false) => {
            attributes.iter().flat_map(unfold).collect()
        }
        Some(_) | None => Vec::new(),
    }
}

fn metas(tokens: &TokenStream) -> Option<Vec<Meta>> {
    let parser = Punctuated::<Meta, Token![,]>::parse_terminated;
    Some(parser.parse2(tokens.clone()).ok()?.into_iter().collect())
}

fn evaluate_tokens(tokens: &TokenStream) -> Option<bool> {
    match metas(tokens)?.as_slice() {
        [condition] => evaluate(condition),
        _ => None,
    }
}

/// The condition's value; none where it depends on features, or is not known here.
fn evaluate(condition: &Meta) -> Option<bool> {
    match condition {
        Meta::Path(path)
            if ["test", "debug_assertions", "unix", "windows"].iter().any(|name| path.is_ident(name)) =>
        {
            Some(false)
        }
        Meta::Path(_) => None,
        Meta::NameValue(pair) => {
            let Expr::Lit(value) = &pair.value else { return None };
            let Lit::Str(value) = &value.lit else { return None };
            let is = |expected: &str| Some(value.value() == expected);
            match pair.path.get_ident()?.to_string().as_str() {
                "target_arch" => is("wasm32"),
                "target_family" => is("wasm"),
                "target_os" => is("unknown"),
                "target_pointer_width" => is("32"),
                "target_endian" => is("little"),
                "panic" => is("abort"),
                _ => None,
            }
        }
        Meta::List(list) => {
            let values: Vec<_> = metas(&list.tokens)?.iter().map(evaluate).collect();
            match list.path.get_ident()?.to_string().as_str() {
                "all" => fold(&values, false),
                "any" => fold(&values, true),
                "not" => values.first().copied().flatten().map(|value| !value),
                _ => None,
            }
        }
    }
}

/// `all` is decided by one false, `any` by one true; else any unknown leaves it unknown.
fn fold(values: &[Option<bool>], decides: bool) -> Option<bool> {
    if values.contains(&Some(decides)) {
        Some(decides)
    } else if values.contains(&None) {
        None
    } else {
        Some(!decides)
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn conditions_stand_for_wasm_without_tests_and_unknown_stays_unknown() {
        let value = |condition: Meta| evaluate(&condition);
        assert_eq!(value(parse_quote!(test)), Some(false));
        assert_eq!(value(parse_quote!(not(test))), Some(true));
        assert_eq!(value(parse_quote!(target_arch = "wasm32")), Some(true));
        assert_eq!(value(parse_quote!(not(target_arch = "wasm32"))), Some(false));
        assert_eq!(value(parse_quote!(feature = "extra")), None);
        assert_eq!(value(parse_quote!(all(test, feature = "extra"))), Some(false));
        assert_eq!(value(parse_quote!(any(feature = "extra", not(test)))), Some(true));
        assert_eq!(value(parse_quote!(all(feature = "extra", not(test)))), None);
    }

    #[test]
    fn attributes_under_a_condition_that_holds_are_seen() {
        let file: syn::File = parse_quote! {
            #![cfg_attr(not(test), no_std)]
            #![cfg_attr(test, feature(x))]
        };
        let metas = effective(&file.attrs);
        assert_eq!(metas.len(), 1);
        assert!(metas[0].path().is_ident("no_std"));
    }
}
