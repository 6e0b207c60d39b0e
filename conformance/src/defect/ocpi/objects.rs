//! Locations and tariffs that are not as they should be.

use reqwest::Method;
use serde_json::{Value, json};

use super::{answers, each, edits, remove, tells};
use crate::defect::Roams;
use crate::wire::ocpi::{Module, OcpiBend};

/// Changes all connectors of a location.
fn connectors(location: &mut Value, change: impl Fn(&mut Value)) {
    for evse in location["evses"].as_array_mut().into_iter().flatten() {
        for connector in evse["connectors"].as_array_mut().into_iter().flatten() {
            change(connector);
        }
    }
}

fn edits_locations(change: fn(&mut Value)) -> Box<dyn OcpiBend> {
    edits(Module::Locations, &Method::GET, move |_, json| {
        each(json, change)
    })
}

fn edits_tariffs(change: fn(&mut Value)) -> Box<dyn OcpiBend> {
    edits(Module::Tariffs, &Method::GET, move |_, json| {
        each(json, change)
    })
}

/// Every tariff is there twice, and connectors have both.
fn doubles_tariffs() -> Box<dyn OcpiBend> {
    tells(|asked, answer| {
        let module = asked.place.module;
        if asked.method != Method::GET || answer.status != 200 {
            return;
        }
        super::edit(answer, |json| match module {
            Module::Tariffs => {
                if let Value::Array(all) = &mut json["data"] {
                    let mut again = all.clone();
                    for one in &mut again {
                        one["id"] = format!("{}-2", one["id"].as_str().unwrap_or_default()).into();
                    }
                    all.extend(again);
                }
            }
            Module::Locations => each(json, |location| {
                connectors(location, |connector| {
                    if let Value::Array(ids) = &mut connector["tariff_ids"] {
                        let again: Vec<Value> = ids
                            .iter()
                            .map(|id| format!("{}-2", id.as_str().unwrap_or_default()).into())
                            .collect();
                        ids.extend(again);
                    }
                });
            }),
            _ => {}
        });
    })
}

pub(super) const SEEDS: &[Roams] = &[
    Roams {
        name: "leaves time zones out",
        breaks: "a location has a time_zone [OCPI 2.2.1 §8.3.1]",
        make: || edits_locations(|location| remove(location, "time_zone")),
    },
    Roams {
        name: "shows the location for its EVSE",
        breaks: "an EVSE is what its URL names [OCPI 2.2.1 §8.2.1.2]",
        make: || {
            edits(Module::Locations, &Method::GET, |asked, json| {
                if asked.place.parts.len() == 2 {
                    json["data"] = json!({"id": asked.place.parts[0], "evses": [json["data"]]});
                }
            })
        },
    },
    Roams {
        name: "finds EVSEs in any location",
        breaks: "an object that is not there is HTTP 404 [OCPI 2.2.1 §4.1.7]",
        make: || {
            tells(|asked, answer| {
                if answer.status == 404 && asked.place.module == Module::Locations {
                    answers(answer, 200, 1_000, json!({"uid": "E"}));
                }
            })
        },
    },
    Roams {
        name: "forgets the tariffs of connectors",
        breaks: "tariff_ids are those of the connector [OCPI 2.2.1 §8.3.3]",
        make: || {
            edits_locations(|location| {
                connectors(location, |connector| remove(connector, "tariff_ids"));
            })
        },
    },
    Roams {
        name: "names a time zone that is none",
        breaks: "time_zone is of the database of IANA [OCPI 2.2.1 §8.3.1]",
        make: || edits_locations(|location| location["time_zone"] = "CET+1".into()),
    },
    Roams {
        name: "leaves step sizes out",
        breaks: "a price component has a step_size [OCPI 2.2.1 §11.4.2]",
        make: || {
            edits_tariffs(|tariff| {
                let all = tariff.pointer_mut("/elements/0/price_components");
                for one in all.and_then(Value::as_array_mut).into_iter().flatten() {
                    remove(one, "step_size");
                }
            })
        },
    },
    Roams {
        name: "has no tariff for what is free",
        breaks: "free of charge is a tariff with FLAT 0.00 [OCPI 2.2.1 §11.3.1]",
        make: || {
            edits_tariffs(|tariff| {
                let components = tariff.pointer_mut("/elements/0/price_components");
                if let Some(components) = components {
                    *components = json!([{"type": "ENERGY", "price": 0.0, "step_size": 1}]);
                }
            })
        },
    },
    Roams {
        name: "never says that a tariff changed",
        breaks: "last_updated is when the tariff was changed [OCPI 2.2.1 §11.3.1]",
        make: || edits_tariffs(|tariff| tariff["last_updated"] = "2026-01-01T00:00:00.000Z".into()),
    },
    Roams {
        name: "has two prices at one time",
        breaks: "one tariff of a type is valid at a time [OCPI 2.2.1 §8.3.3]",
        make: doubles_tariffs,
    },
    Roams {
        name: "compares ids letter for letter",
        breaks: "a CiString is the same in any case [OCPI 2.2.1 §16.1]",
        make: || {
            tells(|asked, answer| {
                if asked.url.contains("cpo-")
                    || asked.url.contains("cPO-")
                    || asked.url.contains("/de/rig/")
                {
                    answers(answer, 404, 2_000, Value::Null);
                }
            })
        },
    },
];
