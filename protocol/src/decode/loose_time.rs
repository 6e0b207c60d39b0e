//! Date-times as real charge points write them: without offset, with a blank, with half an offset and more.

use super::format::{is_date_time, nearest_date_time};
use super::leniency::Leniency;

/// A date-time that the types can hold, and what is odd about how it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LooseTime {
    pub text: String,
    pub odd: Vec<Leniency>,
}

/// Reads a date-time as far as one can be understood; nothing where none can.
pub(super) fn loose_time(text: &str) -> Option<LooseTime> {
    let mut odd = Vec::new();
    let exact = if is_date_time(text) {
        text.to_owned()
    } else {
        let normal = normal(text, &mut odd)?;
        is_date_time(&normal).then_some(normal)?
    };
    let text = nearest_date_time(&exact).unwrap_or(exact);
    Some(LooseTime { text, odd })
}

/// The same as RFC 3339 writes it; not checked whether its fields are in range.
fn normal(text: &str, odd: &mut Vec<Leniency>) -> Option<String> {
    let bare = text.trim();
    if bare.len() != text.len() {
        see(odd, Leniency::TimeWithBlank);
    }
    let date_length = bare.find(['T', 't', ' ']).unwrap_or(bare.len());
    let (date, rest) = bare.split_at(date_length);
    let date = normal_date(date, odd)?;
    if rest.is_empty() {
        see(odd, Leniency::TimeDateOnly);
        return Some(format!("{date}T00:00:00Z"));
    }
    if rest.starts_with(' ') {
        see(odd, Leniency::TimeWithBlank);
    }
    let rest = rest[1..].trim_start();
    let time_length = rest
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, ':' | '.' | ','))
        .unwrap_or(rest.len());
    let (time, zone) = rest.split_at(time_length);
    let time = normal_time(time, odd)?;
    let bare_zone = zone.trim_start();
    if bare_zone.len() != zone.len() {
        see(odd, Leniency::TimeWithBlank);
    }
    let zone = normal_zone(bare_zone, odd)?;
    Some(format!("{date}T{time}{zone}"))
}

fn normal_date(date: &str, odd: &mut Vec<Leniency>) -> Option<String> {
    let fields: Vec<&str> = if date.len() == 8 && is_digits(date) {
        vec![&date[..4], &date[4..6], &date[6..]]
    } else {
        date.split('-').collect()
    };
    let [year, month, day] = fields[..] else {
        return None;
    };
    if year.len() != 4 || !is_digits(year) {
        return None;
    }
    let normal = format!("{year}-{}-{}", two_digits(month)?, two_digits(day)?);
    if normal != date {
        see(odd, Leniency::TimeShortForm);
    }
    Some(normal)
}

fn normal_time(time: &str, odd: &mut Vec<Leniency>) -> Option<String> {
    let mark = time.find(['.', ',']);
    let (clock, fraction) = mark.map_or((time, None), |mark| {
        (&time[..mark], Some((&time[mark..=mark], &time[mark + 1..])))
    });
    let compact = is_digits(clock) && matches!(clock.len(), 4 | 6);
    let mut fields: Vec<&str> = if compact {
        (0..clock.len() / 2)
            .map(|field| &clock[2 * field..2 * field + 2])
            .collect()
    } else {
        clock.split(':').collect()
    };
    if fields.len() == 2 && fraction.is_none() {
        fields.push("00");
    }
    let [hour, minute, second] = fields[..] else {
        return None;
    };
    let mut normal = format!(
        "{}:{}:{}",
        two_digits(hour)?,
        two_digits(minute)?,
        two_digits(second)?
    );
    if normal != clock {
        see(odd, Leniency::TimeShortForm);
    }
    if let Some((mark, digits)) = fraction {
        if !digits.is_empty() && !is_digits(digits) {
            return None;
        }
        if mark == "," || digits.is_empty() {
            see(odd, Leniency::TimeOddFraction);
        }
        if !digits.is_empty() {
            normal.push('.');
            normal.push_str(digits);
        }
    }
    Some(normal)
}

