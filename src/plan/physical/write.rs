//! Queries that end in files.

use std::sync::Arc;

use quokka_connectors::sink::{CommitFiles, FileSink, WriteFiles, report_schema};
use quokka_engine::partitioning::Partitioning;

use super::{Lowering, Placement, Stream};

impl Lowering<'_> {
    /// Writes the rows of `stream` where they are, or on one worker to one file; what is left is a row a file.
    pub(super) fn write(&mut self, stream: Stream, sink: &Arc<FileSink>) -> Stream {
        let writer = Arc::new(WriteFiles::new(sink.clone()));
        let written = if sink.is_single_file() && stream.placement != Placement::One {
            let stream = self.restore_order(stream, None);
            let way = self.to_one(&stream, None);
            self.exchange(stream, way, writer, report_schema())
        } else {
            self.fuse(stream, writer, report_schema())
        };
        // Also on one worker, so that only worker 0 of a cluster commits, when all have finished.
        let commit = Arc::new(CommitFiles::new(sink.clone()));
        let way = (Partitioning::Gather, self.one(0));
        let committed = self.exchange(written, way, commit, report_schema());
        self.trace_rest();
        committed
    }
}
