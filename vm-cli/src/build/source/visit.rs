//! The rules over one file's syntax.

use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, UseTree};

use super::holdings::{Holdings, names};
use super::modules::{OutOfLine, out_of_line};
use super::outline::{self, Outline};
use super::rules::Rule;
use super::{cfg, std_use, tokens};
use crate::build::finding::{Finding, SourceFile};

const FLOATS: [&str; 4] = ["f16", "f32", "f64", "f128"];
const ASSEMBLY: [&str; 3] = ["asm", "global_asm", "naked_asm"];
const INCLUDES: [&str; 3] = ["include", "include_str", "include_bytes"];
const LINKAGE: [&str; 6] = ["no_mangle", "export_name", "link_section", "link", "link_name", "used"];
const STATIC_MACROS: [&str; 2] = ["thread_local", "lazy_static"];

/// What one file holds.
pub(super) struct Rules<'a> {
    file: &'a Arc<SourceFile>,
    crate_folder: &'a Path,
    /// The folder of the present module's own modules.
    folder: PathBuf,
    /// How many inline modules are open.
    inline: usize,
    pub(super) findings: Vec<Finding>,
    pub(super) modules: Vec<OutOfLine>,
    pub(super) contracts: Vec<Outline>,
    pub(super) holdings: Holdings,
}

impl<'a> Rules<'a> {
    pub(super) fn new(file: &'a Arc<SourceFile>, crate_folder: &'a Path, folder: PathBuf) -> Self {
        Self {
            file,
            crate_folder,
            folder,
            inline: 0,
            findings: Vec::new(),
            modules: Vec::new(),
            contracts: Vec::new(),
            holdings: Holdings::default(),
        }
    }

    fn add(&mut self, rule: Rule, span: Span, message: impl Into<String>) {
        self.add_with_help(rule, span.byte_range(), message, rule.help());
    }

    fn add_with_help(&mut self, rule: Rule, span: Range<usize>, message: impl Into<String>, help: &str) {
        let (message, help) = (message.into(), help.to_owned());
        self.findings.push(Finding { rule, message, help, file: Arc::clone(self.file), span });
    }

    fn tokens(&mut self, tokens: &proc_macro2::TokenStream) {
        for broken in tokens::check(tokens) {
            self.add_with_help(broken.rule, broken.span, broken.message, broken.rule.help());
        }
    }

    /// Judges a path by its segments: of an expression, a type, or one leaf of a `use`.
    fn path(&mut self, segments: &[&Ident]) {
        let names: Vec<String> = segments.iter().map(ToString::to_string).collect();
        let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return };
        let whole = first.span().byte_range().start..last.span().byte_range().end;
        let path = names.join("::");
        if let Some(float) = segments.iter().find(|segment| FLOATS.iter().any(|float| **segment == float)) {
            self.add(Rule::Float, float.span(), format!("the float type {float}"));
        }
        match names.first().map(String::as_str) {
            Some("std") => {
                let help = std_use::instead(&names).unwrap_or(Rule::Std.help());
                self.add_with_help(Rule::Std, whole, format!("`{path}`: a contract has no std"), help);
            }
            Some("core") if names.get(1).is_some_and(|name| name == "arch") => {
                self.add_with_help(Rule::Assembly, whole, format!("`{path}`"), Rule::Assembly.help());
            }
            _ => {}
        }
    }

    fn use_tree<'t>(&mut self, tree: &'t UseTree, prefix: &mut Vec<&'t Ident>) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(&path.ident);
                self.use_tree(&path.tree, prefix);
                prefix.pop();
            }
            UseTree::Name(name) => self.use_leaf(&name.ident, prefix),
            UseTree::Rename(rename) => {
                self.holdings.define(&rename.rename, [rename.ident.to_string()].into());
                self.use_leaf(&rename.ident, prefix);
            }
            UseTree::Glob(_) => self.path(prefix),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(tree, prefix)),
        }
    }

    fn use_leaf<'t>(&mut self, ident: &'t Ident, prefix: &mut Vec<&'t Ident>) {
        prefix.push(ident);
        // In a group, the leaf alone is what to change: `use std::{time::Instant, ...}`.
        let before = self.findings.len();
        self.path(prefix);
        // Under another name nobody would see it called.
        if let (Some(rule), true) = (tokens::called(&ident.to_string()), prefix.len() > 1) {
            self.add(rule, ident.span(), format!("a use of {ident}!: call it by its name"));
        }
        for finding in self.findings.iter_mut().skip(before) {
            finding.span = ident.span().byte_range();
        }
        prefix.pop();
    }

    /// `include!` and its kin: only files of the crate, named by a literal.
    fn include(&mut self, mac: &syn::Macro, name: &str) {
        let Ok(literal) = mac.parse_body::<syn::LitStr>() else {
            let message = format!("{name}! of a file whose name is not a plain text");
            return self.add(Rule::Outside, mac.span(), message);
        };
        let here = self.file.path.parent().unwrap_or(Path::new(""));
        let path = lexical(&here.join(literal.value()));
        if !path.starts_with(self.crate_folder) {
            let message = format!("{name}! of a file outside the crate's folder");
            return self.add(Rule::Outside, literal.span(), message);
        }
        if name == "include" {
            // It would be code that nobody looked at.
            let candidates = vec![path];
            let declared = Some((Arc::clone(self.file), mac.span().byte_range()));
            self.modules.push(OutOfLine { candidates, declared, owns_folder: true });
        }
    }
}

