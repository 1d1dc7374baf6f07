//! The derives.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut;
use syn::{
    Data, DeriveInput, Error, Fields, GenericParam, Generics, Ident, Index, Lifetime, Result, parse_quote,
};

use crate::docs;

/// Parses the item and expands it, or reports what is wrong with it.
pub(crate) fn run(item: TokenStream, expand: fn(&DeriveInput) -> Result<TokenStream>) -> TokenStream {
    syn::parse2(item).and_then(|input| expand(&input)).unwrap_or_else(Error::into_compile_error)
}

/// A struct, or one variant of an enum.
struct Shape<'a> {
    /// `Self` or `Self::Variant`.
    path: TokenStream,
    name: &'a Ident,
    docs: String,
    fields: &'a Fields,
}

impl Shape<'_> {
    /// What each field is bound to in a pattern.
    fn binders(&self) -> Vec<Ident> {
        (0..self.fields.len()).map(|index| format_ident!("field_{index}")).collect()
    }

    /// `Self::Variant { a: field_0, b: field_1 }`: a pattern and, filled in, an expression.
    fn with(&self, values: &[impl quote::ToTokens]) -> TokenStream {
        let path = &self.path;
        let members = self.fields.iter().enumerate().map(|(index, field)| match &field.ident {
            Some(name) => quote!(#name),
            None => {
                let index = Index::from(index);
                quote!(#index)
            }
        });
        quote!(#path { #(#members: #values),* })
    }

    fn types(&self) -> impl Iterator<Item = &syn::Type> {
        self.fields.iter().map(|field| &field.ty)
    }

    /// The fields as a `&[FieldDef]`.
    fn field_defs(&self) -> TokenStream {
        let fields = self.fields.iter().enumerate().map(|(index, field)| {
            let name =
                field.ident.as_ref().map_or_else(|| index.to_string(), |name| name.unraw().to_string());
            let ty = &field.ty;
            quote! {
                ::contract_sdk::interface::FieldDef {
                    name: #name,
                    ty: <#ty as ::contract_sdk::Described>::TYPE,
                }
            }
        });
        quote!(&[#(#fields),*])
    }
}

/// The shapes of the item: one of a struct, one per variant of an enum.
fn shapes<'a>(input: &'a DeriveInput) -> Result<Vec<Shape<'a>>> {
    match &input.data {
        Data::Struct(data) => Ok(vec![Shape {
            path: quote!(Self),
            name: &input.ident,
            docs: docs::text(&input.attrs),
            fields: &data.fields,
        }]),
        Data::Enum(data) => {
            if data.variants.is_empty() || data.variants.len() > 256 {
                return Err(Error::new(
                    input.ident.span(),
                    "an enum has 1 to 256 variants: its index is one byte",
                ));
            }
            if let Some(variant) = data.variants.iter().find(|variant| variant.discriminant.is_some()) {
                return Err(Error::new(
                    variant.span(),
                    "a variant's index is its position: leave the discriminant out",
                ));
            }
            let shape = |variant: &'a syn::Variant| {
                let syn::Variant { ident, attrs, fields, .. } = variant;
                Shape { path: quote!(Self::#ident), name: ident, docs: docs::text(attrs), fields }
            };
            Ok(data.variants.iter().map(shape).collect())
        }
        Data::Union(_) => Err(Error::new(input.ident.span(), "a union has no encoding")),
    }
}

fn is_enum(input: &DeriveInput) -> bool {
    matches!(input.data, Data::Enum(_))
}

fn bounded(generics: &Generics, bound: &syn::TypeParamBound) -> Generics {
    let mut generics = generics.clone();
    generics.type_params_mut().for_each(|parameter| parameter.bounds.push(bound.clone()));
    generics
}

/// The bound of the item, with `TRAIT::MAX_LEN` of each field given by `max_len`.
fn bound(
    input: &DeriveInput,
    shapes: &[Shape<'_>],
    max_len: impl Fn(&syn::Type) -> TokenStream,
) -> TokenStream {
    let all = shapes.iter().map(|shape| {
        let fields = shape.types().map(&max_len);
        quote!(::contract_sdk::codec::bound_of_all(&[#(#fields),*]))
    });
    if is_enum(input) {
        quote! {
            ::contract_sdk::codec::bound_of_all(&[
                ::core::option::Option::Some(1),
                ::contract_sdk::codec::bound_of_any(&[#(#all),*]),
            ])
        }
    } else {
        quote!(#(#all)*)
    }
}

fn index_of(position: usize, name: &Ident) -> Result<u8> {
    u8::try_from(position).map_err(|_| Error::new(name.span(), "an enum has at most 256 variants"))
}

pub(crate) fn encode(input: &DeriveInput) -> Result<TokenStream> {
    let shapes = shapes(input)?;
    let generics = bounded(&input.generics, &parse_quote!(::contract_sdk::Encode));
    let (parameters, arguments, clause) = generics.split_for_impl();
    let name = &input.ident;
    let max_len = bound(input, &shapes, |ty| quote!(<#ty as ::contract_sdk::Encode>::MAX_LEN));
    let tag_len = usize::from(is_enum(input));
    let mut lens = Vec::new();
    let mut writes = Vec::new();
    for (position, shape) in shapes.iter().enumerate() {
        let binders = shape.binders();
        let pattern = shape.with(&binders);
        let tag = is_enum(input).then(|| index_of(position, shape.name)).transpose()?;
        let tag = tag.map(|tag| quote!(out.write(&[#tag]);));
        lens.push(quote! {
            #pattern => #tag_len #(.saturating_add(::contract_sdk::Encode::encoded_len(#binders)))*
        });
        writes.push(quote! {
            #pattern => { #tag #(::contract_sdk::Encode::encode_to(#binders, out);)* }
        });
    }
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::contract_sdk::Encode for #name #arguments #clause {
            const MAX_LEN: ::core::option::Option<usize> = #max_len;

            #[inline]
            fn encoded_len(&self) -> usize {
                match self { #(#lens),* }
            }

            #[inline]
            fn encode_to(&self, out: &mut ::contract_sdk::codec::Output<'_>) {
                match self { #(#writes),* }
            }
        }
    })
}

/// Puts one lifetime in place of all.
struct Lent<'a>(&'a Lifetime);

impl VisitMut for Lent<'_> {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        *lifetime = self.0.clone();
    }
}

pub(crate) fn decode(input: &DeriveInput) -> Result<TokenStream> {
    let shapes = shapes(input)?;
    let own: Vec<&Lifetime> = input.generics.lifetimes().map(|parameter| &parameter.lifetime).collect();
    let source = Lifetime::new("'contract_sdk_input", Span::mixed_site());
    let mut generics = bounded(&input.generics, &parse_quote!(::contract_sdk::Decode<#source>));
    generics.params.insert(0, GenericParam::Lifetime(parse_quote!(#source)));
    let clause = generics.make_where_clause();
    own.iter().for_each(|lifetime| clause.predicates.push(parse_quote!(#source: #lifetime)));
    let (parameters, _, clause) = generics.split_for_impl();
    let (_, arguments, _) = input.generics.split_for_impl();
    let name = &input.ident;
    // A borrowed field decodes as what the input lends; that the field may live shorter is a matter of the value.
    let max_len = bound(input, &shapes, |ty| {
        let mut ty = ty.clone();
        Lent(&source).visit_type_mut(&mut ty);
        quote!(<#ty as ::contract_sdk::Decode<#source>>::MAX_LEN)
    });
    let mut reads = Vec::new();
    for (position, shape) in shapes.iter().enumerate() {
        let values: Vec<TokenStream> =
            shape.types().map(|_| quote!(::contract_sdk::Decode::decode(input)?)).collect();
        let value = shape.with(&values);
        reads.push(if is_enum(input) {
            let tag = index_of(position, shape.name)?;
            quote!(#tag => #value)
        } else {
            value
        });
    }
    let body = if is_enum(input) {
        quote! {
            match input.byte()? {
                #(#reads,)*
                #[allow(unreachable_patterns)]
                _ => return ::core::result::Result::Err(::contract_sdk::codec::DecodeError),
            }
        }
    } else {
        quote!(#(#reads)*)
    };
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::contract_sdk::Decode<#source> for #name #arguments #clause {
            const MAX_LEN: ::core::option::Option<usize> = #max_len;

            #[inline]
            fn decode(
                input: &mut ::contract_sdk::codec::Input<#source>,
            ) -> ::core::result::Result<Self, ::contract_sdk::codec::DecodeError> {
                ::core::result::Result::Ok(#body)
            }
        }
    })
}

pub(crate) fn described(input: &DeriveInput) -> Result<TokenStream> {
    let shapes = shapes(input)?;
    let generics = bounded(&input.generics, &parse_quote!(::contract_sdk::Described));
    let (parameters, arguments, clause) = generics.split_for_impl();
    let name = &input.ident;
    let text = name.unraw().to_string();
    let ty = if is_enum(input) {
        let variants = shapes.iter().map(|shape| {
            let (name, fields) = (shape.name.unraw().to_string(), shape.field_defs());
            quote!(::contract_sdk::interface::VariantDef { name: #name, fields: #fields })
        });
        quote!(Enum { name: #text, variants: &[#(#variants),*] })
    } else {
        let fields = shapes.iter().map(Shape::field_defs);
        quote!(Struct { name: #text, fields: #(#fields)* })
    };
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::contract_sdk::Described for #name #arguments #clause {
            const TYPE: ::contract_sdk::interface::TypeDef = ::contract_sdk::interface::TypeDef::#ty;
        }
    })
}

/// `Records`: what the interface says of an event, the errors, a kind of object.
pub(crate) fn records(input: &DeriveInput) -> Result<TokenStream> {
    if let Some(parameter) = input.generics.type_params().next() {
        return Err(Error::new(parameter.span(), "the interface can't name a generic type"));
    }
    let shapes = shapes(input)?;
    let (parameters, arguments, clause) = input.generics.split_for_impl();
    let name = &input.ident;
    let records = shapes.iter().map(|shape| {
        let (name, fields, docs) = (shape.name.unraw().to_string(), shape.field_defs(), &shape.docs);
        quote!(::contract_sdk::interface::RecordDef { name: #name, fields: #fields, docs: #docs })
    });
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::contract_sdk::interface::Records for #name #arguments #clause {
            const RECORDS: &'static [::contract_sdk::interface::RecordDef] = &[#(#records),*];
        }
    })
}

pub(crate) fn event(input: &DeriveInput) -> Result<TokenStream> {
    if is_enum(input) {
        return Err(Error::new(input.ident.span(), "an event is a struct: its name is the event's"));
    }
    let records = records(input)?;
    let (parameters, arguments, clause) = input.generics.split_for_impl();
    let name = &input.ident;
    let text = name.unraw().to_string();
    Ok(quote! {
        #[automatically_derived]
        impl #parameters ::contract_sdk::Event for #name #arguments #clause {
            const NAME: &'static str = #text;
        }
        #records
    })
}

pub(crate) fn contract_error(input: &DeriveInput) -> Result<TokenStream> {
    if !is_enum(input) {
        return Err(Error::new(input.ident.span(), "a contract's errors are the variants of an enum"));
    }
    let records = records(input)?;
    let (parameters, arguments, clause) = input.generics.split_for_impl();
    let name = &input.ident;
    let mut arms = Vec::new();
    for (position, shape) in shapes(input)?.iter().enumerate() {
        let index = u32::from(index_of(position, shape.name)?);
        let binders = shape.binders();
        let pattern = shape.with(&binders);
        let data = if binders.is_empty() {
            quote!(::core::option::Option::None)
        } else {
            quote!(::core::option::Option::Some(::contract_sdk::Encode::encode(&(#(&#binders,)*))))
        };
        arms.push(quote!(#pattern => ::contract_sdk::Error::contract(#index, #data)));
    }
    // `Self` in the patterns is `Error` there, so the arms stand in a function of the enum's own.
    Ok(quote! {
        #[automatically_derived]
        impl #parameters #name #arguments #clause {
            #[inline]
            fn into_contract_error(self) -> ::contract_sdk::Error {
                match self { #(#arms),* }
            }
        }
        #[automatically_derived]
        impl #parameters ::core::convert::From<#name #arguments> for ::contract_sdk::Error #clause {
            #[inline]
            fn from(error: #name #arguments) -> Self {
                error.into_contract_error()
            }
        }
        #records
    })
}
