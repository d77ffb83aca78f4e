//! `stepwell check --watch`: again whenever a file changes.
//!
//! Events of the file system are hints alone: what decides is what the files hold. So nothing is shown twice, and a hint that
//! got lost is made up for by a look now and then.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::future::select_all;

use crate::cli::Exit;
use crate::cli::args::{CheckArgs, CheckFormat};
use crate::cli::output;
use crate::cli::source::is_stdin;
use crate::server::stop_signal;
use crate::watch::{Hints, Options};

use super::{Checked, check, files, show};

/// How long it must be quiet before files are read: an editor writes in several goes.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// How long it takes at most until a change is seen of which no hint came.
const LOOK: Duration = Duration::from_secs(10);

/// Checks, and checks again, until it is told to stop.
pub(super) fn run(args: &CheckArgs) -> Exit {
    if args.paths.iter().any(|path| is_stdin(path)) {
        return output::usage("standard input can't be watched", Some("name files or folders"));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&format!("can't watch: {error}"), None),
    };
    if args.format == CheckFormat::Human {
        output::note("checks again whenever a file changes; Ctrl-C ends\n");
    }
    runtime.block_on(until_stopped(args))
}

async fn until_stopped(args: &CheckArgs) -> Exit {
    let mut hints: Vec<Hints> = folders(&args.paths).into_iter().map(listen).collect();
    let mut shown = Shown::default();
    let stop = stop_signal();
    tokio::pin!(stop);
    loop {
        // Listening begins before the files are read, so that no change falls between.
        hints.iter_mut().for_each(Hints::follow);
        shown.look(args);
        let hint = select_all(hints.iter_mut().map(|hints| Box::pin(hints.next())));
        tokio::select! {
            stopped = &mut stop => return stopped.map_or_else(|error| output::fail(&error, None), |_| shown.exit),
            _ = hint => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// What was shown last.
struct Shown {
    read: Option<Vec<(String, String)>>,
    exit: Exit,
}

impl Default for Shown {
    fn default() -> Self {
        Self { read: None, exit: Exit::Done }
    }
}

impl Shown {
    /// Reads the files, and shows what is wrong where they are not what they were.
    fn look(&mut self, args: &CheckArgs) {
        // What is missing may be on its way: it is said, and looked for again.
        let (read, checked) = match files::find(&args.paths) {
            Ok(found) => {
                let checked: Vec<Checked> = found.iter().map(|path| check(path, args)).collect();
                (checked.iter().map(contents).collect(), Ok(checked))
            }
            Err(complaint) => (vec![complaint.clone()], Err(complaint)),
        };
        if self.read.as_ref() == Some(&read) {
            return;
        }
        let again = self.read.replace(read).is_some();
        if again && args.format == CheckFormat::Human {
            output::note("\n");
        }
        self.exit = match checked {
            Ok(checked) => show(args, &checked),
            Err((message, help)) => output::fail(&message, Some(&help)),
        };
    }
}

/// A file's path and what it holds, or why it can't be read.
fn contents(file: &Checked) -> (String, String) {
    let text = file.result.as_ref().map_or_else(Clone::clone, |(source, _)| source.text.to_string());
    (file.path.clone(), text)
}

/// The folders to listen to, and whether to those below them too.
fn folders(paths: &[PathBuf]) -> BTreeSet<(PathBuf, bool)> {
    let folder = |path: &PathBuf| match path.parent() {
        _ if path.is_dir() => (path.clone(), true),
        Some(parent) if parent != Path::new("") => (parent.to_owned(), false),
        _ => (PathBuf::from("."), false),
    };
    paths.iter().map(folder).collect()
}

fn listen((dir, deep): (PathBuf, bool)) -> Hints {
    let hints = Hints::new(&Options { dir, poll: None, debounce: DEBOUNCE });
    if deep { hints } else { hints.shallow() }
}
