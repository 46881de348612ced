//! What becomes of rows that are wrong.

/// What becomes of a row that is no row of the format, or that holds a value that is none of its column's type.
///
/// In CSV files these are also rows with too many or too few fields, in JSON files lines that are no objects of JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadRows {
    /// The query fails, with the file, the line, the column and the text. Columns that a query does not need are not
    /// looked at.
    #[default]
    Fail,
    /// The value is null, as are fields that are not there, and all values of a line that is no JSON; fields too many are
    /// left out.
    Null,
    /// The row is left out, and counted in the description of the scan. All columns are parsed, also those that a query
    /// does not need, so that it does not depend on the query which rows there are.
    Skip,
}
