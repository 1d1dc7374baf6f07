//! What an author is told about the usual mistakes: `ui/` has a file for each and the compiler's words beside it.
//!
//! The words are rustc's and change with it: `TRYBUILD=overwrite cargo test -p contract-sdk --test mistakes` records
//! those of the compiler at hand, to be read before they are committed.

#[test]
fn the_usual_mistakes_are_told_at_their_line() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
