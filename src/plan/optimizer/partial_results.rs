//! Aggregates taken apart: some over parts of a group, and others that merge what came out.

use std::sync::Arc;

use polars_core::prelude::PlSmallStr;
use polars_core::scalar::Scalar;
use polars_plan::dsl::{AggExpr, Expr};
use quokka_engine::expr::prelude::{col, len, lit};

/// Takes aggregates apart. Equal parts are kept once.
pub(super) struct PartialResults<'a> {
    /// What is aggregated, for the rows of the parts; `None` if they do not have it.
    pub(super) input: &'a dyn Fn(&Expr) -> Option<Expr>,
    /// The name of a part.
    pub(super) name: &'a dyn Fn(usize) -> PlSmallStr,
    /// Values that differ from part to part and are one value inside of each: their count is the number of parts.
    pub(super) distinct: Option<&'a Expr>,
    /// Whether some parts are single rows for which everything is null.
    pub(super) adds_nulls: bool,
    /// The aggregates over parts.
    pub(super) exprs: Vec<Expr>,
}

impl PartialResults<'_> {
    /// The aggregates over parts, with their names.
    pub(super) fn named(&self) -> Vec<Expr> {
        self.exprs.iter().enumerate().map(|(index, expr)| expr.clone().alias((self.name)(index))).collect()
    }

    /// `expr`, an aggregate, over what came out of the parts; `None` if it cannot be taken apart.
    pub(super) fn merged(&mut self, expr: &Expr) -> Option<Expr> {
        Some(match expr {
            Expr::Literal(_) => expr.clone(),
            Expr::Alias(inner, name) => self.merged(inner)?.alias(name.clone()),
            Expr::Cast { expr, dtype, options } => {
                Expr::Cast { expr: Arc::new(self.merged(expr)?), dtype: dtype.clone(), options: *options }
            },
            Expr::BinaryExpr { left, op, right } => {
                Expr::BinaryExpr { left: Arc::new(self.merged(left)?), op: *op, right: Arc::new(self.merged(right)?) }
            },
            Expr::Len => {
                let counted = self.part(len());
                if self.adds_nulls { counted.fill_null(lit(Scalar::from(1u32))).sum() } else { counted.sum() }
            },
            Expr::Agg(AggExpr::NUnique(input)) if self.distinct == Some(input.as_ref()) => len(),
            Expr::Agg(AggExpr::Sum(input)) => self.part_of(input, Expr::sum)?.sum(),
            Expr::Agg(AggExpr::Count { input, include_nulls: false }) => self.part_of(input, Expr::count)?.sum(),
            Expr::Agg(AggExpr::Min { input, propagate_nans: false }) => self.part_of(input, Expr::min)?.min(),
            Expr::Agg(AggExpr::Max { input, propagate_nans: false }) => self.part_of(input, Expr::max)?.max(),
            _ => return None,
        })
    }

    fn part_of(&mut self, input: &Expr, aggregate: fn(Expr) -> Expr) -> Option<Expr> {
        let input = (self.input)(input)?;
        Some(self.part(aggregate(input)))
    }

    /// The column of a part.
    fn part(&mut self, expr: Expr) -> Expr {
        let index = self.exprs.iter().position(|known| *known == expr).unwrap_or_else(|| {
            self.exprs.push(expr);
            self.exprs.len() - 1
        });
        col((self.name)(index))
    }
}
