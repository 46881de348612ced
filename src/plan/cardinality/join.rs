//! Joins.

use polars_ops::prelude::JoinType;

use super::Estimates;
use super::column::ColumnEstimate;
use crate::plan::join::Join;
use crate::plan::logical::LogicalPlan;

/// Of the pairs with equal keys, a further condition keeps about one in this many.
const CONDITION: f64 = 3.0;

/// The share of rows that find a match where nothing tells.
const UNKNOWN_MATCHES: f64 = 0.5;

/// What is known of the two sides of a key.
pub(crate) struct Equality {
    pub(crate) left: ColumnEstimate,
    pub(crate) right: ColumnEstimate,
}

impl Equality {
    /// How many different values the keys of both sides are drawn from. Where they were not counted, the key is taken
    /// for a foreign key: there are not more than the other table has rows.
    fn domain(&self) -> f64 {
        let values = |one: &ColumnEstimate, other: &ColumnEstimate| {
            if one.counted { one.domain } else { one.domain.min(other.origin.rows) }
        };
        values(&self.left, &self.right).max(values(&self.right, &self.left)).max(1.0)
    }

    fn is_between_same_tables(&self, other: &Self) -> bool {
        self.left.origin == other.left.origin && self.right.origin == other.right.origin
    }

    /// The number of combinations of two tables' columns is that of the smaller table's rows at most: one of them is
    /// the key of that table.
    fn most(&self) -> f64 {
        self.left.origin.rows.min(self.right.origin.rows).max(1.0)
    }
}

/// The share of all pairs of rows whose keys are all equal.
pub(crate) fn key_selectivity(keys: &[Equality]) -> f64 {
    let nulls: f64 = keys.iter().map(|key| (1.0 - key.left.nulls) * (1.0 - key.right.nulls)).product();
    nulls / combinations(keys)
}

fn combinations(keys: &[Equality]) -> f64 {
    let mut all = 1.0;
    for (index, key) in keys.iter().enumerate() {
        let earlier = keys.iter().take(index).any(|other| other.is_between_same_tables(key));
        if earlier {
            continue;
        }
        let together: Vec<&Equality> = keys.iter().filter(|other| other.is_between_same_tables(key)).collect();
        let product: f64 = together.iter().map(|key| key.domain()).product();
        all *= if together.len() > 1 { product.min(key.most()) } else { product };
    }
    all
}

impl Estimates {
    pub(super) fn join_rows(&self, left: &LogicalPlan, right: &LogicalPlan, join: &Join) -> Option<f64> {
        let (left_rows, right_rows) = (self.rows(left)?, self.rows(right)?);
        let condition = if join.condition.is_some() { CONDITION } else { 1.0 };
        let keys = self.equalities(left, right, join);
        if matches!(join.how, JoinType::Semi | JoinType::Anti) {
            let met = self.share_met(right_rows, &keys) / condition;
            return Some(left_rows * if join.how == JoinType::Semi { met } else { (1.0 - met).max(0.05) });
        }
        let pairs = left_rows * right_rows * key_selectivity(&keys) / condition;
        Some(match join.how {
            JoinType::Left => pairs.max(left_rows),
            JoinType::Right => pairs.max(right_rows),
            JoinType::Full => pairs.max(left_rows).max(right_rows),
            _ => pairs,
        })
    }

    /// The share of left rows that find a match among `right_rows` rows.
    pub(crate) fn share_met(&self, right_rows: f64, keys: &[Equality]) -> f64 {
        let present = keys.iter().map(|key| key.right.distinct).product::<f64>().min(right_rows);
        let share = present / combinations(keys);
        // A join that passes all rows would not have been written: values that were not counted hide what it does.
        let is_counted = keys.iter().all(|key| key.left.counted);
        if share >= 1.0 && !is_counted { UNKNOWN_MATCHES } else { share.clamp(0.0, 1.0) }
    }

    fn equalities(&self, left: &LogicalPlan, right: &LogicalPlan, join: &Join) -> Vec<Equality> {
        let keys = join.keys.iter().filter_map(|key| {
            Some(Equality { left: self.expression(left, &key.left)?, right: self.expression(right, &key.right)? })
        });
        keys.collect()
    }
}
