use polars_core::datatypes::AnyValue;
use polars_core::scalar::Scalar;
use polars_core::schema::Schema;
use polars_core::series::Series;
use polars_ops::series::ClosedInterval;
use polars_plan::dsl::{Expr, Operator};
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{AExpr, IRAggExpr, IRBooleanFunction, IRFunctionExpr, LiteralValue};
use polars_utils::arena::{Arena, Node};
use polars_utils::pl_str::PlSmallStr;

use super::conjunction::split_conjunction;
use super::lower::{Output, Purpose, Scope, lower};

/// A condition on one column that statistics, indexes and partition values can decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The column.
    pub column: PlSmallStr,
    /// What holds for its value.
    pub test: Test,
}

/// The condition of a [`Comparison`]. Values have exactly the type of the column and are not null. A null in the
/// column passes [`Test::IsNull`] alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// Equal to the value.
    Eq(Scalar),
    /// Not equal to the value.
    NotEq(Scalar),
    /// Smaller than the value.
    Lt(Scalar),
    /// At most the value.
    LtEq(Scalar),
    /// Greater than the value.
    Gt(Scalar),
    /// At least the value.
    GtEq(Scalar),
    /// One of the values; none of them is null.
    In(Series),
    /// Null.
    IsNull,
    /// Not null.
    IsNotNull,
}

/// Conditions that every row which passes `predicate` fulfils. A row that fulfils all of them may still fail: parts
/// that are no such condition are left out.
///
/// A comparison counts if Polars compares the column itself with a constant, after its own rules of types; one for which
/// it would cast the column first is left out. `is_between` gives two conditions. A predicate that is not valid gives
/// none.
///
/// ```
/// # use polars_core::prelude::*;
/// use quokka_engine::expr::prelude::*;
/// use quokka_engine::expr::{Comparison, Test, comparisons};
///
/// let schema = Schema::from_iter([Field::new("a".into(), DataType::Int64), Field::new("b".into(), DataType::String)]);
/// let predicate = lit(5).lt(col("a")).and(col("b").str().starts_with(lit("x")));
/// assert_eq!(
///     comparisons(&predicate, &schema),
///     [Comparison { column: "a".into(), test: Test::Gt(Scalar::from(5i64)) }],
/// );
/// ```
pub fn comparisons(predicate: &Expr, schema: &Schema) -> Vec<Comparison> {
    let mut found = Vec::new();
    for part in split_conjunction(predicate) {
        if let Ok(lowered) = lower(std::slice::from_ref(&part), schema, Scope::Rows, Purpose::Types, 0..0)
            && let [Output { nodes, .. }] = lowered.outputs.as_slice()
            && let [node] = nodes.as_slice()
        {
            collect(&lowered.arena, *node, schema, &mut found);
        }
    }
    found
}

fn collect(arena: &Arena<AExpr>, node: Node, schema: &Schema, found: &mut Vec<Comparison>) {
    match arena.get(node) {
        AExpr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => {
            collect(arena, *left, schema, found);
            collect(arena, *right, schema, found);
        },
        AExpr::BinaryExpr { left, op, right } => {
            if let Some(column) = column(arena, *left)
                && let Some(value) = value(arena, *right)
            {
                found.extend(test(*op, value, column, schema));
            } else if let Some(op) = op.swap_operands()
                && let Some(column) = column(arena, *right)
                && let Some(value) = value(arena, *left)
            {
                found.extend(test(op, value, column, schema));
            }
        },
        AExpr::Function { input, function: IRFunctionExpr::Boolean(function), .. } => {
            collect_function(arena, function, input, schema, found);
        },
        _ => {},
    }
}

