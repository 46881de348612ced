mod class;
mod classify;

use polars_core::schema::Schema;
use polars_plan::dsl::Expr;
use polars_plan::plans::{ExprToIRContext, to_expr_ir};
use polars_utils::arena::Arena;

use self::classify::Classifier;
use super::error::{ExprError, invalid};
use super::expand::expand;
use crate::error::OperatorError;

/// Which rows an expression must see at once for its result to be that of Polars on all rows. It decides how the
/// expression is distributed.
#[derive(Clone, Debug, PartialEq)]
pub enum Requirement {
    /// Elementwise: any batch alone suffices.
    Rows,
    /// One value from all rows in any order: `sum`, and elementwise functions of such values.
    Aggregate,
    /// `over`, and elementwise functions of it: all rows that agree on `keys`. With several `over`, `keys` are what
    /// their keys have in common.
    Window {
        /// Elementwise expressions; never empty.
        keys: Vec<Expr>,
        /// Whether the rows of a group must come in the order of the input, as for `shift` without an `order_by`.
        ordered: bool,
    },
    /// All rows at once, in any order: `unique`, `rank`, an aggregate next to plain columns.
    Frame,
    /// All rows at once, in the order of the input: `shift`, `cum_sum`, `head`, `first`, and any function that makes no
    /// promise.
    OrderedFrame,
}

/// Classifies `expr`, which stands for one column of rows of `schema`.
///
/// When in doubt it asks for more: `OrderedFrame` is always right. Ties in `sort_by` count as no order.
///
/// # Errors
/// As [`output_field`](super::output_field).
///
/// ```
/// # use polars_core::prelude::*;
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::expr::{Requirement, requirement};
///
/// let schema = Schema::from_iter([Field::new("k".into(), DataType::Int64), Field::new("v".into(), DataType::Int64)]);
/// assert_eq!(requirement(&(col("v") + lit(1)), &schema)?, Requirement::Rows);
/// assert_eq!(requirement(&(col("v").sum() / col("k").max()), &schema)?, Requirement::Aggregate);
/// assert_eq!(
///     requirement(&(col("v") / col("v").sum().over([col("k")])?), &schema)?,
///     Requirement::Window { keys: vec![col("k")], ordered: false },
/// );
/// assert_eq!(requirement(&(col("v") - col("v").mean()), &schema)?, Requirement::Frame);
/// assert_eq!(requirement(&col("v").shift(lit(1)), &schema)?, Requirement::OrderedFrame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn requirement(expr: &Expr, schema: &Schema) -> Result<Requirement, OperatorError> {
    let mut expanded = expand(std::slice::from_ref(expr), schema)?;
    let (Some(single), true) = (expanded.pop(), expanded.is_empty()) else {
        return Err(ExprError::NotSingle { expression: expr.to_string(), count: expanded.len() + 1 }.into());
    };
    let mut arena = Arena::with_capacity(8);
    let mut context = ExprToIRContext::new(&mut arena, schema);
    context.allow_unknown = true;
    let root = to_expr_ir(single, &mut context).map_err(|error| invalid(expr, error))?;
    Ok(Classifier { arena: &arena }.classify(root.node()).into_requirement())
}
