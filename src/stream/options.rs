//! How a query is shown while it runs.

use super::DataStream;

impl DataStream {
    /// Gives the query a name, which its bar on the terminal and its spans have; of a stream that is joined with others, the
    /// name of the left one counts.
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap()).named("two rows");
    /// assert_eq!(stream.collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.context = self.context.named(name.into());
        self
    }

    /// Shows no bar on the terminal while the query runs; see [`ContextBuilder::quiet`](crate::ContextBuilder::quiet).
    ///
    /// ```
    /// # use quokka::prelude::*;
    /// # let context = Context::builder().build()?;
    /// let stream = context.from_df(df!("a" => [1, 2]).unwrap()).quiet();
    /// assert_eq!(stream.collect()?.height(), 2);
    /// # Ok::<(), quokka::Error>(())
    /// ```
    pub fn quiet(mut self) -> Self {
        self.context = self.context.quiet();
        self
    }
}
