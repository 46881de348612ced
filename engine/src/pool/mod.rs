//! The persistent workers and the life cycle of a query.
