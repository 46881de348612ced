//! The names of the columns of both sides inside the join operator.

use polars_core::prelude::{PlSmallStr, SchemaRef};

use crate::plan::join::{Join, JoinSource};
use crate::plan::physical::keys::KeyColumns;

/// The names that the join operator gives the columns of both sides if it keeps all.
pub(super) struct PairNames {
    left: SchemaRef,
    pub(super) suffix: PlSmallStr,
}

impl PairNames {
    pub(super) fn new(left: &SchemaRef, right: &SchemaRef) -> Self {
        let mut suffix = String::from("_right");
        let clashes = |suffix: &str| {
            right.iter_names().filter(|name| left.contains(name)).any(|name| {
                let suffixed = format!("{name}{suffix}");
                left.contains(&suffixed) || right.contains(&suffixed)
            })
        };
        while clashes(&suffix) {
            suffix.insert(0, '_');
        }
        Self { left: left.clone(), suffix: suffix.into() }
    }

    pub(super) fn left(&self, name: &PlSmallStr) -> PlSmallStr {
        name.clone()
    }

    pub(super) fn right(&self, name: &PlSmallStr) -> PlSmallStr {
        if self.left.contains(name) { format!("{name}{}", self.suffix).into() } else { name.clone() }
    }

    /// The name of a column of one side.
    pub(super) fn of(&self, source: &JoinSource) -> Option<PlSmallStr> {
        match source {
            JoinSource::Left(name) => Some(self.left(name)),
            JoinSource::Right(name) => Some(self.right(name)),
            JoinSource::Key(_) => None,
        }
    }

    /// The columns that the operator has to deliver, each once.
    pub(super) fn projection(&self, join: &Join, left_keys: &KeyColumns, right_keys: &KeyColumns) -> Vec<PlSmallStr> {
        let mut wanted: Vec<PlSmallStr> = Vec::new();
        for column in &join.columns {
            let names = match &column.source {
                JoinSource::Key(index) => {
                    let left = left_keys.names().get(*index).map(|name| self.left(name));
                    let right = right_keys.names().get(*index).map(|name| self.right(name));
                    [left, right]
                },
                source => [self.of(source), None],
            };
            for name in names.into_iter().flatten() {
                if !wanted.contains(&name) {
                    wanted.push(name);
                }
            }
        }
        wanted
    }
}
