//! Which rows a list of expressions must see at once.

use polars_core::prelude::Schema;
use polars_plan::dsl::Expr;
use quokka_engine::error::OperatorError;
use quokka_engine::expr::{Requirement, requirement};

use crate::plan::expression::reads_columns;

/// The requirement of expressions that are evaluated together, one column each; `None` if all of them are constants.
pub(super) fn requirement_of<'a>(
    exprs: impl IntoIterator<Item = &'a Expr>,
    schema: &Schema,
) -> Result<Option<Requirement>, OperatorError> {
    let mut all: Option<Requirement> = None;
    for expr in exprs {
        let one = match expr {
            Expr::Column(_) => Requirement::Rows,
            expr => requirement(expr, schema)?,
        };
        // A constant fits everything: it is repeated as often as the others say.
        if one == Requirement::Rows && !reads_columns(expr) {
            continue;
        }
        all = Some(match all {
            None => one,
            Some(all) => together(all, one),
        });
    }
    Ok(all)
}

fn together(left: Requirement, right: Requirement) -> Requirement {
    use Requirement::{Aggregate, Frame, OrderedFrame, Rows, Window};
    match (left, right) {
        (left, right) if left == right => left,
        (OrderedFrame, _) | (_, OrderedFrame) => OrderedFrame,
        (Window { keys, ordered }, Rows) | (Rows, Window { keys, ordered }) => Window { keys, ordered },
        (Window { keys, ordered }, Window { keys: others, ordered: also }) => {
            let keys: Vec<Expr> = keys.into_iter().filter(|key| others.contains(key)).collect();
            match (keys.is_empty(), ordered || also) {
                (false, ordered) => Window { keys, ordered },
                (true, true) => OrderedFrame,
                (true, false) => Frame,
            }
        },
        (Window { ordered: true, .. }, Aggregate | Frame) | (Aggregate | Frame, Window { ordered: true, .. }) => {
            OrderedFrame
        },
        // One value next to a value for each row: the rows have to wait for the value.
        _ => Frame,
    }
}
