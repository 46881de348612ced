//! Polars expressions, compiled once a plan.
