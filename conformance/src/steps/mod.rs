//! The steps of the features, by domain word.
//!
//! `Given` and `When` act, `Then` only looks, and it looks at the recorded wire.

mod charge_point;
mod csms;

pub(crate) use charge_point::must_be_writable;

/// Texts that are no frame, or frames that answer nothing.
const RUBBISH: [&str; 8] = [
    "",
    "hello",
    "{}",
    "[]",
    "[2]",
    r#"[9,"x","Heartbeat",{}]"#,
    r#"[3,"nobody-asked",{}]"#,
    r#"[4,"nobody-asked","GenericError","",{}]"#,
];
