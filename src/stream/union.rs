//! Rows of several streams, one below the other.

use super::DataStream;
use crate::plan::logical::{LogicalPlan, Node};
use crate::plan::{ColumnMatch, UnionRule};

/// How the columns of two streams come together in [`DataStream::union_with`]. By default they must have the same names
/// and types in the same order, as for [`DataStream::union`].
///
/// | here | Polars | SQL |
/// |---|---|---|
/// | `UnionOptions::default()` | `vertical` | |
/// | `.to_supertypes()` | `vertical_relaxed` | |
/// | `.by_position().to_supertypes()` | | `UNION ALL` |
/// | `.by_name()` | | `UNION ALL CORRESPONDING` |
/// | `.diagonal()` | `diagonal` | |
/// | `.diagonal().to_supertypes()` | `diagonal_relaxed` | `UNION ALL BY NAME` |
///
/// ```
/// use quokka::prelude::*;
/// let context = Context::builder().build()?;
/// let old = context.from_df(df!("id" => [1], "price" => [10i32]).unwrap());
/// let new = context.from_df(df!("price" => [2.5f64], "shop" => ["n"], "id" => [2]).unwrap());
/// let all = old.union_with(new, UnionOptions::default().diagonal().to_supertypes()).sort(["id"], Default::default());
/// let expected = df!("id" => [1, 2], "price" => [10.0, 2.5], "shop" => [None, Some("n")]).unwrap();
/// assert_eq!(all.collect()?, expected);
/// # Ok::<(), quokka::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct UnionOptions {
    rule: UnionRule,
}

impl UnionOptions {
    /// Columns at the same place come together; those of the first stream give the names.
    pub fn by_position(mut self) -> Self {
        self.rule.columns = ColumnMatch::Position;
        self
    }

    /// Columns of one name come together, in the order of the first stream; both streams must have all of them.
    pub fn by_name(mut self) -> Self {
        self.rule.columns = ColumnMatch::Name;
        self
    }

    /// Columns of one name come together, and one that a stream does not have is null in its rows. Columns that only the
    /// second stream has come last.
    pub fn diagonal(mut self) -> Self {
        self.rule.columns = ColumnMatch::NameOrNull;
        self
    }

    /// Columns of different types are cast to one that holds the values of both, as Polars chooses it (integers and floats
    /// become floats, anything with a string becomes a string); decimals keep all their digits.
    pub fn to_supertypes(mut self) -> Self {
        self.rule.to_supertypes = true;
        self
    }
}

impl DataStream {
    /// The rows of this stream and those of `other`, which must have the same columns in the same order.
    ///
    /// Streams and holds nothing.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let (one, two) = (df!("a" => [1]).unwrap(), df!("a" => [2]).unwrap());
    /// let both = context.from_df(one).union(context.from_df(two));
    /// assert_eq!(both.sort(["a"], Default::default()).collect()?, df!("a" => [1, 2]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    #[doc(alias("concat", "vstack"))]
    pub fn union(self, other: DataStream) -> Self {
        self.united(other, UnionRule::default(), "union")
    }

    /// [`union`](Self::union) of streams whose columns differ: [`UnionOptions`] say which belong together.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let one = context.from_df(df!("a" => [1], "b" => ["x"]).unwrap());
    /// let two = context.from_df(df!("b" => ["y"], "a" => [2]).unwrap());
    /// let both = one.union_with(two, UnionOptions::default().by_name()).sort(["a"], Default::default());
    /// assert_eq!(both.collect()?, df!("a" => [1, 2], "b" => ["x", "y"]).unwrap());
    /// # Ok::<(), quokka::Error>(())
    /// ```
    #[doc(alias("concat", "diagonal"))]
    pub fn union_with(self, other: DataStream, options: UnionOptions) -> Self {
        self.united(other, options.rule, "union_with")
    }

    fn united(self, other: DataStream, rule: UnionRule, method: &'static str) -> Self {
        self.then(|plan| {
            let mut inputs = match plan.node() {
                Node::Union { inputs } => inputs.clone(),
                _ => vec![plan],
            };
            inputs.push(other.plan?);
            LogicalPlan::union_with(inputs, rule, method)
        })
    }
}
