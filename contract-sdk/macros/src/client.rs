//! `#[interface]` and `client!`: typed clients of other contracts.

use contract_sdk_bindgen::client::{Method, structure, tokens};
use contract_sdk_bindgen::{Interface, Kind};
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::{
    Block, Error, FnArg, Ident, ItemFn, ItemTrait, LitStr, Pat, Result, Token, TraitItem, TraitItemFn,
    parse_quote,
};

use crate::contract::all_or;
use crate::{docs, signature};

/// Makes a struct of the trait.
pub(crate) fn from_trait(arguments: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "#[interface] takes no arguments"));
    }
    let item: ItemTrait = syn::parse2(item).map_err(|error| {
        Error::new(error.span(), "#[interface] stands on a trait with another contract's functions")
    })?;
    let mut problems = Vec::new();
    if !item.generics.params.is_empty() || !item.supertraits.is_empty() {
        problems.push(Error::new(
            item.ident.span(),
            "a contract's functions are a plain trait: no parameters, no bounds",
        ));
    }
    let methods = item.items.into_iter().filter_map(|item| method(item, &mut problems)).collect::<Vec<_>>();
    let client = structure(&item.vis, &item.ident, &docs::text(&item.attrs), &methods);
    all_or(problems, client)
}

fn method(item: TraitItem, problems: &mut Vec<Error>) -> Option<Method> {
    let TraitItem::Fn(TraitItemFn { attrs, sig, default, .. }) = item else {
        problems.push(Error::new(item.span(), "a contract has functions alone"));
        return None;
    };
    if let Some(body) = default {
        problems.push(Error::new(body.span(), "the function's code is the other contract's: end with `;`"));
    }
    let empty: Block = parse_quote!({});
    let mut function = ItemFn { attrs, vis: parse_quote!(pub), sig, block: Box::new(empty) };
    let marked =
        ["init", "call", "view"].iter().any(|mark| function.attrs.iter().any(|at| at.path().is_ident(mark)));
    if !marked {
        let text = "mark the function with #[call], #[view] or #[init], as the contract does";
        problems.push(Error::new(function.sig.ident.span(), text));
        return None;
    }
    let read = signature::read(&mut function, problems)?;
    let params = function.sig.inputs.iter().skip(1).filter_map(|input| match input {
        FnArg::Typed(argument) => match &*argument.pat {
            Pat::Ident(pattern) => Some((pattern.ident.clone(), argument.ty.to_token_stream())),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    let kind = match () {
        () if read.is_init() => Kind::Init,
        () if read.is_view() => Kind::View,
        () => Kind::Call,
    };
    Some(Method {
        params: params.collect(),
        kind,
        payable: read.is_payable(),
        returns: read.returns.to_token_stream(),
        ident: read.ident,
        docs: read.docs,
    })
}

/// `"token.json"` or `"token.json" as coin`.
struct File {
    path: LitStr,
    module: Option<Ident>,
}

impl Parse for File {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let path = input.parse()?;
        let module = if input.is_empty() {
            None
        } else {
            input.parse::<Token![as]>()?;
            Some(input.parse()?)
        };
        Ok(Self { path, module })
    }
}

/// Makes a module of the interface in the file.
pub(crate) fn from_json(item: TokenStream) -> Result<TokenStream> {
    let File { path, module } = syn::parse2(item)?;
    let problem = |text: String| Error::new(path.span(), text);
    let name = path.value();
    let full = std::path::Path::new(&manifest_folder()).join(&name);
    let json = std::fs::read_to_string(&full)
        .map_err(|error| problem(format!("{name}, from the folder of Cargo.toml: {error}")))?;
    let interface: Interface = json.parse().map_err(|error| problem(format!("{name}: {error}")))?;
    let client = tokens(&interface, module.as_ref()).map_err(|error| problem(error.to_string()))?;
    let full = full.display().to_string();
    // So that cargo builds again when the file changes; the text itself goes nowhere.
    Ok(quote! {
        const _: &str = ::core::include_str!(#full);
        #client
    })
}

/// Where the `Cargo.toml` of the crate being built is.
#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a macro by this alone where the author's files are"
)]
fn manifest_folder() -> String {
    std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;

    fn expanded(functions: &str) -> String {
        let text = format!("/// A shop.\npub trait Shop {{ {functions} }}");
        from_trait(&TokenStream::new(), TokenStream::from_str(&text).unwrap()).unwrap().to_string()
    }

    fn refused(item: &str, message: &str) {
        let error = from_trait(&TokenStream::new(), TokenStream::from_str(item).unwrap()).unwrap_err();
        let found: Vec<String> = error.into_iter().map(|problem| problem.to_string()).collect();
        assert!(found.len() == 1 && found[0].contains(message), "{item}\n{found:?}\nwanted: {message}");
    }

    #[test]
    fn functions_become_methods() {
        let text = expanded(
            "#[call] #[payable] fn buy(ctx: &mut Context, what: &str) -> Result<u64>;
             #[view] fn price(ctx: &Context) -> u64;
             #[init] fn open(ctx: &mut Context, name: String) -> Result<ObjectId>;",
        );
        for part in [
            "pub struct Shop",
            "what : & str , value : u64) -> :: contract_sdk :: Result < u64 >",
            "fn price (& self , ctx : & :: contract_sdk :: Context ,) -> :: contract_sdk :: Result < u64 >",
            "fn deploy",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn what_is_no_function_of_a_contract_is_refused() {
        refused("struct A;", "stands on a trait");
        refused("trait A<T> {}", "plain trait");
        refused("trait A { type B; }", "functions alone");
        refused("trait A { fn f(ctx: &mut Context); }", "mark the function");
        refused("trait A { #[call] fn f(ctx: &mut Context) {} }", "end with `;`");
        refused("trait A { #[call] fn f(ctx: &mut Context, x: f32); }", "floats differ");
        refused("trait A { #[call] fn f(&self, x: u8); }", "the first parameter of a contract function is");
    }

    #[test]
    fn a_file_that_is_not_there_or_no_interface_is_named() {
        let error = |text: &str| from_json(TokenStream::from_str(text).unwrap()).unwrap_err().to_string();
        assert!(error(r#""no-such.json""#).contains("no-such.json"));
        assert!(error(r#""Cargo.toml""#).contains("Cargo.toml: expected value at line 1"));
        assert!(error(r#""a.json" in b"#).contains("expected `as`"));
    }
}
