//! `#[contract]`: reads the module or impl, reports all its mistakes, appends exports and interface.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, ImplItem, Item, ItemFn, ItemImpl, ItemMod, Meta, Path, Result, Token, Type, parse_quote,
};

use crate::object;
use crate::signature::{self, Function};

/// What the contract offers.
#[derive(Default)]
struct Contract {
    functions: Vec<Function>,
    events: Vec<Path>,
    errors: Vec<Path>,
    objects: Vec<Path>,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let stands = "#[contract] stands on a module, `#[contract] mod token { ... }`, or on an impl";
    match syn::parse2(item).map_err(|error| Error::new(error.span(), stands))? {
        Item::Mod(module) => over_module(&arguments, module),
        Item::Impl(block) => over_impl(arguments, block),
        other => Err(Error::new(other.span(), stands)),
    }
}

/// The expansion, or all that is wrong.
pub(crate) fn all_or(problems: Vec<Error>, expansion: TokenStream) -> Result<TokenStream> {
    let all = problems.into_iter().reduce(|mut all, problem| {
        all.combine(problem);
        all
    });
    all.map_or(Ok(expansion), Err)
}

/// The error for a mark that nobody took, with the item that it stands on.
pub(crate) fn misplaced(text: &str, item: TokenStream) -> TokenStream {
    let at = syn::parse2::<ItemFn>(item.clone())
        .map(|function| function.sig.ident.span())
        .unwrap_or_else(|_| item.span());
    let error = Error::new(at, text).into_compile_error();
    quote!(#error #item)
}

fn over_module(arguments: &TokenStream, mut module: ItemMod) -> Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(Error::new(arguments.span(), "#[contract] on a module takes no arguments"));
    }
    let Some((_, items)) = &mut module.content else {
        return Err(Error::new(
            module.ident.span(),
            "the module of a contract stands in the same file, in braces",
        ));
    };
    let mut problems = Vec::new();
    let contract = read(items, &mut problems);
    items.push(Item::Verbatim(contract.generated(&module.ident.unraw().to_string(), &TokenStream::new())));
    all_or(problems, quote!(#module))
}

fn over_impl(arguments: TokenStream, mut block: ItemImpl) -> Result<TokenStream> {
    let name = match (&block.trait_, &*block.self_ty) {
        (None, Type::Path(path)) if block.generics.params.is_empty() => {
            path.path.get_ident().map(|ident| ident.unraw().to_string())
        }
        _ => None,
    };
    let Some(name) = name else {
        return Err(Error::new(
            block.self_ty.span(),
            "#[contract] stands on the plain impl of a type: `impl Token { ... }`",
        ));
    };
    let mut contract = named_types(arguments)?;
    let mut problems = Vec::new();
    for item in &mut block.items {
        // As a function of a module: the marks, the visibility and the signature are judged alike.
        if let ImplItem::Fn(method) = item {
            let syn::ImplItemFn { attrs, vis, sig, block, .. } = method.clone();
            let mut function = ItemFn { attrs, vis, sig, block: Box::new(block) };
            contract.add(signature::read(&mut function, &mut problems), &mut problems);
            method.attrs = function.attrs;
        }
    }
    let ty = &block.self_ty;
    let generated = contract.generated(&name, &quote!(#ty::));
    all_or(problems, quote!(#block #generated))
}

/// `events(A, B), errors(C), objects(D)`: the types of a contract whose functions stand in an impl.
fn named_types(arguments: TokenStream) -> Result<Contract> {
    let mut contract = Contract::default();
    for list in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(arguments)? {
        let wrong = || Error::new(list.span(), "expected events(A, ...), errors(A) or objects(A, ...)");
        let paths = list.require_list().map_err(|_| wrong())?;
        let paths = paths.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)?;
        let target = match () {
            () if list.path().is_ident("events") => &mut contract.events,
            () if list.path().is_ident("errors") => &mut contract.errors,
            () if list.path().is_ident("objects") => &mut contract.objects,
            () => return Err(wrong()),
        };
        target.extend(paths);
    }
    if let Some(second) = contract.errors.get(1) {
        return Err(Error::new(second.span(), ONE_ENUM));
    }
    Ok(contract)
}

const ONE_ENUM: &str = "a contract has one enum of errors: a variant's code is its position there";

fn read(items: &mut [Item], problems: &mut Vec<Error>) -> Contract {
    let mut contract = Contract::default();
    for item in items {
        match item {
            Item::Fn(function) => {
                let function = signature::read(function, problems);
                contract.add(function, problems);
            }
            Item::Struct(item) => {
                if take(&mut item.attrs, "event", problems) {
                    item.attrs.push(parse_quote!(#[derive(::contract_sdk::Encode, ::contract_sdk::Event)]));
                    contract.events.push(item.ident.clone().into());
                } else if derives(&item.attrs, "Event") {
                    contract.events.push(item.ident.clone().into());
                }
                let marked = take(&mut item.attrs, "object", problems);
                if marked {
                    item.attrs.push(parse_quote!(#[derive(::contract_sdk::Object)]));
                    item.attrs.push(parse_quote!(#[allow(dead_code)]));
                    contract.objects.push(item.ident.clone().into());
                } else if derives(&item.attrs, "Object") {
                    contract.objects.push(item.ident.clone().into());
                }
                // The derives would say it too, but after them the compiler misses what they did not make.
                if marked || derives(&item.attrs, "Object") {
                    object::check(&item.ident, &item.generics, &item.fields, problems);
                } else if contract.events.last().is_some_and(|event| event.is_ident(&item.ident)) {
                    signature::check_fields(&item.fields, problems);
                }
                misfit(&item.attrs, &["error"], "errors are the variants of an enum", problems);
            }
            Item::Enum(item) => {
                let marked = take(&mut item.attrs, "error", problems);
                if marked {
                    item.attrs.push(parse_quote!(#[derive(::contract_sdk::ContractError)]));
                }
                if marked || derives(&item.attrs, "ContractError") {
                    if !contract.errors.is_empty() {
                        problems.push(Error::new(item.ident.span(), ONE_ENUM));
                    }
                    contract.errors.push(item.ident.clone().into());
                    item.variants
                        .iter()
                        .for_each(|variant| signature::check_fields(&variant.fields, problems));
                }
                misfit(&item.attrs, &["event", "object"], "this mark stands on a struct", problems);
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

fn misfit(attributes: &[Attribute], marks: &[&str], text: &str, problems: &mut Vec<Error>) {
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
    /// Adds a function that can be called.
    fn add(&mut self, function: Option<Function>, problems: &mut Vec<Error>) {
        let Some(function) = function else { return };
        if function.is_init() && self.functions.iter().any(Function::is_init) {
            problems.push(Error::new(function.ident.span(), "a contract has at most one #[init]"));
        }
        if self.functions.iter().any(|known| known.ident == function.ident) {
            let text =
                format!("there is a function `{}` already: exports are told apart by name", function.ident);
            problems.push(Error::new(function.ident.span(), text));
        }
        self.functions.push(function);
    }

    /// The module with interface and exports. `prefix` stands before a function's name: nothing, or `Type::`.
    fn generated(&self, name: &str, prefix: &TokenStream) -> TokenStream {
        let Self { functions, events, errors, objects } = self;
        let definitions = functions.iter().map(Function::definition);
        let entries = functions.iter().map(|function| function.entry(prefix));
        let idents = functions.iter().map(|function| &function.ident);
        let names = functions.iter().map(|function| function.ident.unraw().to_string());
        let first = |paths: &[Path]| -> Vec<TokenStream> {
            paths
                .iter()
                .map(|path| quote!(<#path as ::contract_sdk::interface::Records>::RECORDS[0]))
                .collect()
        };
        let (events, objects) = (first(events), first(objects));
        let errors = match errors.first() {
            Some(path) => quote!(<#path as ::contract_sdk::interface::Records>::RECORDS),
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
