//! Typed clients: a struct with a method per function of another contract.
//!
//! A method encodes its arguments, calls, and decodes what came back. A function that takes value has it as its last
//! parameter, the others cannot be sent any. Where a function has the name of a method that every client has, its method
//! ends in `_`. The contract's errors become an enum whose `of` reads an error of a
//! call.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Visibility;

use crate::model::{Field, Function, Interface, Kind, Record};
use crate::naming::{camel, snake};
use crate::types::{Types, is_numbered, named};

/// Why there is no client for an interface.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Two types have one name and different parts.
    #[error("two different types are named `{0}`")]
    TwoTypes(String),
    /// A type has the name of the client or of its errors.
    #[error("a type is named `{0}`, as what is generated")]
    Taken(String),
    /// A name that Rust does not take.
    #[error("`{0}` cannot be a name in Rust")]
    Name(String),
    /// What was generated is not Rust.
    #[error("the generated code does not parse: {0}")]
    Generated(String),
}

/// One method of a client.
#[derive(Debug)]
pub struct Method {
    /// The function's name.
    pub ident: Ident,
    /// For people.
    pub docs: String,
    /// How it is called.
    pub kind: Kind,
    /// Whether it takes value.
    pub payable: bool,
    /// Names and types.
    pub params: Vec<(Ident, TokenStream)>,
    /// What it returns.
    pub returns: TokenStream,
}

/// The client of an interface: a module with the struct, the errors and the types that they need.
///
/// # Errors
///
/// [`ClientError`] for names that clash or that Rust does not take.
pub fn tokens(interface: &Interface, module: Option<&Ident>) -> Result<TokenStream, ClientError> {
    let module = match module {
        Some(module) => module.clone(),
        None => named(&snake(&interface.name))?,
    };
    let stem = camel(&interface.name);
    let mut types = Types::default();
    let methods = interface
        .functions
        .iter()
        .map(|function| method(function, &mut types))
        .collect::<Result<Vec<_>, _>>()?;
    let client = named(&format!("{stem}Client"))?;
    let errors = errors(&interface.errors, &named(&format!("{stem}Error"))?, &mut types)?;
    if let Some(taken) =
        ["Client", "Error"].map(|end| format!("{stem}{end}")).into_iter().find(|name| types.has(name))
    {
        return Err(ClientError::Taken(taken));
    }
    let docs = format!("The contract `{}`.", interface.name);
    let client_struct = structure(&Visibility::Public(Default::default()), &client, &docs, &methods);
    let definitions = types.definitions();
    let module_docs = format!("Calls to the contract `{}`.", interface.name);
    Ok(quote! {
        #[doc = #module_docs]
        pub mod #module {
            #client_struct
            #errors
            #(#definitions)*
        }
    })
}

/// The same as formatted source.
///
/// # Errors
///
/// As [`tokens`].
#[cfg(feature = "tools")]
pub fn rust_client(interface: &Interface) -> Result<String, ClientError> {
    let tokens = tokens(interface, None)?;
    let file = syn::parse2(tokens).map_err(|error| ClientError::Generated(error.to_string()))?;
    Ok(prettyplease::unparse(&file))
}

fn method(function: &Function, types: &mut Types) -> Result<Method, ClientError> {
    let params = function
        .params
        .iter()
        .map(|Field { name, ty }| Ok((named(name)?, types.argument(ty)?)))
        .collect::<Result<_, _>>()?;
    Ok(Method {
        ident: named(&function.name)?,
        docs: function.docs.clone(),
        kind: function.kind,
        payable: function.payable,
        params,
        returns: types.owned(&function.returns)?,
    })
}

/// Methods that every client has.
const OWN_METHODS: [&str; 4] = ["at", "address", "gas", "deploy"];

/// The names of the methods: the functions' own, with a `_` where the client has a method of that name.
fn method_names(methods: &[Method]) -> Vec<Ident> {
    let mut taken: BTreeSet<String> = OWN_METHODS.map(str::to_owned).into();
    // A function that is called `at_` keeps its name.
    let is_own = |name: &Ident| OWN_METHODS.iter().any(|own| name == own);
    let kept = methods.iter().map(|method| &method.ident).filter(|name| !is_own(name));
    taken.extend(kept.map(ToString::to_string));
    let name = |method: &Method| {
        let mut name = method.ident.clone();
        if is_own(&name) && method.kind != Kind::Init {
            while !taken.insert(name.to_string()) {
                name = format_ident!("{name}_");
            }
        }
        name
    };
    methods.iter().map(name).collect()
}

