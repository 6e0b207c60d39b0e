//! The rules of ARCHITECTURE.md about who may know whom, read from the sources of this crate.
//!
//! The unit is a file. A file knows another one where its code, tests left out, names something that is defined there;
//! names are followed through `use`, `super` and re-exports. To import a folder is not to know it, to name what lies in it is.
//! What macros put together and what methods of a type are called is not seen.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the verdict")]

mod sources;
mod tokens;

use std::collections::BTreeSet;

use sources::Sources;

/// Circles that are left. The list may only shrink.
const CIRCLES: &[&str] = &[
    "domain/transactions/ending store/transactions/ending",
    "store/charge_points/past store/people/account store/people/project store/transactions/transaction \
     store/transactions/transaction_list",
];

/// Files outside `ocpp/v16` and `rest/ocpp16` that name the messages of OCPP 1.6. The list may only shrink.
const NAME_V16: &[&str] = &[];

/// Files of `store/`, and beside each a file of `domain/` that it uses although that one uses the store: it may hold use
/// cases. The list may only shrink.
const STORE_KNOWS_USE_CASES: &[(&str, &str)] = &[
    (
        "store/charge_points/commissioning",
        "domain/projects/commissioning",
    ),
    ("store/charge_points/event", "domain/charge_points/reports"),
    (
        "store/charge_points/place",
        "domain/charge_points/registration",
    ),
    (
        "store/charge_points/registration",
        "domain/charge_points/registration",
    ),
    ("store/money/guest", "domain/money/billing"),
    ("store/transactions/ending", "domain/transactions/ending"),
];

#[test]
fn files_know_each_other_in_no_circle() {
    let circles = Sources::of_this_crate().circles();
    let circles = circles.iter().map(|circle| circle.join(" "));
    let known = CIRCLES.iter().map(|circle| (*circle).to_owned());
    compare(circles.collect(), known.collect());
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
    let known = NAME_V16.iter().map(|path| (*path).to_owned());
    compare(
        outside.map(|(path, _)| path.join("/")).collect(),
        known.collect(),
    );
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

#[test]
fn the_store_calls_no_use_case() {
    let sources = Sources::of_this_crate();
    let use_cases = sources.files_that_reach("domain", "store");
    let mut found = BTreeSet::new();
    for (path, known) in &sources.knows() {
        if path.first().is_some_and(|room| room == "store") {
            let known = known.iter().filter(|known| use_cases.contains(*known));
            found.extend(known.map(|known| (path.join("/"), known.join("/"))));
        }
    }
    let known = STORE_KNOWS_USE_CASES.iter();
    let known = known.map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    compare(found, known.collect());
}

/// Fails for what is new, and for an exception that nobody needs any more.
fn compare<T: Ord + std::fmt::Debug>(found: BTreeSet<T>, excepted: BTreeSet<T>) {
    let new: Vec<&T> = found.difference(&excepted).collect();
    assert!(
        new.is_empty(),
        "against the rule, and no exception: {new:#?}"
    );
    let unused: Vec<&T> = excepted.difference(&found).collect();
    assert!(
        unused.is_empty(),
        "take these exceptions out, they are not needed any more: {unused:#?}"
    );
}

#[test]
#[should_panic(expected = "not needed any more")]
fn an_exception_that_nobody_needs_fails() {
    compare(BTreeSet::from([1]), BTreeSet::from([1, 2]));
}

#[test]
#[should_panic(expected = "no exception")]
fn what_is_new_fails() {
    compare(BTreeSet::from([1, 3]), BTreeSet::from([1]));
}
