use polars_core::chunked_array::ops::FillNullStrategy;
use polars_core::schema::Schema;
use polars_ops::series::RankMethod;
use polars_plan::dsl::{EvalVariant, Expr, WindowMapping};
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{
    AExpr, ExprToIRContext, IRAggExpr, IRBooleanFunction, IRFunctionExpr, node_to_expr, to_expr_ir,
};
use polars_plan::prelude::{FunctionFlags, FunctionOptions};
use polars_utils::arena::{Arena, Node};

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

/// The rows that a value depends on.
#[derive(Clone, Debug, PartialEq)]
enum Need {
    /// Those of its own row.
    Rows,
    Window {
        keys: Vec<Expr>,
        ordered: bool,
    },
    All,
    Ordered,
}

/// How the values of an expression relate to the rows of its input.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    /// One value that does not depend on the input.
    Constant,
    /// One value.
    Scalar,
    /// One value a row.
    Aligned,
    /// The values of the rows that pass a predicate.
    Filtered(Box<Expr>),
    /// Any number of values, in an order without meaning or that of the input.
    Bag,
    /// Any number of values in an order that does not come from the input's: sorted, or a literal series.
    Sequence,
}

#[derive(Clone, Debug)]
struct Class {
    need: Need,
    shape: Shape,
}

impl Need {
    fn is_ordered(&self) -> bool {
        matches!(self, Need::Ordered | Need::Window { ordered: true, .. })
    }

    /// All rows, in order if this needs an order.
    fn all(&self) -> Need {
        if self.is_ordered() { Need::Ordered } else { Need::All }
    }

    fn join(self, other: Need) -> Need {
        match (self, other) {
            (Need::Rows, other) | (other, Need::Rows) => other,
            (Need::Window { keys, ordered }, Need::Window { keys: others, ordered: also }) => {
                let keys: Vec<Expr> = keys.into_iter().filter(|key| others.contains(key)).collect();
                match (keys.is_empty(), ordered || also) {
                    (false, ordered) => Need::Window { keys, ordered },
                    (true, true) => Need::Ordered,
                    (true, false) => Need::All,
                }
            },
            (left, right) if left.is_ordered() || right.is_ordered() => Need::Ordered,
            _ => Need::All,
        }
    }
}

impl Class {
    const ORDERED: fn(Shape) -> Class = |shape| Class { need: Need::Ordered, shape };

    fn into_requirement(self) -> Requirement {
        match (self.shape, self.need) {
            (_, Need::Ordered) => Requirement::OrderedFrame,
            (Shape::Constant | Shape::Aligned, Need::Rows) => Requirement::Rows,
            (Shape::Scalar | Shape::Constant, Need::All | Need::Rows) => Requirement::Aggregate,
            (_, Need::Window { keys, ordered }) => Requirement::Window { keys, ordered },
            // A literal series stands next to the rows in their order.
            (Shape::Sequence, Need::Rows) => Requirement::OrderedFrame,
            (_, Need::All | Need::Rows) => Requirement::Frame,
        }
    }

    fn is_constant(&self) -> bool {
        self.need == Need::Rows && matches!(self.shape, Shape::Constant | Shape::Sequence)
    }

    /// One value from all values of this, whatever their order.
    fn aggregated(self) -> Class {
        if self.is_constant() {
            return Class { need: Need::Rows, shape: Shape::Constant };
        }
        Class { need: self.need.all(), shape: Shape::Scalar }
    }

    /// One value from all values of this in their order.
    fn aggregated_in_order(self) -> Class {
        if self.shape == Shape::Sequence { self.aggregated() } else { Class::ORDERED(Shape::Scalar) }
    }

    /// Values of this without those of some rows, or several for a row.
    fn loosened(self) -> Class {
        let shape = if self.shape == Shape::Sequence { Shape::Sequence } else { Shape::Bag };
        let need = match self.need {
            need @ Need::Window { .. } => need.all(),
            need => need,
        };
        Class { need, shape }
    }

    /// Value by value with `other`.
    fn zip(self, other: Class) -> Class {
        use Shape::{Aligned, Constant, Scalar};
        let need = self.need.join(other.need);
        let shape = match (self.shape, other.shape) {
            (Constant, shape) | (shape, Constant) => shape,
            (Scalar, shape) | (shape, Scalar) => shape,
            (left, right) if left == right && left != Shape::Bag => left,
            // Values that are paired by position.
            _ => return Class::ORDERED(Aligned),
        };
        Class { need, shape }
    }
}

