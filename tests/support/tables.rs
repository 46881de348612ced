use polars_core::utils::accumulate_dataframes_vertical;
use quokka::prelude::*;

/// `frame` in chunks of `rows` rows, each of which is read on its own.
pub fn chunked(frame: &DataFrame, rows: usize) -> DataFrame {
    if frame.height() == 0 {
        return frame.clone();
    }
    let starts = (0..frame.height()).step_by(rows);
    accumulate_dataframes_vertical(starts.map(|start| frame.slice(start as i64, rows))).unwrap()
}

/// 200 rows: `id` 0 to 199, `key` from 13 values and nulls, `value` with nulls, `text`, `flag`, `real`.
pub fn numbers() -> DataFrame {
    let count = 200i64;
    let key: Vec<Option<i64>> = (0..count).map(|i| (i % 17 != 3).then_some(i * 7 % 13)).collect();
    let value: Vec<Option<i32>> = (0..count).map(|i| (i % 11 != 5).then_some((i * 31 % 100) as i32 - 50)).collect();
    let text: Vec<Option<String>> = (0..count).map(|i| (i % 23 != 7).then(|| format!("text {}", i % 9))).collect();
    let flag: Vec<Option<bool>> = (0..count).map(|i| (i % 19 != 4).then_some(i % 3 == 0)).collect();
    let real: Vec<f64> = (0..count).map(|i| (i * 13 % 40) as f64 / 4.0).collect();
    let id: Vec<i64> = (0..count).collect();
    let frame = df!("id" => id, "key" => key, "value" => value, "text" => text, "flag" => flag, "real" => real);
    chunked(&frame.unwrap(), 30)
}

/// 60 rows: `key` from other values than those of [`numbers`], `name`, and `value` to clash.
pub fn orders() -> DataFrame {
    let count = 60i64;
    let key: Vec<Option<i64>> = (0..count).map(|i| (i % 13 != 5).then_some(i * 5 % 20)).collect();
    let name: Vec<String> = (0..count).map(|i| format!("name {}", i % 7)).collect();
    let value: Vec<Option<i32>> = (0..count).map(|i| (i % 9 != 2).then_some((i * 17 % 30) as i32)).collect();
    chunked(&df!("key" => key, "name" => name, "value" => value).unwrap(), 11)
}
