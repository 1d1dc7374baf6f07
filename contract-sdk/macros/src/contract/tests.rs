//! The usual mistakes and what the author is told.

use std::str::FromStr as _;

use proc_macro2::TokenStream;

/// The messages for a contract module with these items.
fn problems(items: &str) -> Vec<String> {
    let module = TokenStream::from_str(&format!("mod sample {{ {items} }}")).unwrap();
    match super::expand(TokenStream::new(), module) {
        Ok(_) => Vec::new(),
        Err(error) => error.into_iter().map(|problem| problem.to_string()).collect(),
    }
}

/// Asserts that there is exactly one message, and that it says this.
fn refused(items: &str, message: &str) {
    let found = problems(items);
    assert!(found.len() == 1 && found[0].contains(message), "{items}\n{found:?}\nwanted: {message}");
}

#[test]
fn a_sound_module_is_taken() {
    assert_eq!(
        problems(
            "#[init] pub fn start(ctx: &mut Context) {}
             #[call] #[payable] pub fn give(ctx: &mut Context, name: &str, data: Option<&[u8]>) -> Result<u64> { f() }
             #[view] pub fn look<'a>(ctx: &Context, name: &'a str) -> Vec<String> { g() }
             fn helper<T>(x: f64) {}"
        ),
        Vec::<String>::new()
    );
}

#[test]
fn a_float_is_refused() {
    refused("#[call] pub fn f(ctx: &mut Context, x: f64) {}", "floats differ between machines");
    refused("#[view] pub fn f(ctx: &Context) -> Result<Vec<f32>> { }", "floats differ between machines");
}

#[test]
fn a_width_that_depends_on_the_target_is_refused() {
    refused(
        "#[call] pub fn f(ctx: &mut Context, x: Option<usize>) {}",
        "`usize`: its width depends on the machine",
    );
}

#[test]
fn types_that_no_contract_has_are_refused_in_records_too() {
    refused("#[event] struct A { x: Option<f64> }", "floats differ between machines");
    refused("#[error] enum A { X { y: HashMap<u8, u8> } }", "use BTreeMap");
    refused("#[object] struct A { x: std::collections::HashSet<u8> }", "use BTreeSet");
    refused("#[derive(Object)] struct A { id: u8 }", "`id` means something");
    refused("#[call] pub fn f(ctx: &mut Context, x: char) {}", "use String or u32");
    assert_eq!(problems("struct Private { x: f64 }"), Vec::<String>::new());
}

#[test]
fn a_generic_function_is_refused() {
    refused("#[call] pub fn f<T>(ctx: &mut Context, x: T) {}", "can't be generic");
    refused("#[call] pub fn f(ctx: &mut Context, x: impl Into<u8>) {}", "can't be generic");
}

#[test]
fn a_missing_context_is_named() {
    refused("#[call] pub fn f() {}", "the first parameter of a contract function is `ctx: &mut Context`");
    refused("#[view] pub fn f(x: u8) {}", "the first parameter of a contract function is `ctx: &Context`");
    refused("#[call] pub fn f(&self) {}", "the first parameter of a contract function is");
    refused(
        "#[call] pub fn f(ctx: &mut Context, other: Context) {}",
        "only the first parameter is the context",
    );
    refused("#[view] pub fn f(ctx: &mut Context) {}", "a view takes `&Context`");
}

#[test]
fn a_receiver_is_told_where_state_is() {
    refused("#[call] pub fn f(&mut self, x: u8) {}", "there is no `self`: state is in objects");
}

#[test]
fn two_functions_of_one_name_are_refused() {
    refused(
        "#[call] pub fn f(ctx: &mut Context) {} #[view] pub fn f(ctx: &Context) {}",
        "there is a function `f` already",
    );
}

/// What is said of an impl with these items, under `#[contract(arguments)]`.
fn impl_problems(arguments: &str, item: &str) -> Vec<String> {
    let [arguments, item] = [arguments, item].map(|text| TokenStream::from_str(text).unwrap());
    match super::expand(arguments, item) {
        Ok(_) => Vec::new(),
        Err(error) => error.into_iter().map(|problem| problem.to_string()).collect(),
    }
}

