//! How many streams may be open, and how many of one organisation: a stream holds a connection for as long as its client
//! likes, and others need connections too.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use parking_lot::Mutex;

use crate::domain::organization::OrganizationId;

type Open = Mutex<HashMap<OrganizationId, usize>>;

/// Among the extensions of an answer: its body is written for longer than a request takes, so that the connection is
/// not idle when the answer is there.
#[derive(Clone, Copy, Debug)]
pub struct Lasting;

/// Counts open streams, by organisation.
#[derive(Clone, Debug)]
pub struct Streams {
    open: Arc<Open>,
    max: usize,
    per_organization_max: usize,
}

/// Why no further stream is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamsFull {
    /// The organisation has as many as it may.
    OfOrganization,
    /// The server has.
    OfServer,
}

/// A place among the streams of an organisation; given back when dropped.
#[derive(Debug)]
pub struct StreamPlace {
    open: Arc<Open>,
    organization_id: OrganizationId,
}

impl Streams {
    /// Makes room for so many streams, and so many of each organisation.
    pub fn new(max: usize, per_organization_max: usize) -> Self {
        Self { open: Arc::default(), max, per_organization_max }
    }

    /// Returns how many are open.
    pub fn count(&self) -> usize {
        self.open.lock().values().sum()
    }

    /// Takes a place.
    ///
    /// # Errors
    /// Whose places are all taken.
    pub fn try_open(&self, organization_id: &OrganizationId) -> Result<StreamPlace, StreamsFull> {
        let mut open = self.open.lock();
        let own = open.get(organization_id).copied().unwrap_or_default();
        if own >= self.per_organization_max {
            return Err(StreamsFull::OfOrganization);
        }
        if open.values().sum::<usize>() >= self.max {
            return Err(StreamsFull::OfServer);
        }
        open.insert(organization_id.clone(), own.saturating_add(1));
        Ok(StreamPlace { open: Arc::clone(&self.open), organization_id: organization_id.clone() })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Entry::Occupied(mut entry) = open.entry(self.organization_id.clone()) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Streams, StreamsFull};
    use crate::domain::organization::OrganizationId;

    #[test]
    fn an_organization_and_a_server_have_so_many_and_no_more() {
        let streams = Streams::new(2, 1);
        let [one, other, third] = [1, 2, 3].map(|it| OrganizationId::from(uuid::Uuid::from_u128(it)));
        let first = streams.try_open(&one);
        let second = streams.try_open(&other).unwrap();

        assert_eq!(streams.try_open(&one).unwrap_err(), StreamsFull::OfOrganization);
        assert_eq!(streams.try_open(&third).unwrap_err(), StreamsFull::OfServer);
        assert_eq!(streams.count(), 2);
        drop((first, second));
        assert!(streams.open.lock().is_empty());
        assert!(streams.try_open(&third).is_ok());
    }
}
