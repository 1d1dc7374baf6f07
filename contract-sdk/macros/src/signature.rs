//! What a contract function looks like from outside, or what is wrong with it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::{self, VisitMut};
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, ItemFn, Lifetime, Meta, Pat,
    PathArguments, ReturnType, Type, TypePath, TypeReference, Visibility, parse_quote,
};

use crate::docs;

/// `vm_core::interface::Flags`.
const INIT: u8 = 1;
const VIEW: u8 = 2;
const PAYABLE: u8 = 4;
const REENTRANT: u8 = 8;

/// Names that an export would take from the memory or from the compiler's own functions.
const RESERVED: [&str; 9] =
    ["memory", "memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "main", "_start"];

/// A function that can be called.
pub(crate) struct Function {
    pub(crate) ident: Ident,
    pub(crate) docs: String,
    pub(crate) flags: u8,
    /// Name and type, all lifetimes `'static`.
    pub(crate) params: Vec<(String, Type)>,
    /// What the caller gets.
    pub(crate) returns: Type,
    /// Whether it returns a `Result`.
    pub(crate) fallible: bool,
}

impl Function {
    pub(crate) const fn is_init(&self) -> bool {
        self.flags & INIT != 0
    }

    pub(crate) const fn is_view(&self) -> bool {
        self.flags & VIEW != 0
    }

    pub(crate) const fn is_payable(&self) -> bool {
        self.flags & PAYABLE != 0
    }

    /// Its export: decodes the arguments, calls it, hands on the result. `prefix` stands before its name.
    pub(crate) fn entry(&self, prefix: &TokenStream) -> TokenStream {
        let ident = &self.ident;
        let export = ident.unraw().to_string();
        let types: Vec<&Type> = self.params.iter().map(|(_, ty)| ty).collect();
        let names: Vec<Ident> =
            (0..types.len()).map(|index| quote::format_ident!("argument_{index}")).collect();
        // A glob brings types into the entries' module, but there the entry itself has the function's name.
        let path = if prefix.is_empty() { quote!(super::super::#ident) } else { quote!(#prefix #ident) };
        let finish = if self.fallible { quote!(settle) } else { quote!(give) };
        quote! {
            #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #export))]
            pub fn #ident() {
                const BOUNDS: &[::core::option::Option<usize>] =
                    &[#(<#types as ::contract_sdk::Decode<'static>>::MAX_LEN),*];
                const BOUNDED: bool = ::contract_sdk::entry::is_bounded(BOUNDS);
                let mut buffer = [0; ::contract_sdk::entry::buffer_bytes(BOUNDS)];
                let mut heap = ::contract_sdk::entry::List::new();
                #[allow(unused_mut)]
                let mut input = ::contract_sdk::entry::input::<BOUNDED>(&mut buffer, &mut heap);
                #(let #names = ::contract_sdk::entry::argument(&mut input);)*
                ::contract_sdk::entry::end(input);
                ::contract_sdk::entry::#finish(#path(
                    &mut ::contract_sdk::entry::context(),
                    #(#names,)*
                ));
            }
        }
    }

    /// Its `FunctionDef`.
    pub(crate) fn definition(&self) -> TokenStream {
        let (name, flags, docs, returns) =
            (self.ident.unraw().to_string(), self.flags, &self.docs, &self.returns);
        let params = self.params.iter().map(|(name, ty)| {
            quote! {
                ::contract_sdk::interface::FieldDef {
                    name: #name,
                    ty: <#ty as ::contract_sdk::Described>::TYPE,
                }
            }
        });
        quote! {
            ::contract_sdk::interface::FunctionDef {
                name: #name,
                flags: #flags,
                params: &[#(#params),*],
                returns: <#returns as ::contract_sdk::Described>::TYPE,
                docs: #docs,
            }
        }
    }
}

/// The marks of a function, taken off it: the flags and the mark that makes it callable.
fn take_marks(function: &mut ItemFn, problems: &mut Vec<Error>) -> Option<u8> {
    let mut kind: Option<(u8, Attribute)> = None;
    let mut extra: Vec<(u8, Attribute)> = Vec::new();
    function.attrs.retain(|attribute| {
        let path = attribute.path();
        let (flag, is_kind) = match () {
            () if path.is_ident("init") => (INIT, true),
            () if path.is_ident("call") => (0, true),
            () if path.is_ident("view") => (VIEW, true),
            () if path.is_ident("payable") => (PAYABLE, false),
            () if path.is_ident("reentrant") => (REENTRANT, false),
            () => return true,
        };
        if !matches!(attribute.meta, Meta::Path(_)) {
            problems.push(Error::new(attribute.span(), "this mark takes no arguments"));
        }
        if !is_kind {
            extra.push((flag, attribute.clone()));
        } else if kind.is_some() {
            problems.push(Error::new(attribute.span(), "a function is one of #[init], #[call] and #[view]"));
        } else {
            kind = Some((flag, attribute.clone()));
        }
        false
    });
    let Some((mut flags, _)) = kind else {
        problems.extend(
            extra
                .iter()
                .map(|(_, mark)| Error::new(mark.span(), "this mark needs #[call] or #[init] beside it")),
        );
        return None;
    };
    for (flag, mark) in extra {
        if flag == PAYABLE && flags & VIEW != 0 {
            problems.push(Error::new(mark.span(), "a view can't take value: it changes nothing"));
        }
        flags |= flag;
    }
    Some(flags)
}

/// Reads a function of the module and takes its marks off; `None` for one that is not callable.
pub(crate) fn read(function: &mut ItemFn, problems: &mut Vec<Error>) -> Option<Function> {
    let public = matches!(function.vis, Visibility::Public(_));
    let Some(flags) = take_marks(function, problems) else {
        if public {
            problems.push(Error::new(
                function.sig.ident.span(),
                "mark a public function of a contract with #[call], #[view] or #[init], or make it private",
            ));
        }
        return None;
    };
    let ident = function.sig.ident.clone();
    if !public {
        problems.push(Error::new(ident.span(), "a function that can be called is `pub`"));
    }
    let name = ident.unraw().to_string();
    if RESERVED.contains(&name.as_str()) || name.starts_with("__") {
        problems.push(Error::new(ident.span(), format!("`{name}` is reserved: choose another name")));
    }
    check_form(function, problems);
    let mut inputs = function.sig.inputs.iter_mut();
    let context = inputs.next();
    check_context(context.as_deref(), flags, &ident, problems);
    let params = inputs.filter_map(|input| param(input, problems)).collect();
    let (returns, fallible) = returned(&function.sig.output);
    let returns = portable(&returns, false, problems);
    Some(Function { ident, docs: docs::text(&function.attrs), flags, params, returns, fallible })
}

fn check_form(function: &ItemFn, problems: &mut Vec<Error>) {
    let signature = &function.sig;
    for parameter in &signature.generics.params {
        if !matches!(parameter, GenericParam::Lifetime(_)) {
            problems.push(Error::new(
                parameter.span(),
                "a contract function can't be generic: its arguments have one encoding",
            ));
        }
    }
    let refused = [
        (
            signature.asyncness.map(|token| token.span()),
            "a contract function can't be `async`: it runs to its end",
        ),
        (signature.unsafety.map(|token| token.span()), "a contract function can't be `unsafe`"),
        (signature.abi.as_ref().map(|abi| abi.span()), "the export is generated: leave `extern` out"),
        (signature.variadic.as_ref().map(|dots| dots.span()), "a contract function has named arguments"),
    ];
    problems.extend(refused.into_iter().filter_map(|(span, text)| Some(Error::new(span?, text))));
}

fn check_context(first: Option<&FnArg>, flags: u8, ident: &Ident, problems: &mut Vec<Error>) {
    let view = flags & VIEW != 0;
    let wanted = if view { "ctx: &Context" } else { "ctx: &mut Context" };
    let reference = match first {
        Some(FnArg::Typed(argument)) => match &*argument.ty {
            Type::Reference(reference) if is_context(&reference.elem) => Some(reference),
            _ => None,
        },
        Some(FnArg::Receiver(_)) | None => None,
    };
    match reference {
        Some(reference) if view && reference.mutability.is_some() => {
            problems.push(Error::new(reference.span(), "a view takes `&Context`: it changes nothing"));
        }
        Some(_) => {}
        None => {
            let (at, instead) = match first {
                Some(FnArg::Receiver(receiver)) => {
                    (receiver.span(), ", and there is no `self`: state is in objects")
                }
                Some(argument) => (argument.span(), ""),
                None => (ident.span(), ""),
            };
            let text = format!("the first parameter of a contract function is `{wanted}`{instead}");
            problems.push(Error::new(at, text));
        }
    }
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "Context"),
        _ => false,
    }
}

