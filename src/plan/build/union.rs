//! Vertical concatenation.

use polars_core::prelude::Schema;

use crate::error::PlanError;
use crate::plan::logical::{LogicalPlan, Node};

const METHOD: &str = "union";

impl LogicalPlan {
    /// The rows of all `inputs`, which must have the same columns in the same order.
    pub(crate) fn union(inputs: Vec<Self>) -> Result<Self, PlanError> {
        let mut rest = inputs.iter();
        let Some(first) = rest.next() else {
            return Err(PlanError::argument(METHOD, "there is nothing to concatenate"));
        };
        for (index, input) in rest.enumerate() {
            if let Some(difference) = difference(first.schema(), input.schema()) {
                let difference = format!("in input {}, {difference}", index + 1);
                return Err(PlanError::Schemas { method: METHOD, difference });
            }
        }
        let schema = first.schema().clone();
        Ok(Self::new(Node::Union { inputs }, schema))
    }
}

/// The first column of `found` that is not as in `expected`.
pub(crate) fn difference(expected: &Schema, found: &Schema) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("there are {} columns, not {}", found.len(), expected.len()));
    }
    expected.iter().zip(found.iter()).enumerate().find_map(|(i, ((name, dtype), (other_name, other_dtype)))| {
        if name != other_name {
            Some(format!("column {i} is `{other_name}`, not `{name}`"))
        } else if dtype != other_dtype {
            Some(format!("column `{name}` is {other_dtype}, not {dtype}: cast it"))
        } else {
            None
        }
    })
}
