//! Exact decimal arithmetic, in place of Polars'.
//!
//! Polars 0.55 multiplies and divides decimals to the larger of the two scales, which loses digits, rounds half to even,
//! wraps around in sums, computes means in floats, and is many times slower than necessary. Here an expression is
//! rewritten before Polars sees it:
//!
//! | operation | type of the result, with `p` digits, `s` of them behind the point |
//! |---|---|
//! | `a + b`, `a - b` | `s = max(s1, s2)`, and one digit more than the larger operand has before the point |
//! | `a * b` | `p1 + p2` digits, `s = s1 + s2` |
//! | `a / b` | `s = max(s1, min(s1 + 6, 12))`; `p1 - s1 + s2` digits before the point |
//! | `a // b`, `a % b` | `s = 0`; `s = max(s1, s2)`. The quotient is rounded down, the remainder has the sign of `b` |
//! | `-a`, `min`, `max`, `first`, `last` | as `a` |
//! | `sum`, `cum_sum` | 38 digits, `s` |
//! | `mean` | 38 digits, `max(s, min(s + 6, 12))` |
//! | `when`, `coalesce`, `fill_null`, `min_horizontal`, `clip`, ... | a type that holds the values of all inputs |
//!
//! The rules for scales are those of Snowflake
//! (<https://docs.snowflake.com/en/sql-reference/operators-arithmetic>). A type never has more than 38 digits; a scale of
//! more than 38 is an error of the query. Results are exact or rounded half away from zero.
//!
//! * An integer that meets a decimal counts as a decimal without a fraction; a literal integer has as many digits as it
//!   is written with. With a float, all become floats, but a comparison with a float *literal* of at most 15 digits, such
//!   as `0.05`, compares with exactly that decimal.
//! * Comparisons, `is_between` and `is_in` are exact whatever the scales are.
//! * A value of 10^38 or more is an error of kind [`Overflow`](crate::error::ErrorKind::Overflow) that names the
//!   expression; so is a value that does not fit a strict cast. A cast that is not strict gives null.
//! * Division by zero is an error of kind [`Compute`](crate::error::ErrorKind::Compute). (For integers and floats
//!   Polars' null and infinity stay.)
//! * Everything else (`round`, `median`, casts to other types, ...) is Polars'.
//!
//! Columns of at most 18 digits lie in batches as 64-bit integers ([`physical`](crate::physical)). Expressions are typed on
//! Polars' types and evaluated on those integers: arithmetic reads either form; comparisons, `when` and what else chooses
//! among values work on the integers; wherever Polars needs the decimals, they are widened.

mod column;
mod function;
mod integer;
mod literal;
mod program;
mod rewrite;
#[cfg(test)]
mod tests;
mod types;

pub(super) use function::Computation;
pub use function::mean_from_sum_count;
pub(super) use rewrite::{Columns, Form, Rewritten, narrowed, rewrite};
pub use types::{mean_dtype, multiply_dtype, sum_dtype};
