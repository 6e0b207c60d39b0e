//! The features are embedded in the binary: a change of theirs is a change of this crate.

fn main() {
    println!("cargo::rerun-if-changed=../features");
}
