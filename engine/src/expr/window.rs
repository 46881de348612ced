use polars_expr::state::ExecutionState;
use polars_plan::dsl::{Expr, WindowMapping};

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
    pub(super) fn of<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Self {
        let mut first: Option<(&[Expr], &Option<_>, &WindowMapping)> = None;
        let mut shared = true;
        for expr in exprs {
            let mut count = 0;
            for node in expr {
                let Expr::Over { partition_by, order_by, mapping, .. } = node else { continue };
                count += 1;
                let window = (partition_by.as_slice(), order_by, mapping);
                shared &= partition_by.iter().all(|key| matches!(key, Expr::Column(_)));
                shared &= *first.get_or_insert(window) == window;
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
