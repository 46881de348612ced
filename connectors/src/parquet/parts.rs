//! Large row groups are cut into parts.

use super::scan::Table;
use super::source::RowGroup;
use crate::request::Request;

/// Splits that a table is cut into at least, if it is large enough: work for all workers of a large machine. Every process
/// must come to the same splits, so the number does not depend on the machine.
const SPLITS: usize = 64;
/// Rows of a part of a row group at least: each part decodes the dictionaries of the row group again, which must not weigh
/// much.
const PART_ROWS: usize = 256 * 1024;

/// Cuts large row groups of a table that has few of them into parts. A page is decompressed by each part that has rows of
/// it, and some writers make one page of a whole row group: parts are as long as the pages, of which `page_rows` tells the
/// rows, or a multiple of that.
pub(super) fn cut(row_groups: Vec<RowGroup>, page_rows: impl Fn(&RowGroup) -> usize) -> Vec<RowGroup> {
    let all_rows = row_groups.iter().fold(0, |rows: usize, row_group| rows.saturating_add(row_group.rows));
    let share = all_rows.div_ceil(SPLITS).max(PART_ROWS);
    let parts = row_groups.into_iter().flat_map(|row_group| {
        let rows = match row_group.rows / share {
            0 | 1 => row_group.rows,
            parts => {
                let page_rows = page_rows(&row_group).max(1);
                let rows = row_group.rows.div_ceil(parts).checked_next_multiple_of(page_rows);
                rows.unwrap_or(row_group.rows)
            },
        };
        let starts = (0..row_group.rows.max(1)).step_by(rows.max(1));
        starts.map(move |start| RowGroup { start, rows: rows.min(row_group.rows - start), ..row_group.clone() })
    });
    parts.collect()
}

impl Table {
    /// Rows of the longest page that a column of `request` starts with in a row group.
    pub(super) fn page_rows(&self, request: &Request, row_group: &RowGroup) -> usize {
        let Some(file) = self.files.get(row_group.file) else { return 0 };
        let columns = request.columns();
        columns.iter().filter_map(|column| file.page_rows(row_group.index, column)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(rows: &[usize], page_rows: usize) -> Vec<(usize, usize, usize)> {
        let row_group =
            |(index, rows): (usize, &usize)| RowGroup { file: 0, index, start: 0, rows: *rows, conjuncts: Vec::new() };
        let parts = cut(rows.iter().enumerate().map(row_group).collect(), |_| page_rows);
        parts.into_iter().map(|part| (part.index, part.start, part.rows)).collect()
    }

    #[test]
    fn large_row_groups_of_a_table_of_few_are_cut() {
        assert_eq!(parts(&[], 1), []);
        assert_eq!(parts(&[0, 1, 500_000], 1), [(0, 0, 0), (1, 0, 1), (2, 0, 500_000)]);
        assert_eq!(parts(&[600_001, 5], 1), [(0, 0, 300_001), (0, 300_001, 300_000), (1, 0, 5)]);
        assert_eq!(parts(&[100_000_000], 20_000).len(), 64);
        assert_eq!(parts(&[1 << 20; 1000], 1).len(), 1000);
    }

    #[test]
    fn parts_end_where_pages_do() {
        assert_eq!(parts(&[1_000_000], 1_000_000), [(0, 0, 1_000_000)]);
        assert_eq!(parts(&[1_000_000], 400_000), [(0, 0, 400_000), (0, 400_000, 400_000), (0, 800_000, 200_000)]);
        assert_eq!(parts(&[600_000], 200_000), [(0, 0, 400_000), (0, 400_000, 200_000)]);
        assert_eq!(parts(&[600_000], usize::MAX), [(0, 0, 600_000)]);
    }
}
