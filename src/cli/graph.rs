//! `stepwell graph`: a workflow as a picture.

use crate::lang::Graph;

use super::Exit;
use super::args::{GraphArgs, GraphFormat};
use super::output;
use super::source::{plan_of, read_source};
use super::trouble::Trouble;

/// Prints the picture.
pub(super) fn run(args: &GraphArgs) -> Exit {
    match drawn(args) {
        Ok(text) => output::print(&text),
        Err(trouble) => trouble.tell(),
    }
}

fn drawn(args: &GraphArgs) -> Result<String, Trouble> {
    let source = read_source(&args.file, &args.stdin).map_err(|unread| unread.trouble(&args.file))?;
    let graph = Graph::of(&*plan_of(&source, args.workflow.as_deref())?);
    Ok(match args.format {
        GraphFormat::Mermaid => graph.mermaid(),
        GraphFormat::Dot => graph.dot(),
    })
}
