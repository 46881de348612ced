//! From files, directories and globs to the list of files.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::error::FilesError;

/// A file, and the part of its path below the directory that the user named (the whole path for a file or a glob).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath {
    pub(crate) path: PathBuf,
    pub(crate) below_root: PathBuf,
}

/// How the files of a format are known in a directory.
pub(crate) struct Format {
    /// Its name.
    pub(crate) name: &'static str,
    /// Names end in one of these.
    pub(crate) suffixes: &'static [&'static str],
}

impl Format {
    fn has(&self, name: &OsStr) -> bool {
        let name = name.as_encoded_bytes();
        self.suffixes.iter().any(|suffix| name.ends_with(suffix.as_bytes()))
    }
}

/// Lists the files behind `paths`: in the order of `paths`, and sorted by path inside each, so that every process of a
/// cluster gets the same list.
pub(crate) fn expand(
    paths: impl IntoIterator<Item = impl AsRef<Path>>,
    format: &Format,
) -> Result<Vec<FilePath>, FilesError> {
    let mut files = Vec::new();
    for path in paths {
        let path = path.as_ref();
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => expand_directory(path, format, &mut files)?,
            Ok(_) => files.push(FilePath { path: path.to_owned(), below_root: path.to_owned() }),
            // A file name may hold the characters of a glob: what exists is never taken for one.
            Err(error) => match glob_pattern(path) {
                Some(pattern) if error.kind() == io::ErrorKind::NotFound => expand_glob(pattern, &mut files)?,
                _ => return Err(FilesError::Io { path: path.to_owned(), source: error }),
            },
        }
    }
    if files.is_empty() {
        return Err(FilesError::NoPath);
    }
    Ok(files)
}

fn glob_pattern(path: &Path) -> Option<&str> {
    path.to_str().filter(|path| path.contains(['*', '?', '[']))
}

fn expand_directory(root: &Path, format: &Format, files: &mut Vec<FilePath>) -> Result<(), FilesError> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let refused = |source| FilesError::Io { path: folder.clone(), source };
        for entry in folder.read_dir().map_err(refused)? {
            let entry = entry.map_err(refused)?;
            let (name, path) = (entry.file_name(), entry.path());
            if is_hidden(&name) {
                continue;
            }
            let metadata = path.metadata().map_err(|source| FilesError::Io { path: path.clone(), source })?;
            if metadata.is_dir() {
                folders.push(path);
            } else if format.has(&name) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        let suffixes = format.suffixes.iter().map(|suffix| format!("`{suffix}`")).collect::<Vec<_>>().join(" or ");
        return Err(FilesError::EmptyDirectory { path: root.to_owned(), format: format.name, suffixes });
    }
    found.sort();
    files.extend(found.into_iter().map(|path| {
        let below_root = path.strip_prefix(root).unwrap_or(&path).to_owned();
        FilePath { path, below_root }
    }));
    Ok(())
}

/// Names that start with `.` or `_` are bookkeeping of the tools that write tables (`_SUCCESS`, `_delta_log`), unless
/// they are the folder of a partition key with such a name.
fn is_hidden(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}

fn expand_glob(pattern: &str, files: &mut Vec<FilePath>) -> Result<(), FilesError> {
    let matches =
        glob::glob(pattern).map_err(|source| FilesError::InvalidGlob { pattern: pattern.to_owned(), source })?;
    let mut found = Vec::new();
    for path in matches {
        let path = path.map_err(|error| FilesError::Io { path: error.path().to_owned(), source: error.into() })?;
        let hidden = path.file_name().is_none_or(is_hidden);
        if !hidden && path.is_file() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(FilesError::NoMatch { pattern: pattern.to_owned() });
    }
    found.sort();
    files.extend(found.into_iter().map(|path| FilePath { below_root: path.clone(), path }));
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::Folder;

    const PARQUET: Format = Format { name: "Parquet", suffixes: &[".parquet"] };

    fn expand(paths: impl IntoIterator<Item = impl AsRef<Path>>) -> Result<Vec<FilePath>, FilesError> {
        super::expand(paths, &PARQUET)
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

    fn names(files: &[FilePath]) -> Vec<String> {
        files.iter().map(|file| file.below_root.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_directory_is_searched_at_every_depth_without_hidden_names() {
        let files = ["b.parquet", "a/2.parquet", "a/1.parquet", "_p=1/x.parquet", "a.txt", "_SUCCESS.parquet"];
        let hidden = ["_delta_log/1.parquet", ".hidden.parquet", ".git/x.parquet", "noext"];
        let root = tree(&[&files[..], &hidden[..]].concat());
        let found = expand([root.path()]).unwrap();
        assert_eq!(names(&found), ["_p=1/x.parquet", "a/1.parquet", "a/2.parquet", "b.parquet"]);
        assert!(found.iter().all(|file| file.path.is_file()));
    }

    #[test]
    fn paths_keep_the_order_in_which_they_were_named() {
        let root = tree(&["b.parquet", "d/2.parquet", "d/1.parquet", "a.parquet"]);
        let at = |name: &str| root.path().join(name);
        let found = expand([at("b.parquet"), at("d"), at("a.parquet")]).unwrap();
        let expected = [at("b.parquet"), at("d/1.parquet"), at("d/2.parquet"), at("a.parquet")];
        assert_eq!(found.into_iter().map(|file| file.path).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn globs_match_files_only() {
        let root = tree(&["x/2.parquet", "x/1.parquet", "y/3.parquet", "y/_4.parquet", "y/z.parquet/5.parquet"]);
        let found = expand([root.path().join("*/*.parquet")]).unwrap();
        let found: Vec<_> = found.iter().map(|file| file.path.strip_prefix(root.path()).unwrap()).collect();
        assert_eq!(found, ["x/1.parquet", "x/2.parquet", "y/3.parquet"].map(Path::new));
    }

    #[test]
    fn an_existing_file_is_not_taken_for_a_glob() {
        let root = tree(&["[a].parquet", "a.parquet"]);
        let path = root.path().join("[a].parquet");
        assert_eq!(expand([&path]).unwrap(), [FilePath { path: path.clone(), below_root: path }]);
    }

    #[test]
    fn what_cannot_be_found_is_named() {
        let root = tree(&["a.txt"]);
        let error = |path: PathBuf| expand([path]).unwrap_err();
        assert!(matches!(error(root.path().join("no.parquet")), FilesError::Io { .. }));
        assert!(matches!(error(root.path().to_owned()), FilesError::EmptyDirectory { .. }));
        assert!(matches!(error(root.path().join("*.parquet")), FilesError::NoMatch { .. }));
        assert!(matches!(error(root.path().join("a***b")), FilesError::InvalidGlob { .. }));
        assert!(matches!(expand(Vec::<PathBuf>::new()).unwrap_err(), FilesError::NoPath));
    }
}
