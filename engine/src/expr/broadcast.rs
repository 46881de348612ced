use polars_core::datatypes::Field;
use polars_core::frame::column::Column;
use polars_core::prelude::IntoColumn;
use polars_core::schema::Schema;
use polars_error::PolarsResult;
use polars_plan::dsl::{BaseColumnUdf, Operator, new_column_udf};
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{AExpr, is_scalar_ae};
use polars_plan::prelude::FunctionOptions;
use polars_utils::arena::{Arena, Node};
use polars_utils::pl_str::PlSmallStr;

/// Makes comparisons below `root` of one value with the values of rows have a result for each row.
///
/// Polars compares a column that repeats one value (a constant, or nulls alone) as that value, and gives the result as many
/// rows as the left side has: one, if the left side is an aggregate or a literal. So the right side is written out.
pub(super) fn write_out_right_sides(arena: &mut Arena<AExpr>, root: Node) {
    let mut stack = vec![root];
    let mut inputs = Vec::new();
    while let Some(node) = stack.pop() {
        match arena.get(node) {
            // It is evaluated group by group.
            AExpr::Over { .. } => continue,
            AExpr::BinaryExpr { left, op, right }
                if is_comparison(*op) && is_scalar_ae(*left, arena) && !is_scalar_ae(*right, arena) =>
            {
                let (left, op, right) = (*left, *op, *right);
                let written = written_out(right, arena);
                let right = arena.add(written);
                arena.replace(node, AExpr::BinaryExpr { left, op, right });
            },
            _ => {},
        }
        arena.get(node).inputs_rev_strict(&mut inputs);
        stack.append(&mut inputs);
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, EqValidity, Gt, GtEq, Lt, LtEq, NotEq, NotEqValidity};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | EqValidity | NotEqValidity)
}

/// The values of `input`, one by one.
fn written_out(input: Node, arena: &Arena<AExpr>) -> AExpr {
    let write_out = |columns: &mut [Column]| -> PolarsResult<Column> {
        let column = columns.first_mut().map(std::mem::take).unwrap_or_default();
        Ok(match column {
            // One value is broadcast as it is.
            Column::Scalar(scalar) if scalar.len() != 1 => scalar.take_materialized_series().into_column(),
            column => column,
        })
    };
    let same = |_: &Schema, fields: &[Field]| Ok(fields[0].clone());
    AExpr::AnonymousFunction {
        input: vec![ExprIR::from_node(input, arena)],
        function: new_column_udf(BaseColumnUdf::new(write_out, same)),
        options: FunctionOptions::elementwise(),
        fmt_str: Box::new(PlSmallStr::from_static("write_out")),
    }
}