fn collect_function(
    arena: &Arena<AExpr>,
    function: &IRBooleanFunction,
    input: &[ExprIR],
    schema: &Schema,
    found: &mut Vec<Comparison>,
) {
    use IRBooleanFunction as F;
    match (function, input) {
        (F::IsNull, [input]) => found.extend(column(arena, input.node()).map(|column| is(column, Test::IsNull))),
        (F::IsNotNull, [input]) => found.extend(column(arena, input.node()).map(|column| is(column, Test::IsNotNull))),
        (F::Not, [input]) => {
            let mut negated = Vec::new();
            collect(arena, input.node(), schema, &mut negated);
            if let ([Comparison { column, test }], true) = (negated.as_slice(), is_single(arena, input.node())) {
                found.extend(negate(test).map(|test| is(column.clone(), test)));
            }
        },
        (F::IsBetween { closed }, [needle, low, high]) => {
            let Some(column) = column(arena, needle.node()) else { return };
            let (from, to) = match closed {
                ClosedInterval::Both => (Operator::GtEq, Operator::LtEq),
                ClosedInterval::Left => (Operator::GtEq, Operator::Lt),
                ClosedInterval::Right => (Operator::Gt, Operator::LtEq),
                ClosedInterval::None => (Operator::Gt, Operator::Lt),
            };
            for (op, bound) in [(from, low), (to, high)] {
                if let Some(value) = value(arena, bound.node()) {
                    found.extend(test(op, value, column.clone(), schema));
                }
            }
        },
        (F::IsIn { nulls_equal }, [needle, haystack]) => {
            if let Some(column) = column(arena, needle.node())
                && let Some(values) = values(arena, haystack.node())
                && schema.get(&column) == Some(values.dtype())
                && !(*nulls_equal && values.null_count() > 0)
            {
                found.push(is(column, Test::In(values.drop_nulls())));
            }
        },
        _ => {},
    }
}

/// Whether `node` is one comparison, so that the opposite of the comparison is the opposite of the expression.
fn is_single(arena: &Arena<AExpr>, node: Node) -> bool {
    match arena.get(node) {
        AExpr::BinaryExpr { op, .. } => op.is_null_propagating_comparison(),
        AExpr::Function { function: IRFunctionExpr::Boolean(function), .. } => {
            matches!(function, IRBooleanFunction::IsNull | IRBooleanFunction::IsNotNull)
        },
        _ => false,
    }
}

fn negate(test: &Test) -> Option<Test> {
    Some(match test.clone() {
        Test::Eq(value) => Test::NotEq(value),
        Test::NotEq(value) => Test::Eq(value),
        Test::Lt(value) => Test::GtEq(value),
        Test::LtEq(value) => Test::Gt(value),
        Test::Gt(value) => Test::LtEq(value),
        Test::GtEq(value) => Test::Lt(value),
        Test::IsNull => Test::IsNotNull,
        Test::IsNotNull => Test::IsNull,
        Test::In(_) => return None,
    })
}

fn is(column: PlSmallStr, test: Test) -> Comparison {
    Comparison { column, test }
}

fn test(op: Operator, value: Scalar, column: PlSmallStr, schema: &Schema) -> Option<Comparison> {
    if value.is_null() || schema.get(&column) != Some(value.dtype()) {
        return None;
    }
    let test = match op {
        Operator::Eq | Operator::EqValidity => Test::Eq(value),
        Operator::NotEq => Test::NotEq(value),
        Operator::Lt => Test::Lt(value),
        Operator::LtEq => Test::LtEq(value),
        Operator::Gt => Test::Gt(value),
        Operator::GtEq => Test::GtEq(value),
        _ => return None,
    };
    Some(is(column, test))
}

fn column(arena: &Arena<AExpr>, node: Node) -> Option<PlSmallStr> {
    match arena.get(node) {
        AExpr::Column(name) => Some(name.clone()),
        _ => None,
    }
}

/// The constant that `node` is, with the cast that the coercion put around it.
fn value(arena: &Arena<AExpr>, node: Node) -> Option<Scalar> {
    match arena.get(node) {
        AExpr::Literal(literal) => match literal.clone().materialize() {
            LiteralValue::Scalar(value) => Some(value),
            _ => None,
        },
        AExpr::Cast { expr, dtype, options } => value(arena, *expr)?.cast_with_options(dtype, *options).ok(),
        _ => None,
    }
}

/// The constant list that `node` is.
fn values(arena: &Arena<AExpr>, node: Node) -> Option<Series> {
    match arena.get(node) {
        AExpr::Literal(LiteralValue::Scalar(scalar)) => match scalar.value() {
            AnyValue::List(values) => Some(values.clone()),
            _ => None,
        },
        AExpr::Literal(LiteralValue::Series(series)) if !series.dtype().is_list() => Some((**series).clone()),
        AExpr::Literal(LiteralValue::Series(series)) if series.len() == 1 => match series.get(0).ok()? {
            AnyValue::List(values) => Some(values),
            _ => None,
        },
        AExpr::Agg(IRAggExpr::Implode { input, .. }) => match arena.get(*input) {
            AExpr::Literal(LiteralValue::Series(series)) if !series.dtype().is_list() => Some((**series).clone()),
            _ => None,
        },
        AExpr::Cast { expr, dtype, options } => {
            values(arena, *expr)?.cast_with_options(dtype.inner_dtype()?, *options).ok()
        },
        _ => None,
    }
}
