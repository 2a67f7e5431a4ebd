//! Chance that can be repeated: a generator of its own for each seed and number.

use parking_lot::Mutex;
use rand::{Rng as _, SeedableRng as _, rngs::ChaCha8Rng};
use uuid::{Builder, Uuid};

use crate::domain::sources::Random;

/// A generator whose numbers depend on the seed and the number only.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Starts the sequence of a number. No two numbers share one.
    pub(super) fn new(seed: u64, number: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(number);
        Self(generator)
    }

    /// Returns the source of salts and ids of changes, which goes on where these dice stand.
    pub(super) fn into_random(self) -> Random {
        let generator = Mutex::new(self.0);
        Random::new(move |buffer| generator.lock().fill_bytes(buffer))
    }

    /// Returns a number from 0 to 1, without 1.
    pub(super) fn unit(&mut self) -> f64 {
        // 53 bits are what the type holds exactly.
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a whole number below `end`; 0 when there is none.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    /// Returns a whole number from `first` to `last`.
    pub(super) fn between(&mut self, first: i64, last: i64) -> i64 {
        let span = u64::try_from(last.saturating_sub(first)).unwrap_or(0).saturating_add(1);
        first.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// Says yes in so many cases of a hundred.
    pub(super) fn percent(&mut self, chances: u64) -> bool {
        self.below(100) < chances
    }

    /// Returns one of the values, each as likely as the others.
    pub(super) fn pick<'a, T>(&mut self, values: &'a [T]) -> &'a T {
        let place = self.below(values.len() as u64);
        values.get(place as usize).expect("no list that is picked from is empty")
    }

    /// Returns one of the values, each as likely as its weight says.
    pub(super) fn weighed<'a, T>(&mut self, values: &'a [T], weight: impl Fn(&T) -> u64) -> &'a T {
        let mut left = self.below(values.iter().map(&weight).sum());
        let found = values.iter().find(|it| {
            let own = weight(it);
            let is_here = left < own;
            left = left.saturating_sub(own);
            is_here
        });
        found.or_else(|| values.last()).expect("no list that is picked from is empty")
    }

    /// Returns a place below `end`: the first ones come up far more often than the last.
    pub(super) fn skewed(&mut self, end: usize) -> usize {
        let unit = self.unit();
        ((end as f64 * unit * unit) as usize).min(end.saturating_sub(1))
    }

    /// Returns a random (version 4) GUID.
    pub(super) fn uuid(&mut self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_and_a_number_name_one_sequence() {
        let first = |seed, number| Dice::new(seed, number).uuid();

        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }

    #[test]
    fn weights_and_bounds_are_kept() {
        let mut dice = Dice::new(7, 0);
        let heavy = (0..1000).filter(|_| *dice.weighed(&[1_u64, 9], |it| *it) == 9).count();

        assert!((850..950).contains(&heavy), "{heavy} of 1000 at nine in ten");
        assert!((0..1000).all(|_| (3..=5).contains(&dice.between(3, 5))));
        assert!((0..1000).all(|_| dice.skewed(10) < 10));
    }
}
