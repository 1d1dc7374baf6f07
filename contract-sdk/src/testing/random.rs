//! Random calls of a contract, for tests of what must hold whatever is called: proptest makes and shrinks them.
//!
//! A call is a list of choices; what they mean is found out when it is made, from the contract's interface and from what
//! the chain has by then: so that a random address is somebody, and a random object exists. Fewer and smaller choices are
//! simpler calls.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::collection::vec as vec_of;
use proptest::prelude::*;
use vm_core::interface::{Field, Flags, Function, Type};
use vm_core::{Address, Hash, ObjectId};

use super::chain::Chain;
use super::outcome::Outcome;

/// A call by a random account of a random function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomCall {
    choices: Vec<u64>,
}

/// Sequences of up to `longest` random calls.
pub fn random_calls(longest: usize) -> impl Strategy<Value = Vec<RandomCall>> {
    // Small numbers are as likely as large ones: amounts near balances, and what no type holds.
    let choice = prop_oneof![4 => 0..8u64, 2 => 0..1_000u64, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let call = vec_of(choice, 0..12).prop_map(|choices| RandomCall { choices });
    vec_of(call, 0..=longest)
}

impl RandomCall {
    /// Makes the call on `contract`: by an account that has sent something before, of any function but its initialiser.
    /// Gives what was called, and what came of it.
    ///
    /// # Panics
    ///
    /// If the contract was not deployed on this chain, or can't be called.
    pub fn make(&self, chain: &mut Chain, contract: Address) -> (String, Outcome) {
        let interface = chain.interface(contract).expect("a contract of this chain").clone();
        let mut choices = Choices { rest: self.choices.iter(), chain, depth: 0 };
        let callable: Vec<&Function> =
            interface.functions.iter().filter(|function| !function.flags.has(Flags::INIT)).collect();
        let function = *choices.one(&callable);
        let senders: Vec<Address> = choices.chain.seen_addresses();
        let senders: Vec<Address> =
            senders.into_iter().filter(|address| choices.chain.interface(*address).is_none()).collect();
        let sender = *choices.one(&senders);
        let value = if function.flags.has(Flags::PAYABLE) { choices.next() % 1_000 } else { 0 };
        let mut args = Vec::new();
        choices.fields(&function.params, &mut args);
        let outcome = chain.from(sender).value(value).call_encoded(contract, &function.name, args);
        (function.name.clone(), outcome)
    }
}

/// Nested values go this deep; below, lists are empty and options are nothing.
const DEPTH_MAX: u32 = 4;
/// The most elements of a list.
const ELEMENTS_MAX: u64 = 4;

struct Choices<'a> {
    rest: core::slice::Iter<'a, u64>,
    chain: &'a Chain,
    depth: u32,
}

impl Choices<'_> {
    /// The next choice; 0 where there is none left.
    fn next(&mut self) -> u64 {
        self.rest.next().copied().unwrap_or_default()
    }

    fn index(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or_default()
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        let index = self.index(of.len());
        of.get(index).expect("a choice among some")
    }

    fn count(&mut self) -> u64 {
        if self.depth < DEPTH_MAX { self.next() % (ELEMENTS_MAX + 1) } else { 0 }
    }

    fn fields(&mut self, fields: &[Field], out: &mut Vec<u8>) {
        for field in fields {
            self.value(&field.ty, out);
        }
    }

    /// Appends the encoding of some value of `ty`.
    fn value(&mut self, ty: &Type, out: &mut Vec<u8>) {
        let number = |choices: &mut Self, bytes: usize, out: &mut Vec<u8>| {
            let choice = u128::from(choices.next());
            // The largest choice is the largest number of every width.
            let number = if choice == u128::from(u64::MAX) { u128::MAX } else { choice };
            out.extend(number.to_le_bytes().into_iter().take(bytes));
        };
        self.depth += 1;
        match ty {
            Type::Bool => out.push(u8::from(self.next() % 2 == 1)),
            Type::U8 | Type::I8 => number(self, 1, out),
            Type::U16 | Type::I16 => number(self, 2, out),
            Type::U32 | Type::I32 => number(self, 4, out),
            Type::U64 | Type::I64 => number(self, 8, out),
            Type::U128 | Type::I128 => number(self, 16, out),
            Type::String | Type::Bytes => {
                let count = self.count();
                length(count, out);
                for _ in 0..count {
                    let letter = u8::try_from(self.next() % 26).unwrap_or_default();
                    out.push(b'a'.saturating_add(letter));
                }
            }
            Type::Address => {
                let known = self.chain.seen_addresses();
                let address = *self.one(&known);
                out.extend_from_slice(&address.0);
            }
            Type::ObjectId => {
                let known: Vec<ObjectId> =
                    self.chain.seen_objects().iter().copied().chain([ObjectId::ZERO]).collect();
                let object = *self.one(&known);
                out.extend_from_slice(&object.0);
            }
            Type::Hash => {
                let byte = u8::try_from(self.next() % 4).unwrap_or_default();
                out.extend_from_slice(&Hash([byte; 32]).0);
            }
            Type::Option(some) => {
                if self.depth < DEPTH_MAX && self.next() % 2 == 1 {
                    out.push(1);
                    self.value(some, out);
                } else {
                    out.push(0);
                }
            }
            Type::Vec(element) => {
                let count = self.count();
                length(count, out);
                for _ in 0..count {
                    self.value(element, out);
                }
            }
            Type::Array(count, element) => {
                for _ in 0..*count {
                    self.value(element, out);
                }
            }
            Type::Tuple(members) => {
                for member in members {
                    self.value(member, out);
                }
            }
            Type::Struct { fields, .. } => self.fields(fields, out),
            Type::Enum { variants, .. } => {
                let index = self.index(variants.len());
                out.push(u8::try_from(index).unwrap_or_default());
                if let Some(variant) = variants.get(index) {
                    self.fields(&variant.fields, out);
                }
            }
            // Keys must ascend strictly: one entry always does.
            Type::Map(key, value) => {
                let count = self.count().min(1);
                length(count, out);
                if count == 1 {
                    self.value(key, out);
                    self.value(value, out);
                }
            }
            Type::Set(member) => {
                let count = self.count().min(1);
                length(count, out);
                if count == 1 {
                    self.value(member, out);
                }
            }
            Type::Result(good, bad) => {
                let is_bad = self.next() % 2 == 1;
                out.push(u8::from(is_bad));
                self.value(if is_bad { bad } else { good }, out);
            }
        }
        self.depth -= 1;
    }
}

/// A compact length below 64.
fn length(count: u64, out: &mut Vec<u8>) {
    out.push(u8::try_from(count * 4).unwrap_or_default());
}
