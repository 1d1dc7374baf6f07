//! `#[derive(Object)]`: a kind of object, with a method per field.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{
    Data, DataStruct, DeriveInput, Error, Field, Fields, GenericArgument, Generics, PathArguments, Result,
    Type, parse_quote,
};

use crate::contract::all_or;
use crate::derive::records;
use crate::docs;
use crate::signature::check_fields;

/// What `Object` has already: a field's getter of that name would never be reached.
const TAKEN: [&str; 10] =
    ["id", "owner", "contract", "set_owner", "get", "set", "update", "remove", "load", "typed"];
/// The types that are collections: `contract_sdk::collections`.
const COLLECTIONS: [&str; 3] = ["Map", "List", "Count"];

/// All that is wrong with a kind of object.
pub(crate) fn check(ident: &Ident, generics: &Generics, fields: &Fields, problems: &mut Vec<Error>) {
    if let Some(parameter) = generics.params.first() {
        let text = "a kind of object is not generic, and its fields own their values";
        problems.push(Error::new(parameter.span(), text));
    }
    if matches!(fields, Fields::Unnamed(_)) {
        problems.push(Error::new(ident.span(), NAMED));
    }
    problems.extend(fields.iter().filter_map(taken));
    check_fields(fields, problems);
}

const NAMED: &str = "a kind of object is a struct with named fields";

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(DataStruct { fields, .. }) = &input.data else {
        return Err(Error::new(input.ident.span(), NAMED));
    };
    let mut problems = Vec::new();
    check(&input.ident, &input.generics, fields, &mut problems);
    all_or(problems, TokenStream::new())?;
    let DeriveInput { ident, vis, .. } = input;
    let extension = format_ident!("{}Fields", ident.unraw());
    let docs = format!("The fields of an object of the kind `{}`.", ident.unraw());
    let (declared, defined): (Vec<_>, Vec<_>) = fields.iter().map(methods).unzip();
    let (stores, loads): (Vec<_>, Vec<_>) = fields.iter().map(store_and_load).unzip();
    let records = records(&described(input))?;
    Ok(quote! {
        #[automatically_derived]
        impl ::contract_sdk::Kind for #ident {
            #[inline]
            fn store(&self, object: &::contract_sdk::Object<Self>) -> ::contract_sdk::Result<()> {
                #(#stores)*
                ::core::result::Result::Ok(())
            }

            #[inline]
            fn load(object: &::contract_sdk::Object<Self>) -> ::contract_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#loads),* })
            }
        }

        #[doc = #docs]
        #[allow(dead_code)]
        #vis trait #extension {
            #(#declared)*
        }

        #[automatically_derived]
        impl #extension for ::contract_sdk::Object<#ident> {
            #(#defined)*
        }

        #records
    })
}

fn taken(field: &Field) -> Option<Error> {
    let ident = field.ident.as_ref()?;
    let name = ident.unraw().to_string();
    TAKEN.contains(&name.as_str()).then(|| {
        let text =
            format!("`{name}` means something for every object already: choose another name for the field");
        Error::new(ident.span(), text)
    })
}

/// Name and arguments of the type's last segment.
fn last_segment(ty: &Type) -> Option<(String, &PathArguments)> {
    match ty {
        Type::Path(path) if path.qself.is_none() => {
            path.path.segments.last().map(|segment| (segment.ident.to_string(), &segment.arguments))
        }
        _ => None,
    }
}

fn is_collection(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|(name, _)| COLLECTIONS.contains(&name.as_str()))
}

