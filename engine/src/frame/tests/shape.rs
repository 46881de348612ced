//! Cutting frames to length.

use polars_core::df;
use proptest::prelude::*;

use super::strategies::frame;
use super::*;
use crate::frame::{FrameError, split};

fn together(parts: &[DataFrame]) -> DataFrame {
    let (first, rest) = parts.split_first().unwrap();
    let mut all = first.clone();
    for part in rest {
        all.vstack_mut(part).unwrap();
    }
    all
}

proptest! {
    #[test]
    fn parts_are_short_and_make_the_whole(frame in frame(), max_bytes in 0..4000usize) {
        let parts = split(&frame, max_bytes).unwrap();
        assert_same(&together(&parts), &frame);
        for part in &parts {
            assert!(part.height() <= 1 || part.width() == 0 || FrameEncoder::new(part).unwrap().len() <= max_bytes);
        }
    }
}

#[test]
fn a_frame_that_fits_stays_whole() {
    let frame = df!("x" => (0..100i64).collect::<Vec<_>>()).unwrap();
    let length = FrameEncoder::new(&frame).unwrap().len();
    assert_eq!(split(&frame, length).unwrap().len(), 1);
    assert_eq!(split(&frame, length - 1).unwrap().len(), 2);
    assert_eq!(split(&frame, 1).unwrap().len(), 100);
    assert_eq!(split(&DataFrame::empty_with_height(100), 1).unwrap().len(), 1);
}

#[test]
fn one_long_row_is_a_part_of_its_own() {
    let mut values = vec!["short".to_string(); 50];
    values[20] = "x".repeat(10_000);
    let frame = df!("x" => values).unwrap();
    let parts = split(&frame, 500).unwrap();
    assert_same(&together(&parts), &frame);
    let long: Vec<_> = parts.iter().filter(|part| FrameEncoder::new(part).unwrap().len() > 500).collect();
    assert_eq!(long.iter().map(|part| part.height()).collect::<Vec<_>>(), [1]);
}

#[test]
fn rows_without_bytes_are_bounded() {
    let rows = (1 << 26) + 1;
    let frame = single(Series::new_null("x".into(), rows));
    assert!(matches!(FrameEncoder::new(&frame), Err(FrameError::TooLarge { .. })));
    let parts = split(&frame, 1 << 20).unwrap();
    assert_eq!(parts.iter().map(|part| part.height()).sum::<usize>(), rows);
    parts.iter().for_each(assert_round_trip);
}
