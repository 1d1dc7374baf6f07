//! `#[contract]`: reads the module, reports all its mistakes, appends exports and interface.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Ident, Item, ItemMod, Path, Result, Token, parse_quote};

use crate::signature::{self, Function};

/// What the module offers.
#[derive(Default)]
struct Contract {
    functions: Vec<Function>,
    events: Vec<Ident>,
    errors: Vec<Ident>,
    objects: Vec<Ident>,
}

pub(crate) fn expand(arguments: &TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "#[contract] takes no arguments"));
    }
    let mut module: ItemMod = syn::parse2(item).map_err(|error| {
        Error::new(error.span(), "#[contract] stands on a module: `#[contract] mod token { ... }`")
    })?;
    let Some((_, items)) = &mut module.content else {
        return Err(Error::new(
            module.ident.span(),
            "the module of a contract stands in the same file, in braces",
        ));
    };
    let mut problems = Vec::new();
    let contract = read(items, &mut problems);
    if let Some(all) = problems.into_iter().reduce(|mut all, problem| {
        all.combine(problem);
        all
    }) {
        return Err(all);
    }
    items.push(Item::Verbatim(contract.generated(&module.ident.unraw().to_string())));
    Ok(quote!(#module))
}

fn read(items: &mut [Item], problems: &mut Vec<Error>) -> Contract {
    let mut contract = Contract::default();
    for item in items {
        match item {
            Item::Fn(function) => {
                if let Some(function) = signature::read(function, problems) {
                    if function.is_init() && contract.functions.iter().any(Function::is_init) {
                        problems
                            .push(Error::new(function.ident.span(), "a contract has at most one #[init]"));
                    }
                    contract.functions.push(function);
                }
            }
            Item::Struct(item) => {
                if take(&mut item.attrs, "event", problems) {
                    item.attrs.push(parse_quote!(#[derive(::contract_sdk::Encode, ::contract_sdk::Event)]));
                    contract.events.push(item.ident.clone());
                } else if derives(&item.attrs, "Event") {
                    contract.events.push(item.ident.clone());
                }
                if take(&mut item.attrs, "object", problems) {
                    item.attrs.push(parse_quote!(#[derive(::contract_sdk::ObjectRecord)]));
                    item.attrs.push(parse_quote!(#[allow(dead_code)]));
                    contract.objects.push(item.ident.clone());
                }
                misplaced(&item.attrs, &["error"], "errors are the variants of an enum", problems);
            }
            Item::Enum(item) => {
                let marked = take(&mut item.attrs, "error", problems);
                if marked {
                    item.attrs.push(parse_quote!(#[derive(::contract_sdk::ContractError)]));
                }
                if marked || derives(&item.attrs, "ContractError") {
                    if !contract.errors.is_empty() {
                        problems.push(Error::new(
                            item.ident.span(),
                            "a contract has one enum of errors: a variant's code is its position there",
                        ));
                    }
                    contract.errors.push(item.ident.clone());
                }
                misplaced(&item.attrs, &["event", "object"], "this mark stands on a struct", problems);
            }
            // Marks on what can't have them are left for the compiler to refuse.
            _ => {}
        }
    }
    contract
}

/// Takes the mark off the attributes: whether it was there.
fn take(attributes: &mut Vec<Attribute>, mark: &str, problems: &mut Vec<Error>) -> bool {
    let before = attributes.len();
    attributes.retain(|attribute| {
        let found = attribute.path().is_ident(mark);
        if found && !matches!(attribute.meta, syn::Meta::Path(_)) {
            problems.push(Error::new(attribute.span(), "this mark takes no arguments"));
        }
        !found
    });
    attributes.len() < before
}

fn misplaced(attributes: &[Attribute], marks: &[&str], text: &str, problems: &mut Vec<Error>) {
    let found =
        attributes.iter().filter(|attribute| marks.iter().any(|mark| attribute.path().is_ident(mark)));
    problems.extend(found.map(|attribute| Error::new(attribute.span(), text)));
}

/// Whether the attributes derive the macro with this name.
fn derives(attributes: &[Attribute], name: &str) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
        .filter_map(|attribute| {
            attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()
        })
        .flatten()
        .any(|path| path.segments.last().is_some_and(|segment| segment.ident == name))
}

impl Contract {
    fn generated(&self, name: &str) -> TokenStream {
        let Self { functions, events, errors, objects } = self;
        let definitions = functions.iter().map(Function::definition);
        let entries = functions.iter().map(Function::entry);
        let idents = functions.iter().map(|function| &function.ident);
        let names = functions.iter().map(|function| function.ident.unraw().to_string());
        let first = |idents: &[Ident]| -> Vec<TokenStream> {
            idents
                .iter()
                .map(|ident| quote!(<super::#ident as ::contract_sdk::interface::Records>::RECORDS[0]))
                .collect()
        };
        let (events, objects) = (first(events), first(objects));
        let errors = match errors.first() {
            Some(ident) => quote!(<super::#ident as ::contract_sdk::interface::Records>::RECORDS),
            None => quote!(&[]),
        };
        quote! {
            #[doc(hidden)]
            pub mod contract_sdk_generated {
                #[allow(unused_imports)]
                use super::*;

                /// What the contract offers.
                pub const INTERFACE: ::contract_sdk::interface::InterfaceDef =
                    ::contract_sdk::interface::InterfaceDef {
                        name: #name,
                        functions: &[#(#definitions),*],
                        events: &[#(#events),*],
                        errors: #errors,
                        objects: &[#(#objects),*],
                    };

                /// Its bytes, which the module carries. Without `#[used]`, which would also put them into its data.
                #[cfg_attr(target_arch = "wasm32", unsafe(link_section = "vm.interface"))]
                pub static INTERFACE_BYTES: [u8; INTERFACE.encoded_len()] = INTERFACE.encode();

                /// The exports by name.
                pub const ENTRIES: &[(&str, fn())] = &[#((#names, entries::#idents)),*];

                /// The exports.
                pub mod entries {
                    #[allow(unused_imports)]
                    use super::super::*;

                    #(#entries)*
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