#[test]
fn an_impl_is_judged_as_a_module_is() {
    let good = "impl A { #[init] pub fn f(ctx: &mut Context) {} const X: u8 = 1; fn helper(&self) {} }";
    assert_eq!(impl_problems("events(E, F), errors(G), objects(a::H)", good), Vec::<String>::new());
    let bad = "impl A { pub fn f() {} #[call] pub fn g(&self) {} #[init] pub fn h(ctx: &mut Context) {} \
               #[init] pub fn i(ctx: &mut Context) {} }";
    assert_eq!(impl_problems("", bad).len(), 3, "{:?}", impl_problems("", bad));
}

#[test]
fn only_plain_impls_with_known_lists_are_taken() {
    for item in ["impl<T> A<T> {}", "impl A for B {}", "impl (u8, u8) {}", "impl a::B {}"] {
        assert!(impl_problems("", item)[0].contains("plain impl of a type"), "{item}");
    }
    for arguments in ["tables(A)", "events", "events = A"] {
        assert!(impl_problems(arguments, "impl A {}")[0].contains("expected events"), "{arguments}");
    }
    assert!(impl_problems("errors(A, B)", "impl A {}")[0].contains("one enum of errors"));
}

#[test]
fn two_initialisers_are_refused() {
    refused(
        "#[init] pub fn a(ctx: &mut Context) {} #[init] pub fn b(ctx: &mut Context) {}",
        "at most one #[init]",
    );
}

#[test]
fn references_other_than_text_and_bytes_are_refused() {
    refused("#[call] pub fn f(ctx: &mut Context, x: &u64) {}", "take the argument by value");
    refused("#[call] pub fn f(ctx: &mut Context, x: &mut str) {}", "take the argument by value");
    refused("#[view] pub fn f(ctx: &Context) -> &'static str { }", "return an owned value");
}

#[test]
fn marks_that_contradict_are_refused() {
    refused("#[call] #[view] pub fn f(ctx: &Context) {}", "one of #[init], #[call] and #[view]");
    refused("#[view] #[payable] pub fn f(ctx: &Context) {}", "a view can't take value");
    refused("#[payable] fn f(ctx: &mut Context) {}", "needs #[call] or #[init]");
    refused("#[call(now)] pub fn f(ctx: &mut Context) {}", "takes no arguments");
}

#[test]
fn unmarked_and_private_functions_are_told_apart() {
    refused("pub fn f(ctx: &mut Context) {}", "mark a public function");
    refused("#[call] fn f(ctx: &mut Context) {}", "is `pub`");
}

#[test]
fn forms_that_cannot_be_exported_are_refused() {
    refused("#[call] pub async fn f(ctx: &mut Context) {}", "can't be `async`");
    refused("#[call] pub unsafe fn f(ctx: &mut Context) {}", "can't be `unsafe`");
    refused("#[call] pub extern \"C\" fn f(ctx: &mut Context) {}", "leave `extern` out");
    refused("#[call] pub fn f(ctx: &mut Context, (a, b): (u8, u8)) {}", "a parameter needs a name");
    refused("#[call] pub fn memory(ctx: &mut Context) {}", "`memory` is reserved");
    refused("#[call] pub fn __x(ctx: &mut Context) {}", "`__x` is reserved");
}

#[test]
fn misplaced_and_repeated_records_are_refused() {
    refused("#[error] struct E;", "variants of an enum");
    refused("#[event] enum E { A }", "stands on a struct");
    refused("#[error] enum A { X } #[derive(Debug, ContractError)] enum B { Y }", "one enum of errors");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let found = problems("#[call] pub fn f<T>(x: T) {} pub fn g() {} #[error] struct E;");
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn what_is_no_inline_module_is_refused() {
    let expand = |text| super::expand(TokenStream::new(), TokenStream::from_str(text).unwrap()).unwrap_err();
    assert!(expand("fn f() {}").to_string().contains("stands on a module"));
    assert!(expand("mod sample;").to_string().contains("in braces"));
    let arguments = TokenStream::from_str("name = 1").unwrap();
    let error = super::expand(arguments, TokenStream::from_str("mod sample {}").unwrap()).unwrap_err();
    assert!(error.to_string().contains("takes no arguments"));
}
