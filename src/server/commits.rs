//! The thread on which commits run.
//!
//! A commit is a conversation of some ten statements with the database. Among the tasks of hundreds of requests and attempts each
//! answer waited for its turn, and these waits were more than half of a commit's time; whoever holds the only writer must not queue.

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of one thread, for committers alone. What still runs there when this is dropped is given up.
pub(super) struct CommitThread(Option<Runtime>);

impl CommitThread {
    /// Starts the thread. Where nothing on it needs sockets it waits without them, and is woken for less.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(with_sockets: bool) -> std::io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("stepwell-commit").enable_time();
        if with_sockets {
            builder.enable_io();
        }
        Ok(Self(Some(builder.build()?)))
    }

    /// Where to spawn; none once it is over.
    pub fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for CommitThread {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // It may be dropped by a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}
