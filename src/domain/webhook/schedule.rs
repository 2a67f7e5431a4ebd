//! When a delivery is tried again, and when an endpoint is given up.

use crate::domain::{sources::Random, time::Timestamp};

/// Seconds between an attempt and the next one; the last attempt has no next one.
pub const DELAYS_SECS: [i64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 60 * 60, 5 * 60 * 60, 10 * 60 * 60, 14 * 60 * 60, 20 * 60 * 60, 24 * 60 * 60];
/// Delays are longer or shorter by up to this part, so that what failed together does not come back together.
const JITTER_PERCENT: i64 = 20;
/// The longest wait that a receiver can ask for.
const RETRY_AFTER_SECS_MAX: i64 = 24 * 60 * 60;
/// An endpoint is disabled when nothing but failures came for so long.
const FAILING_SECS_MAX: i64 = 5 * 24 * 60 * 60;

/// Returns when to try again after a failure at `now`. `step` counts the attempts of this round, that one included;
/// `None` when it was the last.
pub fn next_attempt(
    step: u32,
    now: Timestamp,
    retry_after_secs: Option<u64>,
    random: &Random,
) -> Option<Timestamp> {
    let place = usize::try_from(step).ok()?.checked_sub(1)?;
    let delay = DELAYS_SECS.get(place)?;
    let asked = retry_after_secs.map_or(0, |it| i64::try_from(it).unwrap_or(i64::MAX));
    // Thousandths, so that the short delays jitter too.
    let ticks = jittered(delay.saturating_mul(10_000_000), random);
    let asked_ticks = asked.min(RETRY_AFTER_SECS_MAX).saturating_mul(10_000_000);
    Some(Timestamp::from_ticks(now.ticks().saturating_add(ticks.max(asked_ticks))))
}

fn jittered(ticks: i64, random: &Random) -> i64 {
    let percent_thousandths = i64::from(u32::from_be_bytes(random.bytes()) % 2001).saturating_sub(1000);
    let jitter = ticks.saturating_mul(JITTER_PERCENT).saturating_mul(percent_thousandths) / 100_000;
    ticks.saturating_add(jitter)
}

/// Says whether an endpoint that has failed since `failing_since` is to be disabled.
pub fn is_given_up(failing_since: Option<Timestamp>, now: Timestamp) -> bool {
    failing_since.is_some_and(|it| it.plus_secs(FAILING_SECS_MAX) <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(byte: u8) -> Random {
        Random::new(move |buffer| buffer.fill(byte))
    }

    #[test]
    fn ten_attempts_and_no_more() {
        let now = Timestamp::from_unix_secs(1_000_000);
        for (step, delay) in (1..).zip(DELAYS_SECS) {
            for byte in 0..=255 {
                let next = next_attempt(step, now, None, &random(byte)).unwrap();
                let waited = next.ticks() - now.ticks();
                assert!((delay * 8_000_000..=delay * 12_000_000).contains(&waited), "{step} {waited}");
            }
        }
        assert_eq!(next_attempt(10, now, Some(1), &random(1)), None);
    }

    #[test]
    fn a_receiver_can_ask_for_more_time_up_to_a_day() {
        let now = Timestamp::from_unix_secs(1_000_000);
        let wait = |asked| next_attempt(1, now, Some(asked), &random(7)).unwrap().unix_secs() - 1_000_000;

        assert!((4..=6).contains(&wait(1)));
        assert_eq!(wait(600), 600);
        assert_eq!(wait(u64::MAX), 24 * 60 * 60);
    }

    #[test]
    fn five_days_of_failure_are_enough() {
        let since = Timestamp::from_unix_secs(0);
        assert!(!is_given_up(None, since));
        assert!(!is_given_up(Some(since), Timestamp::from_unix_secs(5 * 86400 - 1)));
        assert!(is_given_up(Some(since), Timestamp::from_unix_secs(5 * 86400)));
    }
}
