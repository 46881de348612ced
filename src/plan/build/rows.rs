//! Operations on rows.

use polars_core::prelude::{DataType, IdxSize, PlSmallStr, Schema, SortMultipleOptions};
use polars_plan::dsl::Expr;
use quokka_engine::expr::prelude::ExplodeOptions;
use quokka_operators::row_index::RowNumber;
use quokka_operators::sample::{Draw, DrawSize};

use crate::error::PlanError;
use crate::plan::expression::{NamedExpr, Properties, reads_columns};
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::rows::RowOperation;

/// How rows are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SampleRule {
    pub(crate) with_replacement: bool,
    pub(crate) shuffle: bool,
    pub(crate) seed: u64,
}

impl LogicalPlan {
    /// What `operation`, which was checked, makes of the rows.
    pub(crate) fn rows(self, operation: RowOperation) -> Self {
        let schema = operation.schema(self.schema());
        Self::new(Node::Rows { input: self, operation }, schema)
    }

    /// A row for each element of the lists in `columns`.
    pub(crate) fn explode(self, columns: Vec<PlSmallStr>, options: ExplodeOptions) -> Result<Self, PlanError> {
        const METHOD: &str = "explode";
        for name in &columns {
            match self.schema().get(name) {
                Some(DataType::List(_) | DataType::Array(..)) => {},
                Some(dtype) => {
                    let (expression, expected) = (name.to_string(), "a list or an array".into());
                    return Err(PlanError::Type { expression, method: METHOD, expected, found: dtype.to_string() });
                },
                None => return Err(PlanError::unknown_column(name, METHOD, self.schema())),
            }
        }
        if columns.is_empty() {
            return Err(PlanError::argument(METHOD, "there is no column to take apart"));
        }
        Ok(self.rows(RowOperation::Explode { columns, options }))
    }

    /// The number of each row in front of it.
    pub(crate) fn with_row_index(self, name: PlSmallStr, offset: IdxSize) -> Result<Self, PlanError> {
        if self.schema().contains(&name) {
            return Err(PlanError::DuplicateColumn { column: name.to_string(), method: "with_row_index" });
        }
        Ok(self.indexed(RowNumber::new(name), offset.into(), false))
    }

    /// The plan with the number of each row in front. It is given as far down as the rows are the same, where a table may
    /// know it; or with `before_filters` where rows have other numbers but the same order.
    fn indexed(self, number: RowNumber, offset: u64, before_filters: bool) -> Self {
        let row_by_row =
            |exprs: &[NamedExpr], input: &Self| exprs.iter().all(|named| is_elementwise(&named.expr, input));
        match self.node() {
            Node::Filter { input, predicate } if before_filters && is_elementwise(predicate, input) => {
                input.clone().indexed(number, offset, before_filters).filtered(predicate.clone())
            },
            Node::Select { input, exprs }
                if row_by_row(exprs, input) && exprs.iter().any(|named| reads_columns(&named.expr)) =>
            {
                let name = fresh(&number.name, input.schema());
                let passed = NamedExpr { name: number.name.clone(), expr: Expr::Column(name.clone()) };
                let below = RowNumber { name, ..number };
                let below = input.clone().indexed(below, offset, before_filters);
                let exprs = std::iter::once(passed).chain(exprs.iter().cloned()).collect();
                let schema = RowOperation::Index { number, offset }.schema(self.schema());
                Self::new(Node::Select { input: below, exprs }, schema)
            },
            Node::WithColumns { input, exprs } if row_by_row(exprs, input) => {
                let below = input.clone().indexed(number.clone(), offset, before_filters);
                let schema = RowOperation::Index { number, offset }.schema(self.schema());
                Self::new(Node::WithColumns { input: below, exprs: exprs.clone() }, schema)
            },
            _ => self.rows(RowOperation::Index { number, offset }),
        }
    }

    /// Rows drawn by chance.
    pub(crate) fn sample(self, size: DrawSize, rule: SampleRule, method: &'static str) -> Result<Self, PlanError> {
        if let DrawSize::Share(share) = size {
            let most = if rule.with_replacement { f64::INFINITY } else { 1.0 };
            if !(share.is_finite() && (0.0..=most).contains(&share)) {
                let range = if rule.with_replacement { "negative or no number" } else { "not between 0 and 1" };
                return Err(PlanError::argument(method, format!("fraction {share} is {range}")));
            }
        }
        let schema = self.schema().clone();
        let number = fresh("__sample_row", &schema);
        let rank = fresh("__sample_rank", &schema);
        let mut draw = Draw::new(size, rule.seed).with_replacement(rule.with_replacement);
        let mut keys = vec![Expr::Column(rank.clone())];
        let numbered = if has_order(&self) {
            draw = draw.with_number(number.clone());
            keys.push(Expr::Column(number.clone()));
            self.indexed(RowNumber { name: number, is_wide: true }, 0, true)
        } else {
            self
        };
        let in_order = SortMultipleOptions::default();
        let drawn = match size {
            DrawSize::Rows(rows) => {
                let ranked = numbered.rows(RowOperation::Draw(draw.with_rank(rank)));
                let first = ranked.top_k(rows as u64, &keys, in_order, method)?;
                first.rows(RowOperation::AtLeast(rows))
            },
            DrawSize::Share(_) if rule.shuffle => {
                numbered.rows(RowOperation::Draw(draw.with_rank(rank))).sort(&keys, in_order, method)?
            },
            DrawSize::Share(_) => numbered.rows(RowOperation::Draw(draw)),
        };
        Ok(drawn.columns(schema.iter_names()))
    }
}

fn is_elementwise(expr: &Expr, input: &LogicalPlan) -> bool {
    Properties::of(expr, input.schema()).elementwise
}

/// A name that no column of `schema` has.
fn fresh(name: &str, schema: &Schema) -> PlSmallStr {
    let mut name = name.to_string();
    while schema.contains(&name) {
        name.insert(0, '_');
    }
    name.into()
}

/// Whether the rows of `plan` have an order: that of a table or a sort.
fn has_order(plan: &LogicalPlan) -> bool {
    match plan.node() {
        Node::Scan { .. } | Node::Sort { .. } | Node::TopK { .. } => true,
        Node::Filter { input, .. }
        | Node::Select { input, .. }
        | Node::WithColumns { input, .. }
        | Node::Slice { input, .. }
        | Node::Placed { input, .. }
        | Node::MapBatches { input, .. } => has_order(input),
        Node::Rows { input, operation } => operation.keeps_order() && has_order(input),
        Node::Union { inputs } => inputs.iter().all(has_order),
        Node::Aggregate { .. } | Node::Join { .. } | Node::Stateful { .. } => false,
    }
}
