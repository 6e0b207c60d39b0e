//! The rules of ARCHITECTURE.md about who may know whom, read from the sources of this crate.
//!
//! The unit is a file. A file knows another one where its code, tests left out, names something that is defined there;
//! names are followed through `use`, `super` and re-exports. To import a folder is not to know it, to name what lies in it is.
//! What macros put together and what methods of a type are called is not seen.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

mod sources;
mod tokens;

use sources::Sources;

#[test]
fn files_know_each_other_in_no_circle() {
    let circles = Sources::of_this_crate().circles();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn only_the_rooms_of_ocpp_16_name_its_messages() {
    let sources = Sources::of_this_crate();
    let named = sources.files.iter().filter(|(_, file)| file.names("v16"));
    let outside = named.filter(|(path, _)| {
        let rooms = [["ocpp", "v16"], ["rest", "ocpp16"]];
        // The room above it names the folder, and the list of versions has it as an entry.
        *path != &["ocpp"]
            && *path != &["ocpp", "version"]
            && !rooms
                .iter()
                .any(|room| path.starts_with(&room.map(str::to_owned)))
    });
    let outside: Vec<String> = outside.map(|(path, _)| path.join("/")).collect();
    assert!(outside.is_empty(), "{outside:#?}");
}

/// What the lower rooms may know of the crate, besides themselves.
const LOWER_ROOMS: [(&str, &[&str]); 4] = [
    ("domain", &["clock", "random", "store"]),
    ("store", &["clock", "random", "domain"]),
    ("metrics", &["store"]),
    ("payment", &["address", "domain", "options"]),
];

#[test]
fn the_lower_rooms_know_no_upper_one() {
    let knows = Sources::of_this_crate().arrows();
    for (room, allowed) in LOWER_ROOMS {
        let known = knows
            .iter()
            .filter(|(from, to)| from[0] == room && to[0] != room);
        let upper: Vec<String> = known
            .filter(|(_, to)| !allowed.contains(&to[0].as_str()))
            .map(|(from, to)| format!("{} knows {}", from.join("/"), to.join("/")))
            .collect();
        assert!(upper.is_empty(), "{upper:#?}");
    }
}

#[test]
fn what_all_share_is_known_by_nothing_that_it_holds() {
    let sources = Sources::of_this_crate();
    let below = sources.all_below("app");
    assert!(below.contains("store"), "{below:?}");
    for upper in [
        "app",
        "start",
        "running",
        "settling",
        "retention",
        "demo",
        "ocpp/session",
    ] {
        assert!(
            !below.contains(upper),
            "App knows {upper}, through others maybe"
        );
    }
}

/// A use case is a file of `domain/` that uses the store, be it through others.
#[test]
fn the_store_calls_no_use_case() {
    let sources = Sources::of_this_crate();
    let use_cases = sources.files_that_reach("domain", "store");
    let mut found = Vec::new();
    for (path, known) in &sources.knows() {
        if path.first().is_some_and(|room| room == "store") {
            let known = known.iter().filter(|known| use_cases.contains(*known));
            found
                .extend(known.map(|known| format!("{} knows {}", path.join("/"), known.join("/"))));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