/// The path with `.` and `..` resolved by text, since the file need not exist.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

fn last_name(path: &syn::Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

fn item_attributes(item: &syn::Item) -> &[Attribute] {
    use syn::Item;
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Rules<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !cfg::excluded(item_attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !cfg::excluded(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        if !cfg::excluded(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.contracts.extend(outline::of_module(module, self.file));
        if module.content.is_none() {
            self.modules.push(out_of_line(module, self.file, &self.folder, self.inline > 0));
            return;
        }
        self.folder.push(syn::ext::IdentExt::unraw(&module.ident).to_string());
        self.inline = self.inline.saturating_add(1);
        visit::visit_item_mod(self, module);
        self.inline = self.inline.saturating_sub(1);
        self.folder.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &mut Vec::new());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.path(&[&item.ident]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
        self.path(&segments);
        visit::visit_path(self, path);
    }

    fn visit_lit_float(&mut self, literal: &'ast syn::LitFloat) {
        self.add(Rule::Float, literal.span(), format!("the float {literal}"));
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.add(Rule::Unsafe, expr.unsafe_token.span, "an `unsafe` block");
        visit::visit_expr_unsafe(self, expr);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(token) = &signature.unsafety {
            self.add(Rule::Unsafe, token.span, format!("the unsafe function `{}`", signature.ident));
        }
        if let Some(abi) = &signature.abi {
            self.add(Rule::Foreign, abi.span(), format!("`{}` is an `extern` function", signature.ident));
        }
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(token) = &item.unsafety {
            self.add(Rule::Unsafe, token.span, "an `unsafe impl`");
        }
        self.contracts.extend(outline::of_impl(item, self.file));
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if let Some(token) = &item.unsafety {
            self.add(Rule::Unsafe, token.span, format!("the unsafe trait `{}`", item.ident));
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_item_union(&mut self, item: &'ast syn::ItemUnion) {
        self.add(Rule::Unsafe, item.union_token.span, "a union, which only unsafe code can read");
        visit::visit_item_union(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        self.add(Rule::Foreign, item.abi.span(), "an `extern` block");
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.holdings.define(&item.ident, names(|names| names.visit_fields(&item.fields)));
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        let all = names(|names| item.variants.iter().for_each(|variant| names.visit_fields(&variant.fields)));
        self.holdings.define(&item.ident, all);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.holdings.define(&item.ident, names(|names| names.visit_type(&item.ty)));
        visit::visit_item_type(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        if let syn::StaticMutability::Mut(token) = &item.mutability {
            self.add(Rule::Static, token.span, format!("`static mut {}`", item.ident));
        }
        self.holdings.hold(self.file, item);
        visit::visit_item_static(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        for meta in cfg::effective(std::slice::from_ref(attribute)) {
            let name = last_name(meta.path());
            if name == "unsafe" || LINKAGE.contains(&name.as_str()) {
                self.add(Rule::Foreign, attribute.span(), format!("the attribute `{name}`"));
            }
            // `#[doc = env!("HOME")]` becomes part of the interface.
            match &meta {
                syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
                syn::Meta::List(list) => self.tokens(&list.tokens),
                syn::Meta::Path(_) => {}
            }
        }
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        let name = last_name(&mac.path);
        let span = mac.path.span();
        match name.as_str() {
            name if ASSEMBLY.contains(&name) => self.add(Rule::Assembly, span, format!("{name}!")),
            name if INCLUDES.contains(&name) => self.include(mac, name),
            name if STATIC_MACROS.contains(&name) => {
                self.add(Rule::Static, span, format!("{name}! makes a static that can change"));
            }
            "env" | "option_env" => {
                self.add(Rule::Environment, span, format!("{name}! reads the environment of the build"));
            }
            name if std_use::MACROS.contains(&name) => {
                let help = std_use::instead(&[name]).unwrap_or(Rule::Std.help());
                let message = format!("{name}!: a contract has no std");
                self.add_with_help(Rule::Std, span.byte_range(), message, help);
            }
            _ => {}
        }
        self.tokens(&mac.tokens);
        visit::visit_macro(self, mac);
    }
}