struct Classifier<'a> {
    arena: &'a Arena<AExpr>,
}

impl Classifier<'_> {
    fn classify(&self, node: Node) -> Class {
        match self.arena.get(node) {
            AExpr::Column(_) | AExpr::Element | AExpr::StructField(_) => {
                Class { need: Need::Rows, shape: Shape::Aligned }
            },
            AExpr::Literal(literal) if literal.is_scalar() => Class { need: Need::Rows, shape: Shape::Constant },
            AExpr::Literal(_) => Class { need: Need::Rows, shape: Shape::Sequence },
            AExpr::Len => Class { need: Need::All, shape: Shape::Scalar },
            AExpr::BinaryExpr { left, right, .. } => self.zipped([*left, *right]),
            AExpr::Ternary { predicate, truthy, falsy } => self.zipped([*predicate, *truthy, *falsy]),
            AExpr::Cast { expr, .. } => self.classify(*expr),
            AExpr::Agg(aggregate) => self.aggregate(aggregate),
            AExpr::Sort { expr, .. } => self.sorted(self.classify(*expr)),
            AExpr::SortBy { expr, by, .. } => {
                self.sorted(self.zipped(std::iter::once(*expr).chain(by.iter().copied())))
            },
            AExpr::Filter { input, by } => self.filter(*input, *by),
            AExpr::Explode { expr, .. } => self.classify(*expr).loosened(),
            AExpr::Slice { input, offset, length } => {
                self.positional(*input, [*offset, *length], Shape::Sequence, Shape::Bag)
            },
            AExpr::Gather { expr, idx, returns_scalar: true, .. } => {
                self.positional(*expr, [*idx], Shape::Scalar, Shape::Scalar)
            },
            AExpr::Gather { expr, idx, .. } => self.positional(*expr, [*idx], Shape::Sequence, Shape::Bag),
            AExpr::Over { function, partition_by, order_by, mapping } => {
                self.over(*function, partition_by, order_by.as_ref().map(|(order_by, _)| *order_by), *mapping)
            },
            AExpr::Eval { variant: EvalVariant::Cumulative { .. }, .. } => Class::ORDERED(Shape::Aligned),
            AExpr::Eval { expr, .. } => self.classify(*expr),
            AExpr::StructEval { expr, evaluation } => {
                self.zipped(std::iter::once(*expr).chain(evaluation.iter().map(ExprIR::node)))
            },
            AExpr::Function { input, function, options } => self.function(input, function, options),
            AExpr::AnonymousFunction { input, options, .. } => self.by_flags(self.inputs(input), options),
            AExpr::AnonymousAgg { .. } => Class::ORDERED(Shape::Scalar),
        }
    }

    fn zipped(&self, nodes: impl IntoIterator<Item = Node>) -> Class {
        let constant = Class { need: Need::Rows, shape: Shape::Constant };
        nodes.into_iter().fold(constant, |class, node| class.zip(self.classify(node)))
    }

    fn inputs(&self, inputs: &[ExprIR]) -> Class {
        self.zipped(inputs.iter().map(ExprIR::node))
    }

    fn sorted(&self, class: Class) -> Class {
        if class.is_constant() {
            return class;
        }
        Class { need: class.need.all(), shape: Shape::Sequence }
    }

    fn aggregate(&self, aggregate: &IRAggExpr) -> Class {
        use IRAggExpr::*;
        match aggregate {
            Min { input, .. }
            | Max { input, .. }
            | Count { input, .. }
            | Item { input, .. }
            | Median(input)
            | NUnique(input)
            | Mean(input)
            | Sum(input)
            | Std(input, _)
            | Var(input, _)
            | Implode { input, maintain_order: false } => self.classify(*input).aggregated(),
            First(input)
            | FirstNonNull(input)
            | Last(input)
            | LastNonNull(input)
            | Implode { input, maintain_order: true } => self.classify(*input).aggregated_in_order(),
            AggGroups(_) => Class::ORDERED(Shape::Scalar),
        }
    }

    fn filter(&self, input: Node, by: Node) -> Class {
        let class = self.zipped([input, by]);
        match class.shape {
            Shape::Aligned if !matches!(class.need, Need::Window { .. }) => {
                Class { need: class.need, shape: Shape::Filtered(Box::new(node_to_expr(by, self.arena))) }
            },
            _ => class.loosened(),
        }
    }

    /// Picks values of `input` by their position.
    fn positional(&self, input: Node, positions: impl IntoIterator<Item = Node>, picked: Shape, else_: Shape) -> Class {
        let input = self.classify(input);
        let positions = self.zipped(positions);
        if input.shape == Shape::Sequence && matches!(positions.shape, Shape::Constant | Shape::Scalar) {
            return Class { need: input.need.join(positions.need), shape: picked };
        }
        Class::ORDERED(else_)
    }

    fn over(&self, function: Node, keys: &[Node], order_by: Option<Node>, mapping: WindowMapping) -> Class {
        let function = self.classify(function);
        let one_value = matches!(function.shape, Shape::Scalar | Shape::Constant);
        let keeps_rows = one_value || function.shape == Shape::Aligned;
        let ordered = match mapping {
            WindowMapping::GroupsToRows => order_by.is_none() && (function.need.is_ordered() || !keeps_rows),
            // The list of a group holds its values in their order.
            WindowMapping::Join => order_by.is_none() && (function.need.is_ordered() || !one_value),
            WindowMapping::Explode => true,
        };
        let shape = if mapping == WindowMapping::Explode { Shape::Bag } else { Shape::Aligned };
        let outer = self.zipped(keys.iter().copied().chain(order_by));
        let nested = matches!(function.need, Need::Window { .. });
        let keys: Vec<Expr> = keys
            .iter()
            .filter(|key| !self.classify(**key).is_constant())
            .map(|key| node_to_expr(*key, self.arena))
            .collect();
        let need = if keys.is_empty() || nested || outer.need != Need::Rows {
            let ordered = ordered || (nested && function.need.is_ordered()) || outer.need.is_ordered();
            if ordered { Need::Ordered } else { Need::All }
        } else {
            Need::Window { keys, ordered }
        };
        Class { need, shape }
    }

    fn function(&self, input: &[ExprIR], function: &IRFunctionExpr, options: &FunctionOptions) -> Class {
        use IRFunctionExpr as F;
        match function {
            F::Boolean(IRBooleanFunction::IsIn { .. }) => self.is_in(input),
            // One value a row, from all rows in any order.
            F::Boolean(IRBooleanFunction::IsUnique | IRBooleanFunction::IsDuplicated)
            | F::FillNullWithStrategy(FillNullStrategy::Mean | FillNullStrategy::Min | FillNullStrategy::Max) => {
                self.over_all(self.inputs(input))
            },
            F::Rank { options, .. }
                if matches!(
                    options.method,
                    RankMethod::Average | RankMethod::Min | RankMethod::Max | RankMethod::Dense
                ) =>
            {
                self.over_all(self.inputs(input))
            },
            F::Correlation { .. } | F::Product => self.inputs(input).aggregated(),
            F::TopK { .. } | F::TopKBy { .. } => {
                let class = self.inputs(input);
                if class.shape == Shape::Bag && !matches!(function, F::TopK { .. }) {
                    return Class::ORDERED(Shape::Bag);
                }
                Class { need: class.need.all(), shape: Shape::Bag }
            },
            _ => self.by_flags(self.inputs(input), options),
        }
    }

    fn over_all(&self, class: Class) -> Class {
        Class { need: class.need.all(), ..class }
    }

    /// The values looked for are a set: their order does not matter.
    fn is_in(&self, input: &[ExprIR]) -> Class {
        let [needle, haystack] = input else { return Class::ORDERED(Shape::Aligned) };
        let haystack = match self.arena.get(haystack.node()) {
            AExpr::Literal(_) => return self.classify(needle.node()),
            AExpr::Agg(IRAggExpr::Implode { input, .. }) => self.classify(*input).aggregated(),
            _ => self.classify(haystack.node()),
        };
        self.classify(needle.node()).zip(haystack)
    }

    /// By what Polars knows of the function.
    fn by_flags(&self, inputs: Class, options: &FunctionOptions) -> Class {
        let flags = options.flags;
        let any_order = flags.contains(FunctionFlags::NON_ORDER_OBSERVING);
        if flags.is_elementwise() {
            inputs
        } else if flags.returns_scalar() {
            if any_order { inputs.aggregated() } else { inputs.aggregated_in_order() }
        } else if flags.is_length_preserving() {
            Class::ORDERED(Shape::Aligned)
        } else if flags.is_row_separable() {
            inputs.loosened()
        } else if any_order && flags.contains(FunctionFlags::TERMINATES_INPUT_ORDER) {
            Class { need: inputs.need.all(), shape: Shape::Bag }
        } else {
            Class::ORDERED(Shape::Bag)
        }
    }
}
