//! Selections that only the model can resolve: words by the prompt's tokens, neurons by their activity, positions by a
//! measurement. A [`Pick`] is an expression; the model evaluates it.

use std::fmt;

use serde::{Serialize, Serializer};

/// All elements, none, the listed ones, or a combination.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Pick<T> {
    /// All.
    #[default]
    All,
    /// None.
    None,
    /// These.
    These(T),
    /// All but those.
    Not(Box<Self>),
    /// Intersection.
    And(Vec<Self>),
}

/// A set of elements that a [`Pick`] can contain.
pub trait Pickable: Clone + PartialEq {
    /// True if it is known to be empty.
    fn is_known_empty(&self) -> bool;

    /// Intersection, if it has a closed form.
    fn intersection(&self, _: &Self) -> Option<Self> {
        None
    }

    /// Complement, if it has a closed form.
    fn complement(&self) -> Option<Self> {
        None
    }
}

impl<T: Pickable> Pick<T> {
    /// The listed elements, or none if the list is known to be empty.
    pub fn of(these: T) -> Self {
        if these.is_known_empty() { Self::None } else { Self::These(these) }
    }

    /// True if it is known to be empty.
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// True if it is everything.
    pub const fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Intersection.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut parts: Vec<Self> = Vec::new();
        for part in self.operands().iter().chain(other.operands()) {
            if part.is_all() || parts.contains(part) {
                continue;
            }
            if part.is_none() || parts.iter().any(|known| known.is_opposite(part)) {
                return Self::None;
            }
            match parts.iter_mut().find_map(|known| Some((known.intersection(part)?, known))) {
                Some((Self::None, _)) => return Self::None,
                Some((both, known)) => *known = both,
                None => parts.push(part.clone()),
            }
        }
        Self::simplified(parts)
    }

    /// The operands of an intersection.
    fn operands(&self) -> &[Self] {
        if let Self::And(parts) = self { parts } else { std::slice::from_ref(self) }
    }

    fn is_opposite(&self, other: &Self) -> bool {
        let not = |a: &Self, b: &Self| matches!(a, Self::Not(inner) if **inner == *b);
        not(self, other) || not(other, self)
    }

    fn intersection(&self, other: &Self) -> Option<Self> {
        if let (Self::These(a), Self::These(b)) = (self, other) { a.intersection(b).map(Self::of) } else { None }
    }

    /// Intersection of parts, simplified: operands that other parts imply are removed from a complement of an
    /// intersection. Expressions stay small, and empty ones are recognised.
    fn simplified(mut parts: Vec<Self>) -> Self {
        let short = |part: &Self| {
            let Self::Not(inner) = part else { return None };
            let Self::And(those) = &**inner else { return None };
            if those.iter().any(|one| parts.iter().any(|known| known.is_opposite(one))) {
                return Some(Self::All);
            }
            let open: Vec<_> = those.iter().filter(|one| !parts.contains(one)).cloned().collect();
            (open.len() < those.len()).then(|| Self::joined(open).not())
        };
        if let Some((index, short)) = parts.iter().enumerate().find_map(|(i, part)| Some((i, short(part)?))) {
            parts.remove(index);
            return Self::joined(parts).and(&short);
        }
        Self::joined(parts)
    }

    /// Intersection of parts, without simplification.
    fn joined(mut parts: Vec<Self>) -> Self {
        match parts.len() {
            0 => Self::All,
            1 => parts.swap_remove(0),
            _ => Self::And(parts),
        }
    }

    /// All but these.
    #[must_use]
    pub fn not(&self) -> Self {
        match self {
            Self::All => Self::None,
            Self::None => Self::All,
            Self::Not(inner) => (**inner).clone(),
            Self::These(these) => these.complement().map_or_else(|| Self::Not(Box::new(self.clone())), Self::of),
            Self::And(_) => Self::Not(Box::new(self.clone())),
        }
    }

    /// Weight of an element, 0 to 1; `these` gives the weight in a leaf.
    pub fn weight(&self, these: &mut dyn FnMut(&T) -> f32) -> f32 {
        self.weights(1, &mut |leaf| vec![these(leaf)])[0]
    }

    /// Weights of `count` elements, 0 to 1; `these` gives the weights in a leaf.
    pub fn weights(&self, count: usize, these: &mut dyn FnMut(&T) -> Vec<f32>) -> Vec<f32> {
        match self {
            Self::All => vec![1.0; count],
            Self::None => vec![0.0; count],
            Self::These(leaf) => these(leaf),
            Self::Not(inner) => inner.weights(count, these).into_iter().map(|weight| 1.0 - weight).collect(),
            Self::And(parts) => parts.iter().fold(vec![1.0; count], |weights, part| {
                weights.into_iter().zip(part.weights(count, these)).map(|(a, b)| a * b).collect()
            }),
        }
    }

    /// The leaves of the expression.
    pub fn leaves(&self) -> Vec<&T> {
        match self {
            Self::All | Self::None => Vec::new(),
            Self::These(leaf) => vec![leaf],
            Self::Not(inner) => inner.leaves(),
            Self::And(parts) => parts.iter().flat_map(Self::leaves).collect(),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Pick<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::None => f.write_str("none"),
            Self::These(these) => these.fmt(f),
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::And(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    write!(f, "{}({part})", if i == 0 { "" } else { " and " })?;
                }
                Ok(())
            }
        }
    }
}

impl<T: fmt::Display> Serialize for Pick<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
