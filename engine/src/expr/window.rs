use polars_expr::state::ExecutionState;
use polars_plan::dsl::{Expr, WindowMapping};
use polars_plan::plans::{AExpr, ArenaExprIter, node_to_expr};

use super::lower::Lowered;

/// How `over` expressions of a projection share the groups that they compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Windows {
    /// There are none.
    None,
    /// All have the same keys: grouped once a batch.
    Shared,
    /// Each groups for itself.
    Separate,
}

impl Windows {
    /// Polars caches groups under the *names* of the keys alone, so sharing is sound only if the keys, their order and
    /// the mapping are the same everywhere, and Polars itself never shares inside one expression.
    pub(super) fn of(lowered: &Lowered) -> Self {
        let to_expr = |node| node_to_expr(node, &lowered.arena);
        let mut first: Option<(Vec<Expr>, Option<_>, WindowMapping)> = None;
        let mut shared = true;
        for output in &lowered.outputs {
            let mut count = 0;
            for (_, node) in output.nodes.iter().flat_map(|node| lowered.arena.iter(*node)) {
                let AExpr::Over { partition_by, order_by, mapping, .. } = node else { continue };
                count += 1;
                let keys: Vec<Expr> = partition_by.iter().map(|key| to_expr(*key)).collect();
                shared &= keys.iter().all(|key| matches!(key, Expr::Column(_)));
                let order_by = order_by.as_ref().map(|(order_by, options)| (to_expr(*order_by), *options));
                let window = (keys, order_by, *mapping);
                shared &= first.as_ref().is_none_or(|first| *first == window);
                first.get_or_insert(window);
            }
            shared &= count <= 1;
        }
        match first {
            None => Windows::None,
            Some(_) if shared => Windows::Shared,
            Some(_) => Windows::Separate,
        }
    }

    /// The state for one evaluation: groups must not survive the batch that they belong to.
    pub(super) fn state(self, shared: &ExecutionState) -> ExecutionState {
        let mut state = shared.split();
        state.insert_has_window_function_flag();
        if self == Windows::Separate {
            state.remove_cache_window_flag();
        }
        state
    }
}
