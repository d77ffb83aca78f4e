//! `test` blocks: the names and values of each against the workflow that it is for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::expr::{Expr, ObjectType, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{
    Answer, Approve, Expectation, File, Mock, Name, PolicyKind, Step, Stmt, StmtKind, Test, TestEntry, TestKind,
    Workflow,
};
use crate::lang::nearest::did_you_mean;
use crate::lang::statements::each_statement;
use crate::plan::TaskTypes;

use super::child::given_type;
use super::codes::{MISSING_CONFIG, UNKNOWN_TESTED, UNTESTABLE};
use super::declared::Kind;
use super::names::{error_type, object};
use super::scope::{Binding, Scopes};
use super::words::ident;
use super::{Checker, Surroundings};

/// Checks the tests of a file.
pub fn tests<'a>(
    file: &'a File,
    types: &'a TaskTypes,
    around: &'a Surroundings<'a>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut elsewhere = HashSet::new();
    let mut workflows: HashMap<&str, &'a Workflow> = HashMap::new();
    let mut of_workflow: HashMap<&str, Vec<&'a Test>> = HashMap::new();
    if !file.tests.is_empty() {
        for workflow in &around.workflows {
            workflows.entry(&workflow.name.value).or_insert(workflow);
            each_step(&workflow.body, &mut |step| {
                elsewhere.insert(&*step.name.value);
            });
        }
    }
    for test in &file.tests {
        let name = &*test.workflow.value;
        if workflows.contains_key(name) {
            of_workflow.entry(name).or_default().push(test);
            continue;
        }
        let error = Diagnostic::error(UNKNOWN_TESTED, format!("unknown workflow `{name}`"), test.workflow.span);
        let known = around.workflows.iter().map(|workflow| &*workflow.name.value);
        diagnostics.push(did_you_mean(error, name, known));
    }
    for workflow in around.workflows.iter().copied() {
        let Some(tests) = of_workflow.remove(&*workflow.name.value) else { continue };
        let mut checker = Checker::new(workflow, types, around);
        // What the steps give is known by walking them; what is wrong with them is told where they are.
        checker.quiet = true;
        checker.workflow();
        checker.quiet = false;
        let mut tested = Tested::of(&checker, &elsewhere);
        tests.iter().for_each(|test| checker.test(test, &mut tested));
        diagnostics.append(&mut checker.diagnostics);
    }
}

/// Calls `visit` with each step of a block, and of those in it.
fn each_step<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&'a Step)) {
    each_statement(body, &mut |statement: &'a Stmt| {
        if let StmtKind::Step(step) = &statement.kind {
            visit(step);
        }
    });
}

/// What a test may name of a workflow.
struct Tested<'a> {
    steps: Vec<&'a Step>,
    by_name: HashMap<&'a str, &'a Step>,
    approvals: Vec<&'a Approve>,
    /// Those that stand in a loop, and so may have run several times.
    looped: HashSet<&'a str>,
    /// The steps of the workflows that it may run, where it runs any.
    of_children: Option<&'a HashSet<&'a str>>,
    /// What came out of each step, as `expect that` sees it.
    outputs: Scopes,
}

impl<'a> Tested<'a> {
    /// What may be named of the workflow that a checker has walked; `elsewhere` are the steps of all that are known.
    fn of(checker: &Checker<'a>, elsewhere: &'a HashSet<&'a str>) -> Self {
        let body = &checker.workflow.body;
        let (mut steps, mut approvals, mut looped) = (Vec::new(), Vec::new(), HashSet::new());
        each_statement(body, &mut |statement: &'a Stmt| match &statement.kind {
            StmtKind::Step(step) => steps.push(&**step),
            StmtKind::Approve(approve) => approvals.push(&**approve),
            StmtKind::For(each) => each_step(&each.body, &mut |step| {
                looped.insert(&*step.name.value);
            }),
            _ => {}
        });
        let mut outputs = Scopes::default();
        outputs.enter();
        let mut by_name = HashMap::new();
        for step in &steps {
            let name = &step.name.value;
            let known = checker.outputs.get(name).filter(|_| !looped.contains(&**name));
            let ty = known.map_or(Type::Any, |ty| Type::clone(ty));
            outputs.bind(ident(name), Binding::new(Kind::Step, ty));
            by_name.entry(&**name).or_insert(*step);
        }
        let runs_others = steps.iter().any(|step| &*step.task_type.value == "workflow");
        Self { steps, by_name, approvals, looped, of_children: runs_others.then_some(elsewhere), outputs }
    }

    fn step(&self, name: &str) -> Option<&'a Step> {
        self.by_name.get(name).copied()
    }

    /// Whether a name is of a step in another workflow, which this one may run as a child.
    fn is_childs(&self, name: &str) -> bool {
        self.step(name).is_none() && self.of_children.is_some_and(|steps| steps.contains(name))
    }
}

