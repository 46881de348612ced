//! From the ranges that a reader wants to the requests that fetch them.

use std::ops::Range;

/// Bytes between two ranges that are cheaper to read than a second request: a store takes about 30 ms to begin an
/// answer, in which one connection moves 1.5 to 3 MB.
pub(super) const GAP: u64 = 1 << 20;

/// Bytes of one request: at 50 to 100 MB/s the wait for its beginning is a fourth of it, and several run side by side.
pub(super) const REQUEST: u64 = 8 << 20;

/// A request, and how many of the ranges need bytes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) range: Range<u64>,
    pub(super) users: usize,
}

/// Joins ranges that lie close together, cuts those that are too long, and orders the requests as the first of their
/// ranges was wanted. Empty ranges need no request.
pub(super) fn requests(wanted: &[Range<u64>]) -> Vec<Request> {
    let mut sorted: Vec<usize> = (0..wanted.len()).filter(|range| !wanted[*range].is_empty()).collect();
    sorted.sort_by_key(|range| (wanted[*range].start, wanted[*range].end));
    // Each with the ranges in it, by their place in `wanted`.
    let mut spans: Vec<(Range<u64>, Vec<usize>)> = Vec::new();
    for index in sorted {
        let range = &wanted[index];
        match spans.last_mut() {
            Some((span, users)) if joins(span, range) => {
                span.end = span.end.max(range.end);
                users.push(index);
            },
            _ => spans.push((range.clone(), vec![index])),
        }
    }
    spans.sort_by_key(|(_, users)| users.iter().copied().min());
    let mut requests = Vec::new();
    for (span, users) in spans {
        let length = span.end - span.start;
        let step = length.div_ceil(length.div_ceil(REQUEST));
        let mut start = span.start;
        while start < span.end {
            let end = span.end.min(start + step);
            let needed = users.iter().filter(|user| wanted[**user].start < end && wanted[**user].end > start);
            requests.push(Request { range: start..end, users: needed.count() });
            start = end;
        }
    }
    requests
}

fn joins(span: &Range<u64>, next: &Range<u64>) -> bool {
    let overlaps = next.start < span.end;
    overlaps || (next.start - span.end <= GAP && next.end - span.start <= REQUEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn ranges(wanted: &[Range<u64>]) -> Vec<(Range<u64>, usize)> {
        requests(wanted).into_iter().map(|request| (request.range, request.users)).collect()
    }

    #[test]
    fn close_ranges_share_a_request_and_far_ones_do_not() {
        assert_eq!(ranges(&[0..10, 20..30, 2 * MB..2 * MB + 1]), [(0..30, 2), (2 * MB..2 * MB + 1, 1)]);
        assert_eq!(ranges(&[0..10, 10 + MB..11 + MB]), [(0..11 + MB, 2)]);
        assert_eq!(ranges(&[0..10, 11 + MB..12 + MB]), [(0..10, 1), (11 + MB..12 + MB, 1)]);
    }

    #[test]
    fn a_request_does_not_grow_beyond_its_limit() {
        assert_eq!(ranges(&[0..5 * MB, 5 * MB..9 * MB]), [(0..5 * MB, 1), (5 * MB..9 * MB, 1)]);
    }

    #[test]
    fn a_long_range_is_cut_evenly() {
        assert_eq!(ranges(&[0..9 * MB, 0..0]), [(0..9 * MB / 2, 1), (9 * MB / 2..9 * MB, 1)]);
        let cut = ranges(&[0..33 * MB, 0..0]);
        assert_eq!(cut.len(), 5);
        assert_eq!(cut.last().map(|(range, _)| range.end), Some(33 * MB));
    }

    #[test]
    fn requests_come_in_the_order_of_the_wishes() {
        assert_eq!(
            ranges(&[90 * MB..91 * MB, 0..1, 50 * MB..50 * MB + 1, 5..6]),
            [(90 * MB..91 * MB, 1), (0..6, 2), (50 * MB..50 * MB + 1, 1)]
        );
    }

    #[test]
    fn overlapping_equal_and_empty_ranges_are_counted() {
        assert_eq!(ranges(&[0..10, 0..10, 5..7, 3..3]), [(0..10, 3)]);
        assert_eq!(ranges(&[0..9 * MB, 8 * MB..10 * MB]), [(0..5 * MB, 1), (5 * MB..10 * MB, 2)]);
    }

    #[test]
    fn every_wanted_byte_is_fetched_once() {
        // A small generator of random numbers (xorshift).
        let mut state = 88_172_645_463_325_252_u64;
        let mut random = move |limit: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % limit
        };
        for _ in 0..200 {
            let wanted: Vec<_> = (0..random(20))
                .map(|_| {
                    let start = random(64 * MB);
                    start..start + random(12 * MB)
                })
                .collect();
            let mut found = requests(&wanted);
            found.sort_by_key(|request| request.range.start);
            assert!(
                found.iter().all(|request| request.range.end - request.range.start <= REQUEST && request.users > 0)
            );
            assert!(found.windows(2).all(|pair| pair[0].range.end <= pair[1].range.start));
            for range in wanted.iter().filter(|range| !range.is_empty()) {
                let inside = |request: &&Request| request.range.start < range.end && request.range.end > range.start;
                let covered: u64 = found
                    .iter()
                    .filter(inside)
                    .map(|request| request.range.end.min(range.end) - request.range.start.max(range.start))
                    .sum();
                assert_eq!(covered, range.end - range.start);
            }
        }
    }
}
