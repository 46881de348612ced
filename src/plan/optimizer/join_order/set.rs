//! Sets of relations.

/// Relations by their index, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Set(pub(super) u64);

impl Set {
    /// As many relations as a set can hold.
    pub(super) const LIMIT: usize = 64;

    pub(super) fn of(index: usize) -> Self {
        Self(1 << index)
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn len(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    pub(super) fn includes(self, other: Self) -> bool {
        other.without(self).is_empty()
    }

    /// The relations up to `index`.
    pub(super) fn up_to(index: usize) -> Self {
        Self(u64::MAX >> (Self::LIMIT - 1 - index))
    }

    /// The indices, in ascending order.
    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| rest.trailing_zeros() as usize);
            rest &= rest.wrapping_sub(1);
            next
        })
    }

    /// The indices, in descending order.
    pub(super) fn descending(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let next = (rest != 0).then(|| 63 - rest.leading_zeros() as usize)?;
            rest &= !(1 << next);
            Some(next)
        })
    }

    /// The index of the only relation.
    pub(super) fn only(self) -> Option<usize> {
        (self.len() == 1).then(|| self.0.trailing_zeros() as usize)
    }

    /// All subsets but the empty one.
    pub(super) fn subsets(self) -> impl Iterator<Item = Self> {
        let mut next = 0u64;
        std::iter::from_fn(move || {
            next = next.wrapping_sub(self.0) & self.0;
            (next != 0).then_some(Self(next))
        })
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(indices: I) -> Self {
        indices.into_iter().map(Self::of).fold(Self::default(), Self::with)
    }
}