fn param(input: &FnArg, problems: &mut Vec<Error>) -> Option<(String, Type)> {
    let FnArg::Typed(argument) = input else {
        problems.push(Error::new(input.span(), "a contract function has no `self`: state is in objects"));
        return None;
    };
    let Pat::Ident(pattern) = &*argument.pat else {
        problems
            .push(Error::new(argument.pat.span(), "a parameter needs a name: it stands in the interface"));
        return None;
    };
    Some((pattern.ident.unraw().to_string(), portable(&argument.ty, true, problems)))
}

/// What a function returns to its caller, and whether it may fail instead.
fn returned(output: &ReturnType) -> (Type, bool) {
    let ReturnType::Type(_, ty) = output else { return (parse_quote!(()), false) };
    if let Type::Path(TypePath { qself: None, path }) = &**ty
        && let Some(last) = path.segments.last()
        && last.ident == "Result"
        && let PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(GenericArgument::Type(value)) = arguments.args.first()
    {
        return (value.clone(), true);
    }
    ((**ty).clone(), false)
}

/// The type with `'static` in place of every lifetime, reporting what can't cross the boundary.
fn portable(ty: &Type, borrows: bool, problems: &mut Vec<Error>) -> Type {
    let mut ty = ty.clone();
    Portable { borrows, problems }.visit_type_mut(&mut ty);
    ty
}

