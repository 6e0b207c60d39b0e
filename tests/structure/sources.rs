//! The files of a crate: what each defines, hands on and names, and so whom it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::tokens::{tokens, without_tests};

/// A file by its place in the tree of modules; `a/mod.rs` is `[a]`, as `a.rs` is.
pub(crate) type Module = Vec<String>;

/// A path of names from the root of the crate.
pub(crate) type Names = Vec<String>;

#[derive(Default)]
pub(crate) struct Sources {
    pub(crate) files: BTreeMap<Module, File>,
}

/// What one file says.
#[derive(Default)]
pub(crate) struct File {
    /// Its tokens, without tests, comments and strings.
    tokens: Vec<String>,
    /// The names it has from elsewhere, and what they are.
    imports: BTreeMap<String, Names>,
    /// Modules all of whose names it hands on.
    hands_on_all_of: Vec<Names>,
    /// The items that are defined here.
    items: BTreeSet<String>,
    /// Paths in its code, imports of items included.
    paths: Vec<Names>,
    is_folder: bool,
}

impl Sources {
    pub(crate) fn of_crate(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(name).join("src");
        let mut texts = Vec::new();
        read(&root, &mut Vec::new(), &mut texts);
        assert!(texts.len() > 50, "the sources are not where they were");
        Self::of(texts)
    }

    /// Of files by their paths below `src/`, and their texts.
    fn of(texts: Vec<(Vec<String>, String)>) -> Self {
        let mut sources = Self::default();
        for (mut path, text) in texts {
            let name = path.pop().unwrap();
            let name = name.strip_suffix(".rs").unwrap();
            let is_folder = name == "mod";
            if !is_folder && name != "lib" {
                path.push(name.to_owned());
            }
            let file = File {
                tokens: without_tests(&tokens(&text)),
                is_folder,
                ..File::default()
            };
            sources.files.insert(path, file);
        }
        let modules: BTreeSet<Module> = sources.files.keys().cloned().collect();
        for (module, file) in &mut sources.files {
            file.read(module, &modules);
        }
        sources
    }

    /// The file in which a path's item is defined; `None` when the path ends at a module.
    fn home(&self, path: &[String], depth: usize) -> Option<&Module> {
        let mut length = 0;
        while length < path.len() && self.files.contains_key(&path[..=length]) {
            length += 1;
        }
        let (module, file) = self.files.get_key_value(&path[..length])?;
        let name = path.get(length)?;
        if depth < 8 && !file.items.contains(name) {
            // Files below it may name its imports whether they are public or not.
            if let Some(imported) = file.imports.get(name)
                && let Some(home) = self.home(imported, depth + 1)
            {
                return Some(home);
            }
            for other in &file.hands_on_all_of {
                let mut other = other.clone();
                other.push(name.clone());
                let home = self.home(&other, depth + 1);
                if let Some(home) = home.filter(|home| self.files[*home].items.contains(name)) {
                    return Some(home);
                }
            }
        }
        Some(module)
    }

    pub(crate) fn knows(&self) -> BTreeMap<&Module, BTreeSet<&Module>> {
        let of = |(module, file): (_, &File)| {
            let homes = file.paths.iter().filter_map(|path| self.home(path, 0));
            (module, homes.filter(|home| *home != module).collect())
        };
        self.files
            .iter()
            .map(|entry| of((entry.0, entry.1)))
            .collect()
    }

    /// Each file with each that it knows, but for the root.
    pub(crate) fn arrows(&self) -> Vec<(Module, Module)> {
        let knows = self.knows();
        let arrows = knows
            .iter()
            .flat_map(|(from, known)| known.iter().map(|to| ((*from).clone(), (*to).clone())));
        arrows
            .filter(|(from, to)| !from.is_empty() && !to.is_empty())
            .collect()
    }

    /// Whatever a file knows, be it through others.
    pub(crate) fn all_below(&self, file: &str) -> BTreeSet<String> {
        let arrows = self.arrows();
        let mut below = BTreeSet::new();
        let mut next = vec![file.to_owned()];
        while let Some(file) = next.pop() {
            for (_, to) in arrows.iter().filter(|(from, _)| from.join("/") == file) {
                if below.insert(to.join("/")) {
                    next.push(to.join("/"));
                }
            }
        }
        below
    }

