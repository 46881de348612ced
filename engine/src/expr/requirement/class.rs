use polars_plan::dsl::Expr;

use super::Requirement;

/// The rows that a value depends on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Need {
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
pub(super) enum Shape {
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
pub(super) struct Class {
    pub(super) need: Need,
    pub(super) shape: Shape,
}

impl Need {
    pub(super) fn is_ordered(&self) -> bool {
        matches!(self, Need::Ordered | Need::Window { ordered: true, .. })
    }

    /// All rows, in order if this needs an order.
    pub(super) fn all(&self) -> Need {
        if self.is_ordered() { Need::Ordered } else { Need::All }
    }

    pub(super) fn join(self, other: Need) -> Need {
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
    /// Values that depend on the order of the input.
    pub(super) fn ordered(shape: Shape) -> Class {
        Class { need: Need::Ordered, shape }
    }

    pub(super) fn into_requirement(self) -> Requirement {
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

    pub(super) fn is_constant(&self) -> bool {
        self.need == Need::Rows && matches!(self.shape, Shape::Constant | Shape::Sequence)
    }

    /// One value from all values of this, whatever their order.
    pub(super) fn aggregated(self) -> Class {
        if self.is_constant() {
            return Class { need: Need::Rows, shape: Shape::Constant };
        }
        Class { need: self.need.all(), shape: Shape::Scalar }
    }

    /// One value from all values of this in their order.
    pub(super) fn aggregated_in_order(self) -> Class {
        if self.shape == Shape::Sequence { self.aggregated() } else { Class::ordered(Shape::Scalar) }
    }

    /// Values of this without those of some rows, or several for a row.
    pub(super) fn loosened(self) -> Class {
        let shape = if self.shape == Shape::Sequence { Shape::Sequence } else { Shape::Bag };
        let need = match self.need {
            need @ Need::Window { .. } => need.all(),
            need => need,
        };
        Class { need, shape }
    }

    /// Value by value with `other`.
    pub(super) fn zip(self, other: Class) -> Class {
        use Shape::{Aligned, Constant, Scalar};
        let need = self.need.join(other.need);
        let shape = match (self.shape, other.shape) {
            (Constant, shape) | (shape, Constant) => shape,
            (Scalar, shape) | (shape, Scalar) => shape,
            (left, right) if left == right && left != Shape::Bag => left,
            // Values that are paired by position.
            _ => return Class::ordered(Aligned),
        };
        Class { need, shape }
    }
}
