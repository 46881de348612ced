//! Rows that are drawn by chance.

use polars_core::prelude::IdxSize;
use quokka_operators::sample::DrawSize;

use super::DataStream;
use crate::plan::SampleRule;

/// How [`DataStream::sample_n`] and [`DataStream::sample_frac`] draw rows: by default each row at most once, in any order,
/// and with the seed 0.
///
/// ```
/// use quokka::prelude::*;
/// let options = SampleOptions::default().with_seed(42).with_replacement(true);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct SampleOptions {
    rule: SampleRule,
}

impl SampleOptions {
    /// Another seed draws other rows. It is 0 by default, and not a number by chance, as all processes of a cluster must draw
    /// the same rows.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.rule.seed = seed;
        self
    }

    /// Whether a row may be drawn several times.
    pub fn with_replacement(mut self, with_replacement: bool) -> Self {
        self.rule.with_replacement = with_replacement;
        self
    }

    /// Whether the rows come in an order by chance. Otherwise they come in any order, but rarely a random one.
    pub fn with_shuffle(mut self, shuffle: bool) -> Self {
        self.rule.shuffle = shuffle;
        self
    }
}

impl DataStream {
    /// `n` rows drawn by chance; each set of `n` rows is as likely as any other.
    ///
    /// What is drawn depends on the seed and the number of each row in its table (before elementwise filters), or in the sort
    /// that comes last: it is the same for any number of workers and any size of batches. Rows of joins and group-bys have no
    /// numbers, so that other rows may be drawn whenever they come in another order.
    ///
    /// Blocks, and holds up to `2 n` rows on each worker. [`with_row_index`](Self::with_row_index) tells how rows are
    /// numbered.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("a" => (0..1000).collect::<Vec<i32>>()).unwrap());
    /// let sample = stream.clone().sample_n(10, SampleOptions::default().with_seed(3)).collect()?;
    /// assert_eq!(sample.height(), 10);
    /// assert_eq!(stream.sample_n(10, SampleOptions::default().with_seed(3)).collect()?, sample);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// The query fails if there are fewer rows, or none to draw from again and again.
    #[doc(alias = "sample")]
    pub fn sample_n(self, n: IdxSize, options: SampleOptions) -> Self {
        self.then(|plan| plan.sample(DrawSize::Rows(n as usize), options.rule, "sample_n"))
    }

    /// About a share of the rows: each row is drawn with the probability `fraction`, whatever becomes of the others. With
    /// replacement each row is drawn `fraction` times in the mean (the numbers follow Poisson's distribution).
    ///
    /// The number of rows is not exactly that share, as it is in Polars: that would take all rows to be counted before the
    /// first one is sent. [`sample_n`](Self::sample_n) tells what the rows depend on.
    ///
    /// Streams and holds nothing; blocks and holds the sample if it is to be shuffled.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().workers(2).build()?;
    /// let stream = context.from_df(df!("a" => (0..10_000).collect::<Vec<i32>>()).unwrap());
    /// let sample = stream.sample_frac(0.1, SampleOptions::default()).collect()?;
    /// assert!((900..1100).contains(&sample.height()));
    /// # Ok::<(), quokka::Error>(())
    /// ```
    ///
    /// # Errors
    /// A fraction below 0, and one above 1 unless with replacement.
    #[doc(alias("sample", "tablesample", "bernoulli"))]
    pub fn sample_frac(self, fraction: f64, options: SampleOptions) -> Self {
        self.then(|plan| plan.sample(DrawSize::Share(fraction), options.rule, "sample_frac"))
    }
}
