//! The command line: what is asked for, and what the terminal shows.
//!
//! Exit codes: 0 it went well; 1 the thing failed (a file does not compile, an execution failed, a server could not start);
//! 2 the command line or the settings are wrong.

mod args;
mod beside;
mod check;
mod color;
mod config;
mod convert;
mod explain;
mod fmt;
mod graph;
mod openapi;
mod output;
mod run;
mod schema;
mod serve;
mod source;
mod test;
mod trouble;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// It went well.
    Done,
    /// The thing failed.
    Failed,
    /// The command line or the settings are wrong.
    Usage,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
        })
    }
}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help goes to standard output, which may be a closed pipe; `print` takes care of colours.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let exit = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Worker(args) => serve::run_worker(&args),
        Command::Run(args) => run::run(&args),
        Command::Openapi => openapi::run(),
        Command::Check(args) => check::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Graph(args) => graph::run(&args),
        Command::Schema => schema::run(),
        Command::Config(args) => config::run(&args),
    };
    exit.into()
}
