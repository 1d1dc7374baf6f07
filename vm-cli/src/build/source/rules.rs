//! The rules by name, each with what to do instead.

/// What a contract may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A file that is not there or is not Rust.
    Unreadable,
    /// No `#[contract]`, or more than one.
    Contract,
    /// More source than [`SOURCE_BYTES_MAX`](super::SOURCE_BYTES_MAX).
    Oversize,
    /// A crate outside the allow-list.
    Dependency,
    /// A build script or a procedural macro of the contract's own.
    BuildCode,
    /// No `#![no_std]`, or a use of std.
    Std,
    /// `unsafe` in any form.
    Unsafe,
    /// Functions of another language, exports and linkage by hand.
    Foreign,
    /// Machine code by hand.
    Assembly,
    /// Floating point.
    Float,
    /// A static that can change.
    Static,
    /// A file outside the crate that becomes part of it.
    Outside,
    /// A value taken from the machine that compiles.
    Environment,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 13] = [
        Self::Unreadable,
        Self::Contract,
        Self::Oversize,
        Self::Dependency,
        Self::BuildCode,
        Self::Std,
        Self::Unsafe,
        Self::Foreign,
        Self::Assembly,
        Self::Float,
        Self::Static,
        Self::Outside,
        Self::Environment,
    ];

    /// The name that reports show and JSON carries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Contract => "contract",
            Self::Oversize => "oversize",
            Self::Dependency => "dependency",
            Self::BuildCode => "build-code",
            Self::Std => "std",
            Self::Unsafe => "unsafe",
            Self::Foreign => "foreign",
            Self::Assembly => "assembly",
            Self::Float => "float",
            Self::Static => "static",
            Self::Outside => "outside",
            Self::Environment => "environment",
        }
    }

    /// What to do instead, where nothing more particular is known.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Unreadable => "every file of the crate must be there and be valid Rust",
            Self::Contract => "mark one module, `#[contract] pub mod name { ... }`, or one impl",
            Self::Oversize => "split the contract in two that call each other, or generate less",
            Self::Dependency => {
                "do without it, or, if you have read it and it computes the same everywhere, name it in Cargo.toml: \
                 [package.metadata.vm] allow-dependencies = [\"...\"]"
            }
            Self::BuildCode => {
                "write what it generates into the source, so that the source says what the module does"
            }
            Self::Std => "use `core` and `alloc`; what the host offers is in `Context`",
            Self::Unsafe => "safe Rust does all that a contract needs; the SDK holds what must be unsafe",
            Self::Foreign => {
                "functions are exported by #[call] and #[view], host functions are called by `Context`"
            }
            Self::Assembly => "write it in Rust: a contract's only machine is wasm",
            Self::Float => {
                "floats differ between machines: use integers in the smallest unit, or a fraction of two"
            }
            Self::Static => {
                "a contract keeps nothing between calls: keep state in objects, and pass values as arguments"
            }
            Self::Outside => "move the file into the crate's folder, so that the crate builds anywhere",
            Self::Environment => {
                "the module must not depend on who compiles it: use a constant, or an argument of #[init]"
            }
        }
    }
}
