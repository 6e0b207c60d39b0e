//! The rules of ARCHITECTURE.md about who may know whom, read from the sources of the crates.
//!
//! The unit is a file. A file knows another one where its code, tests left out, names something that is defined there;
//! names are followed through `use`, `super` and re-exports. To import a folder is not to know it, to name what lies in it is.
//! What macros put together and what methods of a type are called is not seen.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

mod demands;
mod sources;
mod tokens;

use sources::Sources;

#[test]
fn files_know_each_other_in_no_circle() {
    for name in ["csms", "conformance"] {
        let circles = Sources::of_crate(name).circles();
        assert!(circles.is_empty(), "{name}: {circles:#?}");
    }
}

/// The rooms of the judge, from below: each knows only those before it.
const JUDGE: [&str; 16] = [
    "failure", "words", "terminal", "wire", "watch", "peer", "case", "dialect", "rules", "hand",
    "defect", "benign", "role", "report", "steps", "run",
];

#[test]
fn the_rooms_of_the_judge_know_no_upper_one() {
    let place = |room: &str| JUDGE.iter().position(|known| *known == room);
    let mut found = Vec::new();
    for (from, to) in Sources::of_crate("conformance").arrows() {
        let (Some(here), Some(there)) = (place(&from[0]), place(&to[0])) else {
            panic!("{} and {} need a place among the rooms", from[0], to[0]);
        };
        if there > here {
            found.push(format!("{} knows {}", from.join("/"), to.join("/")));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn only_the_rooms_of_ocpp_16_of_the_judge_name_it() {
    let sources = Sources::of_crate("conformance");
    let outside: Vec<String> = sources
        .files
        .iter()
        .filter(|(path, file)| file.names("v16") && !path.contains(&"v16".to_owned()))
        .map(|(path, _)| path.join("/"))
        .collect();
    assert_eq!(outside, JUDGE_KNOWS_16, "who names OCPP 1.6 in the judge");
}

/// Files outside of the rooms `v16` that name them: those that choose a version.
const JUDGE_KNOWS_16: [&str; 11] = [
    "benign",
    "defect",
    "dialect",
    "role/csms",
    "role/station",
    "rules",
    "rules/schemas",
    "steps/charge_point/boot",
    "steps/charge_point/configuration",
    "steps/csms/command",
    "steps/csms/forms",
];

#[test]
fn only_the_rooms_of_ocpp_16_name_its_messages() {
    let sources = Sources::of_crate("csms");
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
    let knows = Sources::of_crate("csms").arrows();
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
    let sources = Sources::of_crate("csms");
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
    let sources = Sources::of_crate("csms");
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
