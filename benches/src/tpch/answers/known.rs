//! The known answers, made by `benches/answers/make.py`.

macro_rules! answers {
    ($query:expr, $scale:literal: $($number:literal)*) => {
        match $query {
            $($number => Some(include_str!(concat!("../../../answers/sf", $scale, "/q", $number, ".csv"))),)*
            _ => None,
        }
    };
}

/// The known answer to a query at a scale factor.
pub(super) fn known_answer(query: u32, scale: f64) -> Option<&'static str> {
    if scale == 0.01 {
        answers!(query, "0.01": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22)
    } else if scale == 0.1 {
        answers!(query, "0.1": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22)
    } else if scale == 1.0 {
        // The answer to query 16 is large.
        answers!(query, "1": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 17 18 19 20 21 22)
    } else {
        None
    }
}
