//! Groups.

use super::Estimates;
use super::column::Origin;
use crate::plan::expression::NamedExpr;
use crate::plan::logical::LogicalPlan;

impl Estimates {
    /// About how many different combinations of `keys` the rows of `input` have.
    pub(super) fn groups(&self, input: &LogicalPlan, keys: &[NamedExpr]) -> Option<f64> {
        if keys.is_empty() {
            return Some(1.0);
        }
        let rows = self.rows(input)?;
        let mut origins: Vec<(Origin, f64)> = Vec::new();
        for key in keys {
            let Some(column) = self.expression(input, &key.expr) else { continue };
            let values = column.distinct + if column.nulls > 0.0 { 1.0 } else { 0.0 };
            match origins.iter_mut().find(|(origin, _)| *origin == column.origin) {
                // Columns of one table have no more combinations than it has rows.
                Some((origin, combinations)) => *combinations = (*combinations * values).min(origin.rows),
                None => origins.push((column.origin, values)),
            }
        }
        // Keys of several tables are seldom independent: each counts for less than the one before it.
        origins.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let mut weight = 1.0;
        let mut combinations = 1.0;
        for (_, values) in origins {
            combinations *= values.max(1.0).powf(weight);
            weight /= 2.0;
        }
        // The number of boxes that are hit when rows fall into them by chance.
        Some((combinations * -(-rows / combinations).exp_m1()).min(rows))
    }
}
