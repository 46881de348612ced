/// Runs `function`, on more stack if little is left: expressions that programs generate may be thousands of levels deep.
pub(super) fn with_stack<T>(function: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 1 << 20, function)
}
