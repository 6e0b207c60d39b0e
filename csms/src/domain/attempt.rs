//! Attempts to send a letter, and when the next one is due.

/// How an attempt to send a letter ended.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    Sent,
    /// Why not; it is tried again until [`TRIED_MS`] are over.
    Failed(String),
    /// Why it never can be.
    Impossible(String),
}

/// What becomes of a letter after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next<'a> {
    /// It is done with.
    Sent,
    /// It is tried again then.
    TryAgain { at_ms: i64, error: &'a str },
    /// It is not tried any more.
    GiveUp { error: &'a str },
}

impl Attempt {
    /// What follows for a letter that was written then and was attempted so often before. `chance` is from 0 to 1, see
    /// [`pause_ms`].
    pub(crate) fn next(
        &self,
        (written_at_ms, attempts): (i64, i64),
        now_ms: i64,
        chance: f64,
    ) -> Next<'_> {
        match self {
            Self::Sent => Next::Sent,
            Self::Impossible(error) => Next::GiveUp { error },
            Self::Failed(error) if now_ms.saturating_sub(written_at_ms) >= TRIED_MS => {
                Next::GiveUp { error }
            }
            Self::Failed(error) => Next::TryAgain {
                at_ms: now_ms.saturating_add(pause_ms(attempts.saturating_add(1), chance)),
                error,
            },
        }
    }
}

/// How long a letter is tried, from when it was written.
pub(crate) const TRIED_MS: i64 = 24 * 60 * 60 * 1000;
/// The first pause after a failure; every further one is twice as long, up to [`PAUSE_MS_MAX`].
const PAUSE_MS: i64 = 1000;
const PAUSE_MS_MAX: i64 = 60 * 60 * 1000;

/// How long to wait after so many failed attempts, in milliseconds: the full pause times 0.5 to 1, so that
/// letters which failed together do not come back together. `chance` is from 0 to 1.
fn pause_ms(attempts: i64, chance: f64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 32) - 1).unwrap_or(0);
    let full = PAUSE_MS.saturating_mul(1 << doublings).min(PAUSE_MS_MAX);
    let spared = (chance.clamp(0.0, 1.0) * (full / 2) as f64) as i64;
    full - spared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_letter_is_tried_again_for_a_day() {
        let failed = Attempt::Failed("no".into());
        let error = "no";
        let at_ms = 10_000 + 2_000;
        let again = failed.next((0, 1), 10_000, 0.0);
        assert_eq!(again, Next::TryAgain { at_ms, error });
        let late = failed.next((0, 1), TRIED_MS - 1, 0.0);
        assert!(matches!(late, Next::TryAgain { .. }));
        let over = failed.next((0, 1), TRIED_MS, 0.0);
        assert_eq!(over, Next::GiveUp { error });
        let never = Attempt::Impossible("no".into());
        assert_eq!(never.next((0, 0), 0, 0.0), Next::GiveUp { error });
        assert_eq!(Attempt::Sent.next((0, 0), TRIED_MS, 0.0), Next::Sent);
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_are_spread() {
        assert_eq!(pause_ms(1, 0.0), 1_000);
        assert_eq!(pause_ms(1, 1.0), 500);
        assert_eq!(pause_ms(5, 0.0), 16_000);
        assert_eq!(pause_ms(13, 0.0), PAUSE_MS_MAX);
        assert_eq!(pause_ms(i64::MAX, 1.0), PAUSE_MS_MAX / 2);
    }
}
