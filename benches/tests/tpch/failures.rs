//! What the program says and returns when it cannot do its work.

use std::fs;

use crate::answers::data;
use crate::process::run;
use crate::temporary::TemporaryFolder;

#[test]
fn wrong_arguments_end_with_2() {
    for (arguments, message) in [
        (&["--nonsense"][..], "nonsense"),
        (&["--scale", "many"], "`--scale many`: expected a number above 0"),
        (&["--queries", "0"], "there is no query `0`"),
        (&["--runs"], "runs"),
        (&["-w", "0"], "-w 0"),
        (&["-p", "1"], "`-p 1`"),
        (&["-n", "2", "-h", "no-such-file"], "no-such-file"),
    ] {
        let finished = run(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(
            finished.err.starts_with("tpch: ") && finished.err.contains(message),
            "{arguments:?}: {}",
            finished.err
        );
        assert_eq!(finished.out, "");
    }
}

#[test]
fn help_lists_all_flags() {
    let finished = run(&["--help"]);
    assert_eq!((finished.code, finished.err.as_str()), (Some(0), ""));
    for flag in [
        "--scale",
        "--data",
        "--format",
        "--queries",
        "--runs",
        "--explain",
        "--profile",
        "--svg",
        "--json",
        "--out",
        "-w",
        "-n",
        "-p",
        "-h",
    ] {
        assert!(finished.out.contains(flag), "{flag}: {}", finished.out);
    }
}

#[test]
fn a_data_folder_that_is_not_there() {
    let folder = TemporaryFolder::new();
    let missing = folder.join("missing");
    let finished = run(&["--data", &missing, "-w", "1"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.err.contains(&missing), "{}", finished.err);
    assert!(!folder.path().join("missing").exists(), "nothing is created");
}

/// A copy of the tables, to damage.
fn copy_of_data() -> TemporaryFolder {
    let (data, folder) = (data(), TemporaryFolder::new());
    for entry in fs::read_dir(data.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

#[test]
fn a_table_that_is_not_parquet() {
    let folder = copy_of_data();
    let orders = folder.join("orders.parquet");
    fs::write(&orders, "o_orderkey,o_custkey\n1,2\n").unwrap();
    let finished = run(&["--scale", "0.01", "--data", folder.text(), "--queries", "4,6", "-w", "2"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.err.contains("query 4") && finished.err.contains(&orders), "{}", finished.err);
    assert!(finished.err.contains("1 of 2 queries failed"), "the others still run: {}", finished.err);
}

#[test]
fn a_table_without_a_column_that_a_query_needs() {
    let folder = copy_of_data();
    fs::copy(folder.join("nation.parquet"), folder.join("lineitem.parquet")).unwrap();
    let finished = run(&["--scale", "0.01", "--data", folder.text(), "--queries", "6", "-w", "2"]);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.err.contains("unknown column `l_"), "{}", finished.err);
}