fn normal_zone(zone: &str, odd: &mut Vec<Leniency>) -> Option<String> {
    if zone.is_empty() {
        see(odd, Leniency::TimeWithoutOffset);
        return Some("Z".to_owned());
    }
    if matches!(zone, "Z" | "z") {
        return Some("Z".to_owned());
    }
    let sign = zone.get(..1).filter(|sign| matches!(*sign, "+" | "-"))?;
    let digits = &zone[1..];
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None if is_digits(digits) && matches!(digits.len(), 3 | 4) => {
            digits.split_at(digits.len() - 2)
        }
        None => (digits, "00"),
    };
    let normal = format!("{sign}{}:{}", two_digits(hours)?, two_digits(minutes)?);
    if normal != zone {
        see(odd, Leniency::TimeShortOffset);
    }
    Some(normal)
}

fn two_digits(field: &str) -> Option<String> {
    let fits = matches!(field.len(), 1 | 2) && is_digits(field);
    fits.then(|| format!("{field:0>2}"))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn see(odd: &mut Vec<Leniency>, leniency: Leniency) {
    if !odd.contains(&leniency) {
        odd.push(leniency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_odd_form_has_its_names_and_one_meaning() {
        use Leniency::*;
        for (text, normal, odd) in [
            ("2024-03-10T15:00:00Z", "2024-03-10T15:00:00Z", &[][..]),
            (
                "2024-03-10t15:00:00.5+01:00",
                "2024-03-10t15:00:00.5+01:00",
                &[],
            ),
            (
                "2024-03-10T15:00:00",
                "2024-03-10T15:00:00Z",
                &[TimeWithoutOffset],
            ),
            (
                "2024-03-10T15:00:00.377",
                "2024-03-10T15:00:00.377Z",
                &[TimeWithoutOffset],
            ),
            (
                "2024-03-10T15:00:00+00",
                "2024-03-10T15:00:00+00:00",
                &[TimeShortOffset],
            ),
            (
                "2024-03-10T15:00:00-0230",
                "2024-03-10T15:00:00-02:30",
                &[TimeShortOffset],
            ),
            (
                "2024-03-10T15:00:00+2",
                "2024-03-10T15:00:00+02:00",
                &[TimeShortOffset],
            ),
            (
                "2024-03-10 15:00:00Z",
                "2024-03-10T15:00:00Z",
                &[TimeWithBlank],
            ),
            (
                "2024-03-10 15:00:00 +0100",
                "2024-03-10T15:00:00+01:00",
                &[TimeWithBlank, TimeShortOffset],
            ),
            (
                " 2024-03-10T15:00:00Z\n",
                "2024-03-10T15:00:00Z",
                &[TimeWithBlank],
            ),
            (
                "2024-03-10 15:00:00",
                "2024-03-10T15:00:00Z",
                &[TimeWithBlank, TimeWithoutOffset],
            ),
            (
                "2024-03-10T15:00:00.Z",
                "2024-03-10T15:00:00Z",
                &[TimeOddFraction],
            ),
            (
                "2024-03-10T15:00:00,25Z",
                "2024-03-10T15:00:00.25Z",
                &[TimeOddFraction],
            ),
            (
                "2024-03-10T15:00Z",
                "2024-03-10T15:00:00Z",
                &[TimeShortForm],
            ),
            ("2024-3-9T5:4:3Z", "2024-03-09T05:04:03Z", &[TimeShortForm]),
            ("20240310T150000Z", "2024-03-10T15:00:00Z", &[TimeShortForm]),
            ("2024-03-10", "2024-03-10T00:00:00Z", &[TimeDateOnly]),
        ] {
            let read = loose_time(text).expect(text);
            assert_eq!((read.text.as_str(), &read.odd[..]), (normal, odd), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_stays_none() {
        for text in [
            "",
            " ",
            "T",
            "yesterday",
            "1710082800",
            "2024-13-10T15:00:00",
            "2024-03-10T25:00:00",
            "2024-03-10T15",
            "2024-03-10T15:00:00+",
            "2024-03-10T15:00:00+99",
            "2024-03-10T15:00:00 CET",
            "10.03.2024 15:00:00",
            "2024-03-10T15:00:00Z[UTC]",
            "2024-02-30T00:00:00Z",
            "2024-03-10T15:00.5Z",
            "２０２４-03-10",
            "2024-03-10T15:00:00é",
        ] {
            assert_eq!(loose_time(text), None, "{text}");
        }
    }
}