/// What is wrong with a type that authors reach for and no contract can have.
fn foreign(path: &TypePath) -> Option<Error> {
    let name = path.path.segments.last()?.ident.to_string();
    let text = match name.as_str() {
        "f32" | "f64" => "floats differ between machines; use integers",
        "usize" | "isize" => "its width depends on the machine; use u32 or u64",
        "char" => "it has no encoding; use String or u32",
        "HashMap" => "its order differs between runs; use BTreeMap",
        "HashSet" => "its order differs between runs; use BTreeSet",
        _ => return None,
    };
    Some(Error::new(path.span(), format!("`{name}`: {text}")))
}

/// Reports the types of fields that no contract can have.
pub(crate) fn check_fields<'a>(fields: impl IntoIterator<Item = &'a syn::Field>, problems: &mut Vec<Error>) {
    struct Foreign<'a>(&'a mut Vec<Error>);
    impl VisitMut for Foreign<'_> {
        fn visit_type_path_mut(&mut self, path: &mut TypePath) {
            self.0.extend(foreign(path));
            visit_mut::visit_type_path_mut(self, path);
        }
    }
    fields.into_iter().for_each(|field| Foreign(problems).visit_type_mut(&mut field.ty.clone()));
}

struct Portable<'a> {
    /// Whether `&str` and `&[u8]` are taken: arguments borrow from the input.
    borrows: bool,
    problems: &'a mut Vec<Error>,
}

impl Portable<'_> {
    fn refuse(&mut self, at: &impl syn::spanned::Spanned, text: impl core::fmt::Display) {
        self.problems.push(Error::new(at.span(), text));
    }
}

impl VisitMut for Portable<'_> {
    fn visit_type_path_mut(&mut self, path: &mut TypePath) {
        if path.path.is_ident("Context") {
            self.refuse(path, "only the first parameter is the context");
        }
        self.problems.extend(foreign(path));
        visit_mut::visit_type_path_mut(self, path);
    }

    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        let borrowed = match &*reference.elem {
            Type::Path(path) => path.path.is_ident("str"),
            Type::Slice(slice) => matches!(&*slice.elem, Type::Path(path) if path.path.is_ident("u8")),
            _ => false,
        };
        if !self.borrows {
            self.refuse(reference, "return an owned value: `String` for text, `Vec<u8>` for bytes");
        } else if reference.mutability.is_some() || !borrowed {
            self.refuse(reference, "take the argument by value: only `&str` and `&[u8]` can be borrowed");
        }
        reference.lifetime = Some(parse_quote!('static));
        visit_mut::visit_type_reference_mut(self, reference);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = parse_quote!('static);
    }

    fn visit_type_impl_trait_mut(&mut self, ty: &mut syn::TypeImplTrait) {
        self.refuse(ty, "a contract function can't be generic: its arguments have one encoding");
    }
}
