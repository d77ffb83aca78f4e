//! A source with its workflows and tests, ready to run.

use stepwell::lang::ast::{File, Test};
use stepwell::lang::{Notation, Source, compile, parse_flow, with_declared};
use stepwell::trial::{Known, Library, Options, Verdict, run_test};

use crate::engine::world::task_types;

pub struct Suite {
    pub file: File,
    pub library: Library,
}

impl Suite {
    pub fn of(text: &str) -> Self {
        let source = Source { name: "test.flow".into(), notation: Notation::Flow, text: text.into() };
        let compiled = compile(&source, &task_types());
        assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
        let (file, _) = parse_flow(&source);
        let mut library = Library::default();
        let types = with_declared(&task_types(), &file);
        for plan in compiled.plans {
            library.insert(plan, &types).unwrap();
        }
        Self { file, library }
    }

    pub fn workflow(&self, name: &str) -> &Known {
        self.library.get(name).unwrap()
    }

    /// Runs a test twice: as it is, and with the state thrown away after each event; both must agree.
    pub fn run(&self, test: &Test) -> Verdict {
        let workflow = self.workflow(&test.workflow.value);
        let verdict = run_test(&self.library, workflow, test, Options::default());
        let crashed = run_test(&self.library, workflow, test, Options { crashes: true });
        assert_eq!(verdict.failures, crashed.failures);
        assert_eq!(verdict.status, crashed.status);
        assert_eq!(verdict.trace, crashed.trace);
        verdict
    }

    /// The one test of the source.
    pub fn only(&self) -> Verdict {
        assert_eq!(self.file.tests.len(), 1);
        self.run(&self.file.tests[0])
    }
}

/// What is wrong with the one test of a source: `message [label] (help)` of each failure.
pub fn failures(text: &str) -> Vec<String> {
    let told = |one: stepwell::lang::Diagnostic| {
        let label = &one.labels[0].text;
        let label = if label.is_empty() { String::new() } else { format!(" [{label}]") };
        let help = one.help.map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{}: {}{label}{help}", one.code, one.message)
    };
    Suite::of(text).only().failures.into_iter().map(told).collect()
}

/// Asserts that every test of a source passes.
pub fn pass(text: &str) {
    let suite = Suite::of(text);
    assert!(!suite.file.tests.is_empty());
    for test in &suite.file.tests {
        let verdict = suite.run(test);
        assert!(verdict.passed(), "{}: {:#?}\n{:#?}", test.name.value, verdict.failures, verdict.trace);
    }
}