    /// The files of one folder that know one of another folder, be it through others of their own folder.
    pub(crate) fn files_that_reach(&self, folder: &str, other: &str) -> BTreeSet<&Module> {
        let knows = self.knows();
        let is_in =
            |module: &Module, folder: &str| module.first().is_some_and(|first| first == folder);
        let mut reach = BTreeSet::new();
        loop {
            let before = reach.len();
            for (module, known) in knows.iter().filter(|(module, _)| is_in(module, folder)) {
                let does = |known: &&Module| is_in(known, other) || reach.contains(known);
                if known.iter().any(does) {
                    reach.insert(*module);
                }
            }
            if reach.len() == before {
                return reach;
            }
        }
    }

    /// Files that know each other in a circle. A folder's `mod.rs` and its own files may: they are one thing and its parts.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let mut circles = Vec::new();
        let mut left = vec![self.knows()];
        while let Some(knows) = left.pop() {
            for circle in components(&knows) {
                let one_folder = circle.iter().find(|module| {
                    self.files[**module].is_folder
                        && circle
                            .iter()
                            .all(|other| other.starts_with(module.as_slice()))
                });
                if let Some(folder) = one_folder {
                    // Without it there must be none.
                    let parts = circle.iter().filter(|module| *module != folder);
                    let parts: BTreeSet<&Module> = parts.copied().collect();
                    let of_parts = parts.iter().map(|part| {
                        let known = knows[part].intersection(&parts).copied();
                        (*part, known.collect())
                    });
                    left.push(of_parts.collect());
                } else {
                    circles.push(circle.iter().map(|module| module.join("/")).collect());
                }
            }
        }
        circles.sort();
        circles
    }
}

/// The sets of more than one file in which each reaches every other one.
fn components<'a>(knows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> Vec<Vec<&'a Module>> {
    let reached = |from: &'a Module| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(module) = next.pop() {
            for known in knows.get(module).into_iter().flatten() {
                if reached.insert(*known) {
                    next.push(known);
                }
            }
        }
        reached
    };
    let reach: BTreeMap<&Module, BTreeSet<&Module>> = knows
        .keys()
        .map(|module| (*module, reached(module)))
        .collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for (module, reached) in &reach {
        if !seen.contains(module) && reached.contains(module) {
            let mutual = reached
                .iter()
                .filter(|other| reach.get(*other).is_some_and(|back| back.contains(module)));
            let circle: Vec<&Module> = mutual.copied().collect();
            seen.extend(circle.iter().copied());
            found.push(circle);
        }
    }
    found
}

impl File {
    pub(crate) fn names(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token == word)
    }

    fn read(&mut self, module: &[String], modules: &BTreeSet<Module>) {
        const ITEMS: [&str; 9] = [
            "struct",
            "enum",
            "union",
            "trait",
            "type",
            "fn",
            "const",
            "static",
            "macro_rules",
        ];
        let tokens = std::mem::take(&mut self.tokens);
        let mut rest = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            // `use<…>` in a type is no import.
            if tokens[at] != "use" || tokens[at + 1] == "<" {
                rest.push(tokens[at].clone());
                at += 1;
                continue;
            }
            let is_public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
            let end = at + tokens[at..].iter().position(|token| token == ";").unwrap();
            for (names, name) in leaves(&tokens[at + 1..end]) {
                self.import(names, name, is_public, module, modules);
            }
            at = end + 1;
        }
        for pair in rest.windows(3) {
            if ITEMS.contains(&pair[0].as_str()) {
                let name = if pair[1] == "!" || pair[1] == "mut" {
                    &pair[2]
                } else {
                    &pair[1]
                };
                self.items.insert(name.clone());
            }
        }
        self.read_paths(&rest, module, modules);
        self.tokens = tokens;
    }

    fn import(
        &mut self,
        names: Names,
        name: String,
        is_public: bool,
        module: &[String],
        modules: &BTreeSet<Module>,
    ) {
        let Some(names) = absolute(&names, module, modules) else {
            return;
        };
        if name == "*" {
            if is_public {
                self.hands_on_all_of.push(names);
            } else if modules.contains(&names) {
                // Something of it is named somewhere, whatever it is.
                self.paths.push([names, vec!["*".to_owned()]].concat());
            }
            return;
        }
        if !is_public {
            self.paths.push(names.clone());
        }
        self.imports.insert(name, names);
    }

    fn read_paths(&mut self, tokens: &[String], module: &[String], modules: &BTreeSet<Module>) {
        let is_name = |token: &String| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let mut at = 0;
        while at < tokens.len() {
            let begins = is_name(&tokens[at])
                && (at == 0 || !matches!(tokens[at - 1].as_str(), "::" | "." | "mod"));
            if !begins {
                at += 1;
                continue;
            }
            let mut path = vec![tokens[at].clone()];
            at += 1;
            while at + 1 < tokens.len() && tokens[at] == "::" && is_name(&tokens[at + 1]) {
                path.push(tokens[at + 1].clone());
                at += 2;
            }
            let known = match self.imports.get(&path[0]) {
                Some(imported) => Some([imported, &path[1..]].concat()),
                // A word alone is a variable, a field or a keyword.
                None if path.len() == 1 => None,
                None => absolute(&path, module, modules),
            };
            self.paths.extend(known);
        }
    }
}

