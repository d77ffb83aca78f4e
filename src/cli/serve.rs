//! `stepwell serve` and `stepwell worker`.

use std::future::Future;

use crate::server::{ServeError, Server, Worker};

use super::Exit;
use super::args::{ServeArgs, WorkerArgs};
use super::output;

/// Serves until told to stop.
pub(super) fn run(args: &ServeArgs) -> Exit {
    match args.settings.load() {
        Ok(loaded) => block_on(Server::new(loaded.config).serve()),
        Err(errors) => output::usage(&errors, None),
    }
}

/// Works until told to stop.
pub(super) fn run_worker(args: &WorkerArgs) -> Exit {
    match args.load() {
        Ok(loaded) => block_on(Worker::new(loaded.config).run()),
        Err(errors) => output::usage(&errors, None),
    }
}

fn block_on(work: impl Future<Output = Result<(), ServeError>>) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&format!("can't start threads: {error}"), None),
    };
    let ended = runtime.block_on(work);
    // What still runs on a thread of its own, such as the look-up of a name, is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(()) => Exit::Done,
        Err(error) => {
            let help = error.help();
            match error {
                ServeError::Public(_) | ServeError::NoRedis | ServeError::NoWorkers => {
                    output::usage(&error, help.as_deref())
                }
                error => output::fail(&error, help.as_deref()),
            }
        }
    }
}
