//! A map with the order in which its keys were used.

use std::borrow::Borrow;
use std::collections::BTreeMap;

/// Values by key, with the order of their latest uses. The order depends on the uses alone, not on a clock or on
/// hashes.
#[derive(Clone, Debug)]
pub struct Recent<K, V> {
    /// Each value with the number of its latest use.
    values: BTreeMap<K, (u64, V)>,
    /// Keys by the number of their latest use.
    order: BTreeMap<u64, K>,
    /// Count of uses so far.
    uses: u64,
}

impl<K, V> Recent<K, V> {
    /// An empty map.
    pub const fn new() -> Self {
        Self { values: BTreeMap::new(), order: BTreeMap::new(), uses: 0 }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Count of uses so far, which is the number of the next one.
    pub const fn uses(&self) -> u64 {
        self.uses
    }

    /// Every key with its value, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.values.iter().map(|(key, (_, value))| (key, value))
    }

    /// Every value, mutable. It does not count as a use.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.values.values_mut().map(|(_, value)| value)
    }

    /// The key whose latest use is the earliest, and the number of that use.
    pub fn oldest(&self) -> Option<(u64, &K)> {
        self.order.first_key_value().map(|(number, key)| (*number, key))
    }
}

impl<K: Ord + Clone, V> Recent<K, V> {
    /// The value of a key. It does not count as a use.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.values.get(key).map(|(_, value)| value)
    }

    /// Every key with its value, the one used least recently first.
    pub fn by_use(&self) -> impl Iterator<Item = (&K, &V)> {
        self.order.values().filter_map(|key| Some((key, &self.values.get(key)?.1)))
    }

    /// The value of a key, which counts as its latest use. A new key gets a value from `new`.
    pub fn use_or_insert_with(&mut self, key: &K, new: impl FnOnce() -> V) -> &mut V {
        let number = self.uses;
        self.uses += 1;
        let (latest, value) = self.values.entry(key.clone()).or_insert_with(|| (number, new()));
        self.order.remove(&std::mem::replace(latest, number));
        self.order.insert(number, key.clone());
        value
    }

    /// Removes the key whose latest use is the earliest.
    pub fn remove_oldest(&mut self) -> Option<K> {
        let (_, key) = self.order.pop_first()?;
        self.values.remove(&key);
        Some(key)
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V: PartialEq> PartialEq for Recent<K, V> {
    /// True for the same keys and values in the same order of use. Removed keys do not count.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter()) && self.order.values().eq(other.order.values())
    }
}
