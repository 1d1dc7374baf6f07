//! What to use instead of a part of std.

/// The best advice for the path `std::a::b` (or `a::b` of another crate root), by its most telling segment, the last that is known.
pub(super) fn instead(segments: &[impl AsRef<str>]) -> Option<&'static str> {
    // The last names most: `std::collections::HashMap`.
    segments.iter().map(AsRef::as_ref).rev().find_map(|segment| {
        Some(match segment {
            "HashMap" | "hash_map" | "RandomState" | "DefaultHasher" => {
                "a hash map's order is random: use `alloc::collections::BTreeMap`"
            }
            "HashSet" | "hash_set" => "a hash set's order is random: use `alloc::collections::BTreeSet`",
            "time" | "Instant" | "SystemTime" => {
                "a contract's clock is the block's: `ctx.block_time()`, `ctx.block_height()`"
            }
            "thread" | "sync" => "a contract runs alone, on one thread: no locks, no threads",
            "env" => "a contract has no environment: take arguments in #[init] and keep them in an object",
            "fs" | "path" | "io" => "a contract has no files: keep data in the fields of objects",
            "net" => "a contract has no network: other contracts are reached by `ctx.call`",
            "process" => "a contract ends by returning, or with an error by `require!` or `Err`",
            "println" | "print" | "eprintln" | "eprint" | "dbg" => {
                "a contract prints nothing: log an event, `ctx.log(&...)`, or look at `vm run --trace full`"
            }
            "collections" => "use `alloc::collections`: BTreeMap, BTreeSet, VecDeque",
            "string" | "vec" | "boxed" | "rc" | "borrow" | "format" => {
                "the same is in `alloc` and in the SDK's prelude"
            }
            _ => return None,
        })
    })
}

/// Macros that exist in std alone.
pub(super) const MACROS: [&str; 5] = ["println", "print", "eprintln", "eprint", "dbg"];