/// The struct with its methods.
#[must_use]
pub fn structure(visibility: &Visibility, name: &Ident, docs: &str, methods: &[Method]) -> TokenStream {
    let names = method_names(methods);
    let methods = methods.iter().zip(&names).map(|(method, name)| method.tokens(name));
    quote! {
        #[doc = #docs]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #visibility struct #name {
            contract: ::contract_sdk::Address,
            gas: u64,
        }

        #[allow(dead_code, clippy::too_many_arguments)]
        impl #name {
            /// The contract at an address.
            #[inline]
            #[must_use]
            pub const fn at(address: ::contract_sdk::Address) -> Self {
                Self { contract: address, gas: 0 }
            }

            /// Its address.
            #[inline]
            #[must_use]
            pub const fn address(&self) -> ::contract_sdk::Address {
                self.contract
            }

            /// The same contract, whose calls use at most this much gas each; 0 stands for all but 1/64.
            #[inline]
            #[must_use]
            pub const fn gas(self, gas: u64) -> Self {
                Self { gas, ..self }
            }

            #(#methods)*
        }
    }
}

/// Tuples have encodings up to this many members; more are nested, which adds no byte.
const TUPLE_MAX: usize = 8;

impl Method {
    fn arguments(&self) -> TokenStream {
        let names: Vec<TokenStream> = self.params.iter().map(|(name, _)| quote!(&#name)).collect();
        let tuple = |members: &[TokenStream]| quote!((#(#members,)*));
        if names.len() <= TUPLE_MAX {
            return tuple(&names);
        }
        let parts: Vec<TokenStream> = names.chunks(TUPLE_MAX).map(tuple).collect();
        tuple(&parts)
    }

    /// A name for a parameter of the method's own, told apart from the function's.
    fn free(&self, name: &str) -> Ident {
        let mut ident = format_ident!("{name}");
        while self.params.iter().any(|(taken, _)| *taken == ident) {
            ident = format_ident!("{ident}_");
        }
        ident
    }

    /// The method, under a name that the client has once.
    fn tokens(&self, method: &Ident) -> TokenStream {
        let Self { ident, docs, kind, payable, returns, .. } = self;
        let arguments = self.arguments();
        let mut params: Vec<TokenStream> = self.params.iter().map(|(name, ty)| quote!(#name: #ty)).collect();
        let [ctx, value, code_hash, salt] = ["ctx", "value", "code_hash", "salt"].map(|name| self.free(name));
        if *payable {
            params.push(quote!(#value: u64));
        }
        let docs = (!docs.is_empty()).then(|| quote!(#[doc = #docs] #[doc = ""]));
        if *kind == Kind::Init {
            let value = if *payable { quote!(#value) } else { quote!(0) };
            return quote! {
                #docs
                /// Deploys a contract from the code with this hash.
                ///
                /// # Errors
                ///
                /// As `Context::deploy`.
                #[inline]
                pub fn deploy(
                    #ctx: &mut ::contract_sdk::Context,
                    #code_hash: ::contract_sdk::Hash,
                    #salt: ::contract_sdk::Hash,
                    #(#params),*
                ) -> ::contract_sdk::Result<Self> {
                    #ctx.deploy_with_value(#code_hash, #salt, &#arguments, #value).map(Self::at)
                }
            };
        }
        let name = syn::ext::IdentExt::unraw(ident).to_string();
        let context = if *kind == Kind::View {
            quote!(&::contract_sdk::Context)
        } else {
            quote!(&mut ::contract_sdk::Context)
        };
        let with_value = payable.then(|| quote!(.value(#value)));
        quote! {
            #docs
            /// # Errors
            ///
            /// As `Context::call`; `Error::callee` is what the contract itself says.
            #[inline]
            pub fn #method(&self, #ctx: #context, #(#params),*) -> ::contract_sdk::Result<#returns> {
                ::contract_sdk::Call::new(self.contract, #name)
                    .gas(self.gas)
                    #with_value
                    .receive(#ctx, &#arguments)
            }
        }
    }
}

/// The contract's errors as an enum; nothing where it has none.
fn errors(records: &[Record], name: &Ident, types: &mut Types) -> Result<TokenStream, ClientError> {
    if records.is_empty() {
        return Ok(TokenStream::new());
    }
    let mut variants = Vec::new();
    let mut arms = Vec::new();
    for (index, Record { name, fields, docs }) in records.iter().enumerate() {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let (ident, body) = (named(name)?, types.body(fields, &TokenStream::new())?);
        let docs = if docs.is_empty() { format!("`{name}`.") } else { docs.clone() };
        variants.push(quote!(#[doc = #docs] #[allow(missing_docs)] #ident #body));
        let read = quote!(::contract_sdk::Decode::decode(&mut input).ok()?);
        let value = if fields.is_empty() {
            quote!(Self::#ident)
        } else if is_numbered(fields) {
            let reads = fields.iter().map(|_| &read);
            quote!(Self::#ident(#(#reads),*))
        } else {
            let names = fields.iter().map(|field| named(&field.name)).collect::<Result<Vec<_>, _>>()?;
            quote!(Self::#ident { #(#names: #read),* })
        };
        arms.push(quote!(#index => #value));
    }
    Ok(quote! {
        /// Why the contract refuses.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum #name { #(#variants),* }

        impl #name {
            /// The contract's own error that a call ended with, if it ended with one.
            #[must_use]
            pub fn of(error: &::contract_sdk::Error) -> ::core::option::Option<Self> {
                let (index, data) = error.of_callee()?;
                #[allow(unused_mut)]
                let mut input = ::contract_sdk::codec::Input::new(data);
                let found = match index {
                    #(#arms,)*
                    _ => return ::core::option::Option::None,
                };
                input.finish().ok()?;
                ::core::option::Option::Some(found)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Type, Variant};

    fn interface() -> Interface {
        Interface { name: "simple_token".into(), ..Interface::default() }
    }

    fn function(name: &str, kind: Kind, payable: bool, params: Vec<Field>) -> Function {
        let returns = Type::U64;
        Function { name: name.into(), kind, payable, reentrant: false, params, returns, docs: String::new() }
    }

    fn structure(name: &str, ty: Type) -> Type {
        Type::Struct { name: name.into(), fields: vec![Field { name: "x".into(), ty }] }
    }

    fn source(functions: Vec<Function>) -> Result<String, ClientError> {
        rust_client(&Interface { functions, ..interface() })
    }

    #[test]
    fn only_payable_functions_take_value() {
        let text = source(vec![
            function("give", Kind::Call, true, vec![]),
            function("take", Kind::Call, false, vec![]),
        ])
        .unwrap();
        assert!(
            text.contains("pub mod simple_token") && text.contains("pub struct SimpleTokenClient"),
            "{text}"
        );
        assert_eq!(text.matches("value: u64").count(), 1, "{text}");
        assert_eq!(text.matches(".value(value)").count(), 1, "{text}");
    }

    #[test]
    fn a_view_takes_a_shared_context_and_an_initialiser_deploys() {
        let text = source(vec![
            function("look", Kind::View, false, vec![]),
            function("start", Kind::Init, false, vec![]),
        ])
        .unwrap();
        let text: String = text.split_whitespace().collect();
        assert!(text.contains("pubfnlook(&self,ctx:&::contract_sdk::Context"), "{text}");
        assert!(text.contains("pubfndeploy(ctx:&mut::contract_sdk::Context"), "{text}");
        assert!(!text.contains("fnstart"), "{text}");
    }

    #[test]
    fn functions_named_like_the_clients_own_methods_get_an_underscore() {
        let names = ["at", "address", "gas", "deploy", "gas_", "start"];
        let kind = |name| if name == "start" { Kind::Init } else { Kind::Call };
        let text = source(names.map(|name| function(name, kind(name), false, vec![])).to_vec()).unwrap();
        for name in ["at", "address", "gas", "deploy", "at_", "address_", "gas_", "gas__", "deploy_"] {
            assert_eq!(text.matches(&format!("fn {name}(")).count(), 1, "{name}\n{text}");
        }
        let text: String = text.split_whitespace().collect();
        assert!(text.contains(r#"pubfngas__(&self,"#) && text.contains(r#"self.contract,"gas")"#), "{text}");
    }

    #[test]
    fn more_arguments_than_a_tuple_has_are_nested() {
        let params = (0..9u8).map(|index| Field { name: format!("a{index}"), ty: Type::U8 }).collect();
        let text = source(vec![function("many", Kind::Call, false, params)]).unwrap();
        assert!(text.contains("(&a8,)"), "{text}");
    }

    #[test]
    fn parameters_of_the_method_give_way_to_the_functions() {
        let params =
            vec![Field { name: "value".into(), ty: Type::U8 }, Field { name: "ctx".into(), ty: Type::U8 }];
        let text = source(vec![function("give", Kind::Call, true, params)]).unwrap();
        let text: String = text.split_whitespace().collect();
        assert!(text.contains("ctx_:&mut::contract_sdk::Context,value:u8,ctx:u8,value_:u64"), "{text}");
        assert!(text.contains(".value(value_).receive(ctx_,&(&value,&ctx))"), "{text}");
    }

    #[test]
    fn named_types_are_defined_once_and_must_agree() {
        let params = |first, second| {
            vec![Field { name: "a".into(), ty: first }, Field { name: "b".into(), ty: second }]
        };
        let same = params(structure("Point", Type::U8), structure("Point", Type::U8));
        let text = source(vec![function("f", Kind::Call, false, same)]).unwrap();
        assert_eq!(text.matches("pub struct Point").count(), 1, "{text}");
        let other = params(structure("Point", Type::U8), structure("Point", Type::U16));
        let error = source(vec![function("f", Kind::Call, false, other)]).unwrap_err();
        assert_eq!(error, ClientError::TwoTypes("Point".into()));
    }

    #[test]
    fn every_form_of_named_type_parses() {
        let variants = vec![
            Variant { name: "Plain".into(), fields: vec![] },
            Variant { name: "Tuple".into(), fields: vec![Field { name: "0".into(), ty: Type::U8 }] },
            Variant { name: "Named".into(), fields: vec![Field { name: "type".into(), ty: Type::Bytes }] },
        ];
        let unit = Type::Struct { name: "Unit".into(), fields: vec![] };
        let tuple =
            Type::Struct { name: "Pair".into(), fields: vec![Field { name: "0".into(), ty: Type::Hash }] };
        let one = Type::Tuple(vec![Type::Map(Box::new(Type::U8), Box::new(tuple))]);
        let array = Type::Array(3, Box::new(Type::Set(Box::new(Type::I64))));
        let all = Type::Tuple(vec![Type::Enum { name: "Shape".into(), variants }, unit, one, array]);
        let text =
            source(vec![function("f", Kind::Call, false, vec![Field { name: "all".into(), ty: all }])]);
        let text = text.unwrap();
        for part in ["pub struct Unit;", "pub struct Pair(pub ::contract_sdk::Hash);", "r#type"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn names_that_clash_or_cannot_be_are_refused() {
        let clash = Field { name: "a".into(), ty: structure("SimpleTokenClient", Type::U8) };
        assert_eq!(
            source(vec![function("f", Kind::Call, false, vec![clash])]).unwrap_err(),
            ClientError::Taken("SimpleTokenClient".into())
        );
        assert_eq!(
            source(vec![function("self", Kind::Call, false, vec![])]).unwrap_err(),
            ClientError::Name("self".into())
        );
    }

    #[test]
    fn errors_are_read_by_their_position() {
        let record = |name: &str, fields| Record { name: name.into(), fields, docs: String::new() };
        let errors = vec![
            record("Plain", vec![]),
            record("Short", vec![Field { name: "by".into(), ty: Type::U64 }]),
            record("Tuple", vec![Field { name: "0".into(), ty: Type::U8 }]),
        ];
        let text = rust_client(&Interface { errors, ..interface() }).unwrap();
        assert!(text.contains("pub enum SimpleTokenError"), "{text}");
        assert!(text.contains("0u32 => Self::Plain"), "{text}");
        assert!(text.contains("1u32 => {"), "{text}");
    }
}
