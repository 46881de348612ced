use polars_core::chunked_array::ops::FillNullStrategy;
use polars_ops::series::RankMethod;
use polars_plan::dsl::{EvalVariant, Expr, WindowMapping};
use polars_plan::plans::expr_ir::ExprIR;
use polars_plan::plans::{AExpr, IRAggExpr, IRBooleanFunction, IRFunctionExpr, node_to_expr};
use polars_plan::prelude::{FunctionFlags, FunctionOptions};
use polars_utils::arena::{Arena, Node};

use super::super::stack::with_stack;
use super::class::{Class, Need, Shape};

/// Classifies the expressions of an arena, from the leaves up.
pub(super) struct Classifier<'a> {
    pub(super) arena: &'a Arena<AExpr>,
}

impl Classifier<'_> {
    pub(super) fn classify(&self, node: Node) -> Class {
        with_stack(|| self.classify_node(node))
    }

    fn classify_node(&self, node: Node) -> Class {
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
            AExpr::Eval { variant: EvalVariant::Cumulative { .. }, .. } => Class::ordered(Shape::Aligned),
            AExpr::Eval { expr, .. } => self.classify(*expr),
            AExpr::StructEval { expr, evaluation } => {
                self.zipped(std::iter::once(*expr).chain(evaluation.iter().map(ExprIR::node)))
            },
            AExpr::Function { input, function, options } => self.function(input, function, options),
            AExpr::AnonymousFunction { input, options, .. } => self.by_flags(self.inputs(input), options),
            AExpr::AnonymousAgg { .. } => Class::ordered(Shape::Scalar),
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
            AggGroups(_) => Class::ordered(Shape::Scalar),
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
        Class::ordered(else_)
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
                    return Class::ordered(Shape::Bag);
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
        let [needle, haystack] = input else { return Class::ordered(Shape::Aligned) };
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
            Class::ordered(Shape::Aligned)
        } else if flags.is_row_separable() {
            inputs.loosened()
        } else if any_order && flags.contains(FunctionFlags::TERMINATES_INPUT_ORDER) {
            Class { need: inputs.need.all(), shape: Shape::Bag }
        } else {
            Class::ordered(Shape::Bag)
        }
    }
}
