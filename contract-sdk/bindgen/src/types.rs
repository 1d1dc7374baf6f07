//! An interface's types as Rust source, and the definitions of those that have names.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::client::ClientError;
use crate::model::{Field, Type, Variant};
use crate::naming::ident;

/// The named types seen, each with its definition.
#[derive(Default)]
pub(crate) struct Types {
    named: BTreeMap<String, (Type, TokenStream)>,
}

impl Types {
    /// The definitions, in the order of their names.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &TokenStream> {
        self.named.values().map(|(_, definition)| definition)
    }

    /// Whether a type has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// The type as an owned Rust type.
    pub(crate) fn owned(&mut self, ty: &Type) -> Result<TokenStream, ClientError> {
        Ok(match ty {
            Type::Bool => quote!(bool),
            Type::U8 => quote!(u8),
            Type::U16 => quote!(u16),
            Type::U32 => quote!(u32),
            Type::U64 => quote!(u64),
            Type::U128 => quote!(u128),
            Type::I8 => quote!(i8),
            Type::I16 => quote!(i16),
            Type::I32 => quote!(i32),
            Type::I64 => quote!(i64),
            Type::I128 => quote!(i128),
            Type::String => quote!(::contract_sdk::client::String),
            Type::Bytes => quote!(::contract_sdk::client::Vec<u8>),
            Type::Address => quote!(::contract_sdk::Address),
            Type::ObjectId => quote!(::contract_sdk::ObjectId),
            Type::Hash => quote!(::contract_sdk::Hash),
            Type::Option(inner) => {
                let inner = self.owned(inner)?;
                quote!(::core::option::Option<#inner>)
            }
            Type::Vec(inner) => {
                let inner = self.owned(inner)?;
                quote!(::contract_sdk::client::Vec<#inner>)
            }
            Type::Array(count, inner) => {
                let (count, inner) = (proc_macro2::Literal::u32_unsuffixed(*count), self.owned(inner)?);
                quote!([#inner; #count])
            }
            Type::Tuple(members) => {
                let members =
                    members.iter().map(|member| self.owned(member)).collect::<Result<Vec<_>, _>>()?;
                match members.as_slice() {
                    [] => quote!(()),
                    [only] => quote!((#only,)),
                    several => quote!((#(#several),*)),
                }
            }
            Type::Struct { name, fields } => {
                let end =
                    if fields.is_empty() || is_numbered(fields) { quote!(;) } else { TokenStream::new() };
                let body = self.body(fields, &quote!(pub))?;
                self.define(name, ty, |name| quote!(pub struct #name #body #end))?
            }
            Type::Enum { name, variants } => {
                let mut bodies = Vec::new();
                for Variant { name, fields } in variants {
                    let (name, body) = (named(name)?, self.body(fields, &TokenStream::new())?);
                    bodies.push(quote!(#name #body));
                }
                self.define(name, ty, |name| quote!(pub enum #name { #(#bodies),* }))?
            }
            Type::Map(key, value) => {
                let (key, value) = (self.owned(key)?, self.owned(value)?);
                quote!(::contract_sdk::client::BTreeMap<#key, #value>)
            }
            Type::Set(inner) => {
                let inner = self.owned(inner)?;
                quote!(::contract_sdk::client::BTreeSet<#inner>)
            }
            Type::Result(value, error) => {
                let (value, error) = (self.owned(value)?, self.owned(error)?);
                quote!(::core::result::Result<#value, #error>)
            }
        })
    }

    /// The type as an argument has it: by value what is small, else borrowed.
    pub(crate) fn argument(&mut self, ty: &Type) -> Result<TokenStream, ClientError> {
        Ok(match ty {
            Type::String => quote!(&str),
            Type::Bytes => quote!(&[u8]),
            Type::Vec(inner) => {
                let inner = self.owned(inner)?;
                quote!(&[#inner])
            }
            Type::Option(_)
            | Type::Array(..)
            | Type::Tuple(_)
            | Type::Struct { .. }
            | Type::Enum { .. }
            | Type::Map(..)
            | Type::Set(_)
            | Type::Result(..) => {
                let owned = self.owned(ty)?;
                quote!(&#owned)
            }
            Type::Bool
            | Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::U128
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::I128
            | Type::Address
            | Type::ObjectId
            | Type::Hash => self.owned(ty)?,
        })
    }

    /// `{ a: T, b: U }`, `(T, U)` or nothing, with `visibility` before each field.
    pub(crate) fn body(
        &mut self,
        fields: &[Field],
        visibility: &TokenStream,
    ) -> Result<TokenStream, ClientError> {
        let types = fields.iter().map(|field| self.owned(&field.ty)).collect::<Result<Vec<_>, _>>()?;
        if fields.is_empty() {
            return Ok(TokenStream::new());
        }
        if is_numbered(fields) {
            return Ok(quote!((#(#visibility #types),*)));
        }
        let names = fields.iter().map(|field| named(&field.name)).collect::<Result<Vec<_>, _>>()?;
        Ok(quote!({ #(#visibility #names: #types),* }))
    }

    /// Adds the definition, unless the type is known already, and gives its name.
    fn define(
        &mut self,
        name: &str,
        ty: &Type,
        definition: impl FnOnce(&Ident) -> TokenStream,
    ) -> Result<TokenStream, ClientError> {
        let ident = named(name)?;
        match self.named.get(name) {
            Some((known, _)) if known != ty => return Err(ClientError::TwoTypes(name.to_owned())),
            Some(_) => {}
            None => {
                let definition = definition(&ident);
                let derived = quote! {
                    #[allow(missing_docs)]
                    #[derive(
                        Clone, Debug, PartialEq, Eq,
                        ::contract_sdk::Encode, ::contract_sdk::Decode, ::contract_sdk::Described,
                    )]
                    #definition
                };
                self.named.insert(name.to_owned(), (ty.clone(), derived));
            }
        }
        Ok(quote!(#ident))
    }
}

/// Whether the fields are those of a tuple: `0`, `1`, ...
pub(crate) fn is_numbered(fields: &[Field]) -> bool {
    fields.iter().enumerate().all(|(index, field)| field.name == index.to_string())
}

/// The name as an identifier.
pub(crate) fn named(name: &str) -> Result<Ident, ClientError> {
    ident(name).ok_or_else(|| ClientError::Name(name.to_owned()))
}