impl Checker<'_> {
    fn test(&mut self, test: &Test, tested: &mut Tested<'_>) {
        let workflow = self.workflow;
        let known = self.roots.only(&[], "a test");
        let before = std::mem::replace(&mut self.roots, known);
        let given = test.entries.iter().any(|entry| matches!(entry.kind, TestKind::Given(_)));
        let needed = given_type(workflow);
        let needed: Vec<_> = needed.fields.iter().filter(|field| field.required).map(|field| &*field.name).collect();
        if !given && !needed.is_empty() {
            let message = format!("`{}` needs an input: `{}`", workflow.name.value, needed.join("`, `"));
            self.tell(Diagnostic::error(MISSING_CONFIG, message, test.name.span).help("write `given { … }`"));
        }
        test.entries.iter().for_each(|entry| self.test_entry(entry, tested));
        self.roots = before;
    }

    fn test_entry(&mut self, entry: &TestEntry, tested: &mut Tested<'_>) {
        match &entry.kind {
            TestKind::Given(input) => self.fitted(input, &Type::Object(given_type(self.workflow)), "`given`"),
            TestKind::Settings(settings) => {
                let known = self.workflow.settings.iter();
                let field = |field: &crate::lang::ast::Field| crate::expr::FieldType {
                    name: field.name.value.clone(),
                    ty: field.ty.value.clone(),
                    required: false,
                    doc: None,
                };
                let wanted = Type::Object(ObjectType { fields: known.map(field).collect(), open: false });
                self.fitted(settings, &wanted, "`settings`");
            }
            TestKind::At(at) => self.fitted(at, &Type::Timestamp, "`at`"),
            TestKind::Mock(mock) => self.mock(mock, tested),
            TestKind::Send { event, data, after } => {
                self.event_name(event);
                data.iter().for_each(|data| drop(self.value(data)));
                self.after(after.as_ref());
            }
            TestKind::Decide { name, approved, with, after } => {
                self.decision(name, *approved, with.as_ref(), tested);
                self.after(after.as_ref());
            }
            TestKind::Ask { after, .. } => self.after(after.as_ref()),
            TestKind::Expect(expectation) => self.expectation(expectation, tested),
        }
    }

    fn fitted(&mut self, expr: &Expr, wanted: &Type, what: &str) {
        self.value(expr);
        self.fit(expr, wanted, what);
    }

    fn after(&mut self, after: Option<&Expr>) {
        if let Some(after) = after {
            self.value(after);
            self.length_of_time(after, "`after`");
        }
    }

    fn mock(&mut self, mock: &Mock, tested: &Tested<'_>) {
        mock.items.iter().for_each(|item| self.fitted(item, &Type::Int, "the place of an item"));
        self.after(mock.after.as_ref());
        if let Some(times) = &mock.times {
            self.value(times);
            self.positive(times, "`times`");
        }
        if tested.is_childs(&mock.step.value) {
            // What it gives is checked where it is run.
            return self.answer(&mock.answer, &Type::Any, "the output");
        }
        let Some(step) = self.tested_step(&mock.step, tested) else { return };
        if mock.undo {
            self.has_undo(step, &mock.step);
        }
        if !mock.items.is_empty() && !tested.looped.contains(&*step.name.value) {
            let message = format!("`{}` is in no loop, and has no items", step.name.value);
            let error = Diagnostic::error(UNTESTABLE, message, mock.step.span);
            self.tell(error.also(step.name.span, "it is here"));
        }
        let wanted = if mock.undo { Type::Any } else { self.mocked(step) };
        self.answer(&mock.answer, &wanted, &format!("the output of `{}`", step.name.value));
    }

    /// What a mock says comes of an attempt: over its `config` and its number, and what the execution was given.
    fn answer(&mut self, answer: &Answer, wanted: &Type, what: &str) {
        let input = Type::clone(&super::names::input_type(self.workflow));
        let names = [("config", Type::Any), ("attempt", Type::Int), ("input", input), ("settings", Type::Any)];
        self.with_locals(&names, |checker| match answer {
            Answer::Gives(output) => checker.fitted(output, wanted, what),
            Answer::Fails { code, message, status, .. } => {
                checker.fitted(code, &Type::String, "the code of an error");
                message.iter().for_each(|message| checker.fitted(message, &Type::String, "the message of an error"));
                status.iter().for_each(|status| checker.fitted(status, &Type::Int, "the status of an error"));
            }
            Answer::TimesOut | Answer::Lost => {}
        });
    }

    /// What a mock of a step gives: its output. Of a response the status and the headers may be left out, and its body may hold
    /// more than is declared, as a real one may.
    fn mocked(&self, step: &Step) -> Type {
        let output = self.outputs.get(&step.name.value).map_or(Type::Any, |ty| Type::clone(ty));
        match output {
            Type::Object(mut object) if &*step.task_type.value == "http_request" => {
                for field in &mut object.fields {
                    field.required = &*field.name == "body" && field.ty != Type::Any;
                    field.ty = field.ty.opened();
                }
                Type::Object(object)
            }
            other => other,
        }
    }

    fn decision(&mut self, name: &Name, approved: bool, with: Option<&Expr>, tested: &Tested<'_>) {
        let found = tested.approvals.iter().find(|approve| approve.name.value == name.value);
        let Some(approve) = found else {
            let known = tested.approvals.iter().map(|approve| &*approve.name.value);
            let message = format!("unknown approval `{}`", name.value);
            self.tell(did_you_mean(Diagnostic::error(UNKNOWN_TESTED, message, name.span), &name.value, known));
            return;
        };
        let Some(with) = with else { return };
        if approved {
            let form = approve.form.as_ref().map_or_else(|| object([]), |form| form.value.clone());
            self.fitted(with, &form, &format!("the form of `{}`", name.value));
        } else {
            self.fitted(with, &Type::String, "the reason of a refusal");
        }
    }

    fn expectation(&mut self, expectation: &Expectation, tested: &mut Tested<'_>) {
        match expectation {
            Expectation::Completed { output: Some(output) } => {
                self.value(output);
                if let Some(wanted) = &self.workflow.output {
                    self.fit(output, &wanted.value, "the output");
                }
            }
            Expectation::Failed { code: Some(code) } => self.fitted(code, &Type::String, "the code of an error"),
            Expectation::Ran { steps, times, .. } => {
                for step in steps {
                    self.tested_step(step, tested);
                }
                if let Some(times) = times {
                    self.value(times);
                    self.positive(times, "`times`");
                }
            }
            Expectation::Undone { steps, .. } => {
                for name in steps {
                    if let Some(step) = self.tested_step(name, tested) {
                        self.has_undo(step, name);
                    }
                }
            }
            Expectation::That(condition) => self.that(condition, tested),
            Expectation::Completed { output: None } | Expectation::Failed { code: None } | Expectation::Cancelled => {}
        }
    }

    /// `expect that …`: over what came out, where each step is taken to have run.
    fn that(&mut self, condition: &Expr, tested: &mut Tested<'_>) {
        let output = self.workflow.output.as_ref().map_or(Type::Any, |output| output.value.clone());
        let input = Type::clone(&super::names::input_type(self.workflow));
        let roots = self.roots.clone().with([
            ("input", input),
            ("settings", Type::Any),
            ("output", output),
            ("error", error_type()),
            ("status", Type::String),
            ("elapsed", Type::Duration),
        ]);
        let before = std::mem::replace(&mut self.roots, roots);
        std::mem::swap(&mut self.scopes, &mut tested.outputs);
        self.condition(condition, "`expect that`");
        std::mem::swap(&mut self.scopes, &mut tested.outputs);
        self.roots = before;
    }

    fn tested_step<'t>(&mut self, name: &Name, tested: &Tested<'t>) -> Option<&'t Step> {
        let found = tested.step(&name.value);
        if found.is_none() {
            let known: Vec<Arc<str>> = tested.steps.iter().map(|step| step.name.value.clone()).collect();
            let message = format!("`{}` has no step `{}`", self.workflow.name.value, name.value);
            let error = Diagnostic::error(UNKNOWN_TESTED, message, name.span);
            self.unknown(error, &name.value, known.iter().map(|name| &**name));
        }
        found
    }

    fn has_undo(&mut self, step: &Step, name: &Name) {
        if !step.policies.iter().any(|policy| matches!(policy.kind, PolicyKind::Undo(_))) {
            let message = format!("`{}` has no `undo`", step.name.value);
            self.tell(Diagnostic::error(UNTESTABLE, message, name.span).also(step.name.span, "it is here"));
        }
    }
}
