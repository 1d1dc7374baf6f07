//! Step 3: what the module or impl under `#[contract]` offers, as its marks say it.
//!
//! Types are the compiler's to know, so the whole interface is read from the built module; this outline says before
//! that which entry points there will be, and the two are compared afterwards.

use std::ops::Range;
use std::sync::Arc;

use syn::ext::IdentExt as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Item};

use super::cfg;
use crate::build::finding::SourceFile;

/// A function that will be an entry point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionOutline {
    /// Its name.
    pub name: String,
    /// `init`, `call` or `view`.
    pub kind: &'static str,
}

/// A contract as its source shows it.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The name of the module or type.
    pub name: String,
    /// In order.
    pub functions: Vec<FunctionOutline>,
    /// How many structs are events.
    pub events: usize,
    /// How many variants the errors have.
    pub errors: usize,
    /// How many structs are objects.
    pub objects: usize,
    /// Where it stands.
    pub file: Arc<SourceFile>,
    /// Its name's place there.
    pub span: Range<usize>,
}

const KINDS: [&str; 3] = ["init", "call", "view"];

/// The outline of a module, if it is a contract.
pub(super) fn of_module(module: &syn::ItemMod, file: &Arc<SourceFile>) -> Option<Outline> {
    let mut outline = marked(&module.attrs, "contract").then(|| Outline::new(&module.ident, file))?;
    for item in module.content.iter().flat_map(|(_, items)| items) {
        outline.item(item);
    }
    Some(outline)
}

/// The outline of an `impl`, if it is a contract. Its events, errors and objects are arguments of the mark.
pub(super) fn of_impl(block: &syn::ItemImpl, file: &Arc<SourceFile>) -> Option<Outline> {
    let mark = block.attrs.iter().find(|attribute| is(attribute, "contract"))?;
    let syn::Type::Path(path) = &*block.self_ty else { return None };
    let mut outline = Outline::new(&path.path.segments.last()?.ident, file);
    for item in &block.items {
        if let syn::ImplItem::Fn(function) = item {
            outline.function(&function.attrs, &function.sig.ident);
        }
    }
    let lists = mark.parse_args_with(Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated);
    for list in lists.into_iter().flatten() {
        let syn::Meta::List(list) = list else { continue };
        let paths = list.parse_args_with(Punctuated::<syn::Path, syn::Token![,]>::parse_terminated);
        let count = paths.map_or(0, |paths| paths.len());
        match () {
            () if list.path.is_ident("events") => outline.events = count,
            () if list.path.is_ident("objects") => outline.objects = count,
            // How many errors an enum has is written where the enum is.
            () => {}
        }
    }
    Some(outline)
}

impl Outline {
    fn new(ident: &syn::Ident, file: &Arc<SourceFile>) -> Self {
        Self {
            name: ident.unraw().to_string(),
            functions: Vec::new(),
            events: 0,
            errors: 0,
            objects: 0,
            file: Arc::clone(file),
            span: ident.span().byte_range(),
        }
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Fn(function) => self.function(&function.attrs, &function.sig.ident),
            Item::Impl(block) => {
                for item in &block.items {
                    if let syn::ImplItem::Fn(function) = item {
                        self.function(&function.attrs, &function.sig.ident);
                    }
                }
            }
            Item::Struct(item) if marked(&item.attrs, "event") || derives(&item.attrs, "Event") => {
                self.events = self.events.saturating_add(1);
            }
            Item::Struct(item) if marked(&item.attrs, "object") || derives(&item.attrs, "Object") => {
                self.objects = self.objects.saturating_add(1);
            }
            Item::Enum(item) if marked(&item.attrs, "error") || derives(&item.attrs, "ContractError") => {
                self.errors = self.errors.saturating_add(item.variants.len());
            }
            _ => {}
        }
    }

    fn function(&mut self, attributes: &[Attribute], ident: &syn::Ident) {
        let kind = KINDS.into_iter().find(|kind| marked(attributes, kind));
        if let (Some(kind), false) = (kind, cfg::excluded(attributes)) {
            self.functions.push(FunctionOutline { name: ident.unraw().to_string(), kind });
        }
    }
}

fn marked(attributes: &[Attribute], mark: &str) -> bool {
    attributes.iter().any(|attribute| is(attribute, mark))
}

fn is(attribute: &Attribute, mark: &str) -> bool {
    attribute.path().segments.last().is_some_and(|segment| segment.ident == mark)
}

fn derives(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("derive")).any(|attribute| {
        let parser = Punctuated::<syn::Path, syn::Token![,]>::parse_terminated;
        attribute.parse_args_with(parser).is_ok_and(|paths| {
            paths.iter().any(|path| path.segments.last().is_some_and(|segment| segment.ident == name))
        })
    })
}
