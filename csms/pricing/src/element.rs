//! Which price holds for what [OCPI 2.2.1 §11.3.1]: of the elements that hold, the first one that prices a dimension
//! prices it.

use dynamo_protocol::ocpi::tariffs::{
    PriceComponent, ReservationRestriction, Tariff, TariffDimension,
};

use crate::when::{Moment, When};

/// What is done with the time of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// An EVSE is kept, and the driver came.
    Reserved,
    /// An EVSE was kept, and nobody came.
    Expired,
    Charging,
    Parking,
}

impl Use {
    pub(crate) const fn is_reservation(self) -> bool {
        matches!(self, Self::Reserved | Self::Expired)
    }

    /// The elements that price it, by their restriction; those of the first one come first.
    const fn elements(self) -> &'static [Option<ReservationRestriction>] {
        match self {
            Self::Reserved => &[Some(ReservationRestriction::Reservation)],
            // [OCPI 2.2.1 §11.4.3]: time is priced by RESERVATION_EXPIRES where there is such a price.
            Self::Expired => &[
                Some(ReservationRestriction::Expires),
                Some(ReservationRestriction::Reservation),
            ],
            Self::Charging | Self::Parking => &[None],
        }
    }
}

/// The prices that hold at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prices {
    pub energy: Option<PriceComponent>,
    pub flat: Option<PriceComponent>,
    pub parking_time: Option<PriceComponent>,
    pub time: Option<PriceComponent>,
}

impl Prices {
    const fn of(&mut self, dimension: TariffDimension) -> &mut Option<PriceComponent> {
        match dimension {
            TariffDimension::Energy => &mut self.energy,
            TariffDimension::Flat => &mut self.flat,
            TariffDimension::ParkingTime => &mut self.parking_time,
            TariffDimension::Time => &mut self.time,
        }
    }
}

/// The elements of a tariff, read once.
#[derive(Clone, Debug)]
pub(crate) struct Elements {
    elements: Vec<Element>,
}

#[derive(Clone, Debug)]
struct Element {
    components: Vec<PriceComponent>,
    when: When,
    reservation: Option<ReservationRestriction>,
}

impl Elements {
    pub(crate) fn of(tariff: &Tariff) -> Self {
        let elements = tariff.elements.iter().map(|element| Element {
            components: element.price_components.clone(),
            when: element
                .restrictions
                .as_ref()
                .map(When::of)
                .unwrap_or_default(),
            reservation: element
                .restrictions
                .as_ref()
                .and_then(|when| when.reservation),
        });
        Self {
            elements: elements.collect(),
        }
    }

    pub(crate) fn restrictions(&self) -> impl Iterator<Item = &When> {
        self.elements.iter().map(|element| &element.when)
    }

    pub(crate) fn prices(&self, of: Use, now: &Moment) -> Prices {
        let mut prices = Prices::default();
        for reservation in of.elements() {
            let elements = self.elements.iter();
            let fit = elements.filter(|element| element.reservation == *reservation);
            for element in fit.filter(|element| element.when.holds(now)) {
                for component in &element.components {
                    prices.of(component.r#type).get_or_insert(*component);
                }
            }
        }
        prices
    }
}
