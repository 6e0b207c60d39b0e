//! What is near a place: charge points within a radius, the nearest first.

use std::collections::HashMap;

use crate::domain::charge_points::place::{Cover, Place};
use crate::store::{PlacedRow, Result, Searched, Store};

/// Charge points that one search shows; it counts all that it looks at.
const FOUND_MAX: usize = 500;

/// Charge points whose statuses are read in one query.
const PER_QUERY: usize = 1_000;

/// What a driver finds at a charge point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A connector is free.
    Available,
    /// All connectors that work are taken or reserved.
    Occupied,
    /// It has no socket, or no connector that is known to work.
    Offline,
}

impl Use {
    /// The word of the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Occupied => "occupied",
            Self::Offline => "offline",
        }
    }

    /// By its word.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Available, Self::Occupied, Self::Offline]
            .into_iter()
            .find(|state| state.as_str() == word)
    }

    /// Of a charge point with so many connectors that are free, and taken.
    pub(crate) const fn of(online: bool, available: i64, occupied: i64) -> Self {
        match (online, available, occupied) {
            (true, 1.., _) => Self::Available,
            (true, _, 1..) => Self::Occupied,
            _ => Self::Offline,
        }
    }
}

/// A question.
pub(crate) struct Search {
    pub searched: Searched,
    pub centre: Place,
    /// In km, at most [`RADIUS_KM_MAX`](crate::domain::charge_points::place::RADIUS_KM_MAX).
    pub radius_km: f64,
    pub state: Option<Use>,
    /// How many charge points are looked at; where more are near, the nearest.
    pub candidates_max: usize,
}

/// A charge point that was found.
pub(crate) struct Found {
    pub row: PlacedRow,
    pub place: Place,
    pub distance_km: f64,
    pub state: Use,
    /// Connectors that are free now.
    pub available_connectors: i64,
}

/// The answer: the nearest ones, and how many there are.
pub(crate) struct Nearby {
    pub found: Vec<Found>,
    pub total: usize,
}

struct Near {
    id: String,
    place: Place,
    distance_km: f64,
    online: bool,
}

/// Finds charge points; `online` tells which of them have a socket.
pub(crate) async fn find(
    store: &Store,
    search: &Search,
    online: impl Fn(&str) -> bool,
) -> Result<Nearby> {
    let mut near = within(store, search, online).await?;
    let mut rows = HashMap::new();
    if let Some(wanted) = search.state {
        // What has no socket is offline, whatever it said last.
        let talking = near.iter().filter(|one| one.online);
        let ids: Vec<String> = talking.map(|one| one.id.clone()).collect();
        read(store, &ids, &mut rows).await?;
        near.retain(|one| state_of(one, rows.get(&one.id)) == wanted);
    }
    let total = near.len();
    near.truncate(FOUND_MAX);
    let unread = near.iter().filter(|one| !rows.contains_key(&one.id));
    let ids: Vec<String> = unread.map(|one| one.id.clone()).collect();
    read(store, &ids, &mut rows).await?;
    let found = near.into_iter().filter_map(|one| {
        let row = rows.remove(&one.id)?;
        let available = if one.online { row.available } else { 0 };
        Some(Found {
            state: state_of(&one, Some(&row)),
            available_connectors: available,
            place: one.place,
            distance_km: one.distance_km,
            row,
        })
    });
    Ok(Nearby {
        found: found.collect(),
        total,
    })
}

/// What lies in the circle, the nearest first.
async fn within(
    store: &Store,
    search: &Search,
    online: impl Fn(&str) -> bool,
) -> Result<Vec<Near>> {
    let cover = Cover::of(search.centre, search.radius_km);
    let candidates = store.candidates(
        &search.searched,
        search.centre,
        &cover,
        search.candidates_max,
    );
    let (candidates, complete) = candidates.await?;
    if !complete {
        tracing::warn!(
            looked_at = candidates.len(),
            "a search did not look at all that is near"
        );
    }
    let mut near: Vec<Near> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let place = Place {
                latitude: candidate.latitude,
                longitude: candidate.longitude,
            };
            let distance_km = search.centre.distance_km(place);
            (distance_km <= search.radius_km).then(|| Near {
                online: online(&candidate.id),
                id: candidate.id,
                place,
                distance_km,
            })
        })
        .collect();
    // Equally near ones by their ids, so that the same question has the same answer.
    near.sort_unstable_by(|a, b| {
        let by_distance = a.distance_km.total_cmp(&b.distance_km);
        by_distance.then_with(|| a.id.cmp(&b.id))
    });
    Ok(near)
}

fn state_of(near: &Near, row: Option<&PlacedRow>) -> Use {
    row.map_or(Use::Offline, |row| {
        Use::of(near.online, row.available, row.occupied)
    })
}

async fn read(store: &Store, ids: &[String], rows: &mut HashMap<String, PlacedRow>) -> Result<()> {
    for some in ids.chunks(PER_QUERY) {
        let found = store.placed(some).await?;
        rows.extend(found.into_iter().map(|row| (row.id.clone(), row)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_free_connector_makes_a_charge_point_available_and_no_socket_makes_it_offline() {
        assert_eq!(Use::of(true, 1, 1), Use::Available);
        assert_eq!(Use::of(true, 0, 2), Use::Occupied);
        assert_eq!(Use::of(true, 0, 0), Use::Offline);
        assert_eq!(Use::of(false, 2, 0), Use::Offline);
        for state in [Use::Available, Use::Occupied, Use::Offline] {
            assert_eq!(Use::from_word(state.as_str()), Some(state));
        }
        assert_eq!(Use::from_word("Available"), None);
    }
}