/// A path from the root of the crate; `None` for what another crate has, or this file itself.
fn absolute(path: &[String], module: &[String], modules: &BTreeSet<Module>) -> Option<Names> {
    let mut base = module.to_vec();
    let mut left = path;
    match left.first()?.as_str() {
        "crate" => {
            base.clear();
            left = &left[1..];
        }
        "self" => left = &left[1..],
        "super" => {
            while left.first().is_some_and(|first| first == "super") {
                base.pop();
                left = &left[1..];
            }
        }
        first => {
            let child = [module, &[first.to_owned()]].concat();
            if !modules.contains(&child) {
                return None;
            }
        }
    }
    base.extend_from_slice(left);
    Some(base)
}

/// The paths of a tree of imports, and the names that they get.
fn leaves(tokens: &[String]) -> Vec<(Names, String)> {
    let mut found = Vec::new();
    let mut prefix: Names = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "::" => {}
            "{" => {
                let (mut begin, mut depth) = (at + 1, 1);
                let mut end = begin;
                while depth > 0 {
                    match tokens[end].as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 || (depth == 1 && tokens[end] == ",") {
                        for (path, name) in leaves(&tokens[begin..end]) {
                            let is_self = path == ["self"];
                            let path = if is_self {
                                prefix.clone()
                            } else {
                                [prefix.clone(), path].concat()
                            };
                            let name = if is_self && name == "self" {
                                prefix[prefix.len() - 1].clone()
                            } else {
                                name
                            };
                            found.push((path, name));
                        }
                        begin = end + 1;
                    }
                    end += 1;
                }
                return found;
            }
            "as" => {
                return vec![(prefix, tokens[at + 1].clone())];
            }
            "*" => return vec![(prefix, "*".to_owned())],
            name => prefix.push(name.to_owned()),
        }
        at += 1;
    }
    match prefix.last().cloned() {
        Some(name) => vec![(prefix, name)],
        None => found,
    }
}
fn read(folder: &Path, path: &mut Vec<String>, texts: &mut Vec<(Vec<String>, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        path.push(entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), path, texts);
        } else if entry.path().extension().is_some_and(|end| end == "rs") {
            texts.push((path.clone(), fs::read_to_string(entry.path()).unwrap()));
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources of a small crate, by paths such as `a/mod.rs`.
    fn sources(texts: &[(&str, &str)]) -> Sources {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect();
        let texts = texts
            .iter()
            .map(|(path, text)| (parts(path), (*text).to_owned()));
        Sources::of(texts.collect())
    }

    /// Whom a file knows in a small crate.
    fn known_by(from: &str, texts: &[(&str, &str)]) -> Vec<String> {
        let sources = sources(texts);
        let from: Module = from.split('/').map(str::to_owned).collect();
        sources.knows()[&from]
            .iter()
            .map(|known| known.join("/"))
            .collect()
    }

    #[test]
    fn a_circle_is_found_and_a_folder_with_its_parts_is_none() {
        let circles = |texts| sources(texts).circles();
        let two = [
            ("a.rs", "use crate::b::B; pub struct A;"),
            ("b.rs", "use crate::a::A; pub struct B;"),
        ];
        assert_eq!(circles(&two), [["a", "b"]]);
        let three = [
            ("a.rs", "fn a() { crate::b::b(); }"),
            ("b.rs", "fn b() { super::c::c(); }"),
            ("c.rs", "use crate::{a, b}; fn c() { a::a(); }"),
        ];
        assert_eq!(circles(&three), [["a", "b", "c"]]);
        let folder = [
            (
                "a/mod.rs",
                "mod part; use part::Part; pub struct Whole(Part);",
            ),
            ("a/part.rs", "pub struct Part; impl super::Whole {}"),
        ];
        assert!(circles(&folder).is_empty());
        // The same two with the parts in a circle of their own, and through a stranger.
        let parts = [
            ("a/mod.rs", "mod b; mod c; use b::B; pub struct Whole(B);"),
            ("a/b.rs", "use super::Whole; use super::c::C; pub struct B;"),
            ("a/c.rs", "use super::b::B; pub struct C;"),
        ];
        assert_eq!(circles(&parts), [["a/b", "a/c"]]);
        let stranger = [
            (
                "a/mod.rs",
                "mod part; use part::Part; pub struct Whole(Part);",
            ),
            ("a/part.rs", "use crate::b::B; pub struct Part;"),
            ("b.rs", "use crate::a::Whole; pub struct B;"),
        ];
        assert_eq!(circles(&stranger), [["a", "a/part", "b"]]);
    }

    #[test]
    fn names_are_followed_to_where_they_are_defined() {
        let through = [
            ("lib.rs", "mod a; mod b; use a::Deep;"),
            (
                "a/mod.rs",
                "mod deep; mod all; pub(crate) use deep::{Deep, other as Other}; pub use all::*;",
            ),
            ("a/deep.rs", "pub struct Deep; pub fn other() {}"),
            ("a/all.rs", "pub const FREE: u8 = 0;"),
        ];
        for (text, known) in [
            ("use crate::a::Deep;", vec!["a/deep"]),
            ("use crate::Deep;", vec!["a/deep"]),
            ("use crate::a::{self, Other as It};", vec!["a/deep"]),
            ("use super::a; fn f() { a::deep::other(); }", vec!["a/deep"]),
            ("fn f() -> u8 { crate::a::FREE }", vec!["a/all"]),
            ("use crate::a::*;", vec!["a"]),
            ("use crate::{a::{deep::{Deep}}};", vec!["a/deep"]),
            // To import a folder is not to know it.
            ("use crate::a;", vec![]),
            ("use std::{a::Deep, fmt}; fn f(a: u8) -> u8 { a }", vec![]),
            ("#[cfg(test)] mod tests { use crate::a::Deep; }", vec![]),
            ("#[cfg(test)] use crate::a::Deep; struct B;", vec![]),
            (
                "// use crate::a::Deep;\n/* /* crate::a::FREE */ crate::a::FREE */",
                vec![],
            ),
            (
                r##"const T: &str = "crate::a::FREE \" "; const R: &str = r#"crate::a::FREE"#;"##,
                vec![],
            ),
            (
                "fn f<'a>(_: &'a str) { let _ = ('\"', '\\'', b'x'); crate::a::FREE; }",
                vec!["a/all"],
            ),
        ] {
            let mut texts = through.to_vec();
            texts.push(("b.rs", text));
            assert_eq!(known_by("b", &texts), known, "{text}");
        }
    }

    #[test]
    fn what_lies_below_a_file_is_all_that_it_reaches() {
        let sources = sources(&[
            ("app.rs", "use crate::a::A;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", ""),
            ("c.rs", "use crate::app::App;"),
        ]);
        assert_eq!(Vec::from_iter(sources.all_below("app")), ["a", "b"]);
        assert_eq!(sources.arrows().len(), 3);
    }

    #[test]
    fn a_use_case_is_what_reaches_the_store() {
        let sources = sources(&[
            ("store/mod.rs", "pub struct Store;"),
            ("domain/mod.rs", ""),
            ("domain/rule.rs", "pub fn rule() {}"),
            ("domain/case.rs", "use crate::store::Store;"),
            ("domain/around.rs", "use super::case::Case;"),
        ]);
        let reach = sources.files_that_reach("domain", "store");
        let reach: Vec<String> = reach.iter().map(|path| path.join("/")).collect();
        assert_eq!(reach, ["domain/around", "domain/case"]);
        assert!(sources.files[&vec!["domain".to_owned(), "case".to_owned()]].names("Store"));
    }
}
