//! When an element of a tariff holds [OCPI 2.2.1 §11.4.6]: all of its restrictions are met.

use dynamo_protocol::ocpi::tariffs::{DayOfWeek, TariffRestrictions};
use jiff::civil::{self, Weekday};
use rust_decimal::Decimal;

/// How things stand at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// Where the location is.
    pub local: civil::DateTime,
    /// Taken since the session began, in Wh.
    pub energy_wh: Decimal,
    /// Since the session began, or the reservation that is priced.
    pub lasted_ms: i64,
    /// In kW.
    pub power_kw: Decimal,
    /// In amperes; `None`: nobody knows it.
    pub current_a: Option<Decimal>,
}

/// A time of day as the standard writes it, `HH:MM`; `None` for other texts.
pub(crate) fn time_of_day(text: &str) -> Option<civil::Time> {
    let (hours, minutes) = text.split_once(':')?;
    let part = |digits: &str| {
        let is_number = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| digits.parse::<i8>().ok()).flatten()
    };
    civil::Time::new(part(hours)?, part(minutes)?, 0, 0).ok()
}

/// Restrictions whose texts were read. Lower bounds are met by themselves, upper ones are not.
#[derive(Clone, Debug, Default)]
pub(crate) struct When {
    /// From and to; to before from: of the next day.
    pub times: (Option<civil::Time>, Option<civil::Time>),
    pub dates: (Option<civil::Date>, Option<civil::Date>),
    /// Empty: all.
    pub days: Vec<Weekday>,
    pub energy_wh: Range,
    pub power_kw: Range,
    pub current_a: Range,
    /// In milliseconds.
    pub lasts_ms: (Option<i64>, Option<i64>),
    /// A text of it has no meaning.
    is_unreadable: bool,
}

/// From and to.
type Range = (Option<Decimal>, Option<Decimal>);

fn is_within<T: PartialOrd>((from, to): (Option<T>, Option<T>), value: T) -> bool {
    from.is_none_or(|from| value >= from) && to.is_none_or(|to| value < to)
}

pub(crate) const fn weekday(day: DayOfWeek) -> Weekday {
    match day {
        DayOfWeek::Monday => Weekday::Monday,
        DayOfWeek::Tuesday => Weekday::Tuesday,
        DayOfWeek::Wednesday => Weekday::Wednesday,
        DayOfWeek::Thursday => Weekday::Thursday,
        DayOfWeek::Friday => Weekday::Friday,
        DayOfWeek::Saturday => Weekday::Saturday,
        DayOfWeek::Sunday => Weekday::Sunday,
    }
}

impl When {
    pub(crate) fn of(restrictions: &TariffRestrictions) -> Self {
        let mut is_unreadable = false;
        let mut time = |text: &Option<String>| {
            let text = text.as_deref()?;
            let time = time_of_day(text);
            is_unreadable |= time.is_none();
            time
        };
        let times = (time(&restrictions.start_time), time(&restrictions.end_time));
        let watt_hours = |kwh: Decimal| kwh.saturating_mul(Decimal::ONE_THOUSAND);
        let milliseconds = |seconds: i64| seconds.saturating_mul(1_000);
        Self {
            times,
            dates: (restrictions.start_date, restrictions.end_date),
            days: restrictions
                .day_of_week
                .iter()
                .copied()
                .map(weekday)
                .collect(),
            energy_wh: (
                restrictions.min_kwh.map(|kwh| watt_hours(kwh.0)),
                restrictions.max_kwh.map(|kwh| watt_hours(kwh.0)),
            ),
            power_kw: (
                restrictions.min_power.map(|kw| kw.0),
                restrictions.max_power.map(|kw| kw.0),
            ),
            current_a: (
                restrictions.min_current.map(|amperes| amperes.0),
                restrictions.max_current.map(|amperes| amperes.0),
            ),
            lasts_ms: (
                restrictions.min_duration.map(milliseconds),
                restrictions.max_duration.map(milliseconds),
            ),
            is_unreadable,
        }
    }

    pub(crate) fn holds(&self, now: &Moment) -> bool {
        let day = now.local.date().weekday();
        !self.is_unreadable
            && self.is_at(now.local.time())
            && is_within(self.dates, now.local.date())
            && (self.days.is_empty() || self.days.contains(&day))
            && is_within(self.energy_wh, now.energy_wh)
            && is_within(self.lasts_ms, now.lasted_ms)
            && is_within(self.power_kw, now.power_kw)
            && now
                .current_a
                .is_none_or(|current| is_within(self.current_a, current))
    }

    fn is_at(&self, time: civil::Time) -> bool {
        match self.times {
            (Some(from), Some(to)) if to < from => time >= from || time < to,
            times => is_within(times, time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_four_digits() {
        assert_eq!(time_of_day("23:59"), Some(civil::time(23, 59, 0, 0)));
        for text in [
            "24:00", "12:60", "1:00", "+1:00", "12.00", "12:00:00", "", "é1:0",
        ] {
            assert_eq!(time_of_day(text), None, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_never_holds() {
        let now = Moment {
            local: civil::date(2026, 1, 5).at(12, 0, 0, 0),
            energy_wh: Decimal::ZERO,
            lasted_ms: 0,
            power_kw: Decimal::ZERO,
            current_a: None,
        };
        let mut restrictions = TariffRestrictions {
            end_time: Some("18:00".to_owned()),
            ..TariffRestrictions::default()
        };
        assert!(When::of(&restrictions).holds(&now));
        restrictions.end_time = Some("24:00".to_owned());
        assert!(!When::of(&restrictions).holds(&now));
    }
}
