//! Files in the description of a scan.

use super::input_file::InputFile;

/// Files that are named.
const NAMED: usize = 3;

/// The first of some files, and how many there are if not all are named.
pub(crate) fn names<'a>(files: impl ExactSizeIterator<Item = &'a InputFile>) -> String {
    let all = files.len();
    let named: Vec<String> = files.take(NAMED).map(|file| file.location().to_string()).collect();
    let named = named.join(", ");
    if all > NAMED { format!("{named}, ... {all} files") } else { named }
}