/// What a setter borrows: a `String` as `str`, a `Vec<T>` as `[T]`.
fn borrowed(ty: &Type) -> TokenStream {
    match last_segment(ty) {
        Some((name, PathArguments::None)) if name == "String" => return quote!(str),
        Some((name, PathArguments::AngleBracketed(arguments))) if name == "Vec" => {
            if let Some(GenericArgument::Type(element)) = arguments.args.first() {
                return quote!([#element]);
            }
        }
        _ => {}
    }
    ty.to_token_stream()
}

/// The name of the field as an identifier and as the host has it.
fn names(field: &Field) -> (Ident, String) {
    let ident = field.ident.clone().unwrap_or_else(|| format_ident!("unnamed"));
    let name = ident.unraw().to_string();
    (ident, name)
}

/// The declarations of a field's methods, and their definitions.
fn methods(field: &Field) -> (TokenStream, TokenStream) {
    let (ident, name) = names(field);
    let ty = &field.ty;
    let docs = docs::text(&field.attrs);
    let docs = if docs.is_empty() { format!("The field `{name}`.") } else { docs };
    if is_collection(ty) {
        let collection = quote!(<#ty as ::contract_sdk::collections::Collection>::In);
        let get = quote!(fn #ident(&self) -> #collection);
        return (
            quote!(#[doc = #docs] #get;),
            quote! {
                #[inline]
                #get {
                    <#ty as ::contract_sdk::collections::Collection>::of(self, #name)
                }
            },
        );
    }
    let borrowed = borrowed(ty);
    let (setter, updater) = (format_ident!("set_{}", name), format_ident!("update_{}", name));
    let get = quote!(fn #ident(&self) -> ::contract_sdk::Result<#ty>);
    let set = quote!(fn #setter(&self, value: &#borrowed) -> ::contract_sdk::Result<()>);
    let update = quote! {
        fn #updater(
            &self,
            change: impl ::core::ops::FnOnce(#ty) -> ::contract_sdk::Result<#ty>,
        ) -> ::contract_sdk::Result<#ty>
    };
    let (set_docs, update_docs) = (
        format!("Writes the field `{name}`."),
        format!("Writes what `change` makes of the field `{name}`, and returns it."),
    );
    (
        quote! {
            #[doc = #docs]
            #[doc = ""]
            /// # Errors
            ///
            /// As `Object::get`.
            #get;
            #[doc = #set_docs]
            #[doc = ""]
            /// # Errors
            ///
            /// As `Object::set`.
            #set;
            #[doc = #update_docs]
            #[doc = ""]
            /// # Errors
            ///
            /// As `Object::update`.
            #update;
        },
        quote! {
            #[inline]
            #get { self.get(#name) }
            #[inline]
            #set { self.set(#name, value) }
            #[inline]
            #update { self.update(#name, change) }
        },
    )
}

fn store_and_load(field: &Field) -> (TokenStream, TokenStream) {
    let (ident, name) = names(field);
    if is_collection(&field.ty) {
        // It holds nothing; but a field that is never read would be warned of.
        (quote!(let _ = &self.#ident;), quote!(#ident: ::core::default::Default::default()))
    } else {
        (quote!(object.set(#name, &self.#ident)?;), quote!(#ident: object.get(#name)?))
    }
}

/// The struct as the interface describes it: a map keeps nothing under its own name.
fn described(input: &DeriveInput) -> DeriveInput {
    let mut input = input.clone();
    if let Data::Struct(DataStruct { fields: Fields::Named(fields), .. }) = &mut input.data {
        let is_map = |field: &Field| last_segment(&field.ty).is_some_and(|(name, _)| name == "Map");
        fields.named = fields.named.iter().filter(|field| !is_map(field)).cloned().collect();
    } else if let Data::Struct(data) = &mut input.data {
        data.fields = Fields::Named(parse_quote!({}));
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(item: &str, message: &str) {
        let input = syn::parse_str(item).unwrap();
        let error = expand(&input).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }

    fn expanded(item: &str) -> String {
        expand(&syn::parse_str(item).unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_field_gets_three_methods_and_a_collection_one() {
        let text = expanded("struct A { x: u64, m: Map<u8, u8>, n: Count }");
        for method in ["fn x", "fn set_x", "fn update_x", "fn m", "fn n"] {
            assert!(text.contains(method), "{method}: {text}");
        }
        assert!(!text.contains("set_m") && !text.contains("update_n"), "{text}");
    }

    #[test]
    fn setters_borrow_text_and_lists() {
        let text = expanded("struct A { name: String, items: Vec<u8>, r#type: u8 }");
        assert!(text.contains("fn set_name (& self , value : & str)"), "{text}");
        assert!(text.contains("fn set_items (& self , value : & [u8])"), "{text}");
        assert!(text.contains("fn set_type") && text.contains("fn r#type"), "{text}");
    }

    #[test]
    fn names_that_objects_have_are_refused_all_at_once() {
        refused("struct A { owner: Address }", "`owner` means something for every object already");
        let input = syn::parse_str("struct A { id: u8, x: u8, get: u8 }").unwrap();
        assert_eq!(expand(&input).unwrap_err().into_iter().count(), 2);
    }

    #[test]
    fn only_plain_structs_with_names_are_kinds() {
        refused("struct A<T> { x: T }", "is not generic");
        refused("struct A<'a> { x: &'a str }", "is not generic");
        refused("struct A(u8);", "a struct with named fields");
        refused("enum A { X }", "a struct with named fields");
        assert!(expanded("struct A;").contains("trait AFields"));
    }
}
