//! Build rows on some of the workers.

use super::keys::frames;
use super::*;

#[test]
fn build_rows_are_found_on_the_workers_that_have_them() {
    let (left, right) = frames(&["string"], (40, 30));
    for how in ALL.into_iter().filter(|how| *how != JoinType::Cross) {
        for build in [Side::Left, Side::Right] {
            for channels in [&[0][..], &[2], &[0, 2], &[1, 2, 3]] {
                let channels = Channels::new(channels.iter().copied(), 4);
                let options = JoinOptions::new(how).with_build(build).with_build_channels(channels.clone());
                let expected = oracle(&left, &right, (&["k0"], &["k0"]), &options);
                let cluster = Cluster { workers: 4, batch_rows: 7 };
                let result = run(&left, &right, (&["k0"], &["k0"]), &options, cluster);
                assert_same_rows(&result, &expected, &format!("{how} {build} {channels}"));
            }
        }
    }
}
