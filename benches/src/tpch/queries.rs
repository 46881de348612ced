//! The queries, one file each, as a user writes them: joins in the order of the SQL text, its conditions as one filter,
//! no column picked by hand.

mod literals;
mod q01;
mod q02;
mod q03;
mod q04;
mod q05;
mod q06;
mod q07;
mod q08;
mod q09;
mod q10;
mod q11;
mod q12;
mod q13;
mod q14;
mod q15;
mod q16;
mod q17;
mod q18;
mod q19;
mod q20;
mod q21;
mod q22;

use quokka::DataStream;

use super::tables::Tables;

/// A query of the benchmark.
pub struct Query {
    /// Its number in the specification.
    pub number: u32,
    /// Builds it. Opens the tables it reads.
    pub build: fn(&Tables) -> quokka::Result<DataStream>,
}

/// All queries, in the order of their numbers.
pub const QUERIES: [Query; 22] = [
    Query { number: 1, build: q01::query },
    Query { number: 2, build: q02::query },
    Query { number: 3, build: q03::query },
    Query { number: 4, build: q04::query },
    Query { number: 5, build: q05::query },
    Query { number: 6, build: q06::query },
    Query { number: 7, build: q07::query },
    Query { number: 8, build: q08::query },
    Query { number: 9, build: q09::query },
    Query { number: 10, build: q10::query },
    Query { number: 11, build: q11::query },
    Query { number: 12, build: q12::query },
    Query { number: 13, build: q13::query },
    Query { number: 14, build: q14::query },
    Query { number: 15, build: q15::query },
    Query { number: 16, build: q16::query },
    Query { number: 17, build: q17::query },
    Query { number: 18, build: q18::query },
    Query { number: 19, build: q19::query },
    Query { number: 20, build: q20::query },
    Query { number: 21, build: q21::query },
    Query { number: 22, build: q22::query },
];
