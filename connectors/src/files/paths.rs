//! From files, directories, globs and addresses to the list of files.

use std::io;
use std::path::{Path, PathBuf};

use super::error::FilesError;
use super::input_file::InputFile;
use super::side_by_side::{side_by_side, threads};
use crate::store::{Location, Store, StoreError, StoreErrorKind, StoreOptions};

/// How the files of a format are known in a directory.
pub(crate) struct Format {
    /// Its name.
    pub(crate) name: &'static str,
    /// Names end in one of these.
    pub(crate) suffixes: &'static [&'static str],
}

/// Lists the files behind `paths`, which are paths and addresses of files, directories and globs: in the order of `paths`,
/// and sorted by name inside each, so that every process of a cluster gets the same list. Of a directory only the files of
/// the format count.
///
/// # Errors
/// A path that leads to no file, or cannot be read.
pub(crate) fn expand(
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
    options: &StoreOptions,
    format: &Format,
) -> Result<Vec<InputFile>, FilesError> {
    let locations = paths.into_iter().map(|path| location(path.as_ref())).collect::<Result<Vec<_>, _>>()?;
    let are_local = locations.iter().all(|location| location.as_path().is_some());
    let threads = if are_local { 1 } else { threads(locations.len(), false) };
    let found = side_by_side(locations.len(), threads, |index| match locations.get(index) {
        Some(location) => list(location, options, format),
        None => Ok(Vec::new()),
    })?;
    let files: Vec<InputFile> = found.into_iter().flatten().collect();
    if files.is_empty() {
        return Err(FilesError::NoPath);
    }
    Ok(files)
}

fn location(path: &Path) -> Result<Location, FilesError> {
    match path.to_str().filter(|text| !text.is_empty()) {
        Some(text) => Ok(Location::parse(text)?),
        None => Ok(Location::from(path)),
    }
}

fn list(location: &Location, options: &StoreOptions, format: &Format) -> Result<Vec<InputFile>, FilesError> {
    let store = Store::open(location, options)?;
    let refused = |error| not_listed(location, error);
    let mut found = Vec::new();
    for file in store.list(location).map_err(refused)? {
        let file = file.map_err(refused)?;
        let name = file.location.key();
        // What was named itself, or by a glob, may have any name.
        let is_in_directory = file.below_root.len() < name.len() || location.key().is_empty();
        if !is_in_directory || format.suffixes.iter().any(|suffix| name.ends_with(suffix)) {
            found.push(InputFile::new(file, store.clone()));
        }
    }
    if found.is_empty() {
        let suffixes = format.suffixes.iter().map(|suffix| format!("`{suffix}`")).collect::<Vec<_>>().join(" or ");
        return Err(FilesError::EmptyDirectory { path: location.to_path(), format: format.name, suffixes });
    }
    Ok(found)
}

fn not_listed(location: &Location, error: StoreError) -> FilesError {
    let is_local = location.as_path().is_some();
    match error.kind() {
        StoreErrorKind::NotFound if is_local && location.is_glob() => {
            FilesError::NoMatch { pattern: location.to_string() }
        },
        StoreErrorKind::Invalid => error.into(),
        _ if is_local => {
            let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            FilesError::Io { path: PathBuf::from(error.url()), source: io::Error::new(error.io_kind(), reason) }
        },
        _ => error.into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use quokka_engine::error::ErrorKind;

    use super::*;
    use crate::testing::Folder;

    const PARQUET: Format = Format { name: "Parquet", suffixes: &[".parquet"] };

    fn expand(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Vec<InputFile>, FilesError> {
        super::expand(paths, &StoreOptions::default(), &PARQUET)
    }

    fn tree(files: &[&str]) -> Folder {
        let root = Folder::new();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn names(files: &[InputFile]) -> Vec<String> {
        files.iter().map(|file| file.below_root().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_directory_is_searched_at_every_depth_without_hidden_names() {
        let files = ["b.parquet", "a/2.parquet", "a/1.parquet", "_p=1/x.parquet", "a.txt", "_SUCCESS.parquet"];
        let hidden = ["_delta_log/1.parquet", ".hidden.parquet", ".git/x.parquet", "noext"];
        let root = tree(&[&files[..], &hidden[..]].concat());
        let found = expand([root.path()]).unwrap();
        assert_eq!(names(&found), ["_p=1/x.parquet", "a/1.parquet", "a/2.parquet", "b.parquet"]);
        assert!(found.iter().all(|file| file.path().is_file()));
    }

    #[test]
    fn paths_keep_the_order_in_which_they_were_named() {
        let root = tree(&["b.parquet", "d/2.parquet", "d/1.parquet", "a.parquet"]);
        let at = |name: &str| root.path().join(name);
        let found = expand([at("b.parquet"), at("d"), at("a.parquet")]).unwrap();
        let expected = [at("b.parquet"), at("d/1.parquet"), at("d/2.parquet"), at("a.parquet")];
        assert_eq!(found.into_iter().map(|file| file.path()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn globs_match_files_only() {
        let root = tree(&["x/2.parquet", "x/1.parquet", "y/3.parquet", "y/_4.parquet", "y/z.parquet/5.parquet"]);
        let found = expand([root.path().join("*/*.parquet")]).unwrap();
        let found: Vec<_> =
            found.iter().map(|file| file.path().strip_prefix(root.path()).unwrap().to_owned()).collect();
        assert_eq!(found, ["x/1.parquet", "x/2.parquet", "y/3.parquet"].map(PathBuf::from));
    }

    #[test]
    fn an_existing_file_is_not_taken_for_a_glob() {
        let root = tree(&["[a].parquet", "a.parquet"]);
        let path = root.path().join("[a].parquet");
        let found = expand([&path]).unwrap();
        assert_eq!((found.len(), found[0].path(), found[0].below_root()), (1, path.clone(), path.as_path()));
    }

    #[test]
    fn what_cannot_be_found_is_named() {
        let root = tree(&["a.txt"]);
        let error = |path: PathBuf| expand([path]).unwrap_err();
        assert!(matches!(error(root.path().join("no.parquet")), FilesError::Io { .. }));
        assert!(matches!(error(root.path().to_owned()), FilesError::EmptyDirectory { .. }));
        assert!(matches!(error(root.path().join("*.parquet")), FilesError::NoMatch { .. }));
        assert!(matches!(error(root.path().join("a***b")), FilesError::Store(_)));
        assert_eq!(error(root.path().join("a***b")).kind(), ErrorKind::InvalidQuery);
        assert!(matches!(expand(Vec::<PathBuf>::new()).unwrap_err(), FilesError::NoPath));
    }
}
