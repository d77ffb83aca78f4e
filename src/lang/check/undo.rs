//! `undo`: what takes back what a step did.
//!
//! It sees what the step could see, and the step's own output.

use crate::lang::Diagnostic;
use crate::lang::ast::{PolicyKind, Step, Undo};

use super::Checker;
use super::codes::MISPLACED_POLICY;
use super::policy::Owner;
use super::scope::Binding;

impl Checker<'_> {
    /// Checks what undoes a step. `output` is the step itself, as its undo sees it.
    pub fn undo(&mut self, step: &Step, output: &Binding) {
        let of = |policy: &crate::lang::ast::Policy| matches!(policy.kind, PolicyKind::Irreversible);
        let irreversible = step.policies.iter().find(|policy| of(policy));
        for policy in &step.policies {
            let PolicyKind::Undo(undo) = &policy.kind else { continue };
            if let Some(never) = irreversible {
                let message = "a step that is `irreversible` has no `undo`";
                let error = Diagnostic::error(MISPLACED_POLICY, message, policy.keyword.span);
                self.tell(error.also(never.keyword.span, "it is said here").help("keep one of them"));
            }
            self.scopes.enter();
            self.bind(&step.name, output.clone());
            self.undo_step(undo);
            self.scopes.leave();
        }
    }

    fn undo_step(&mut self, undo: &Undo) {
        let name = crate::lang::ast::Name { value: "undo".into(), span: undo.task_type.span };
        let step = Step {
            name,
            task_type: undo.task_type.clone(),
            config: undo.config.clone(),
            policies: undo.policies.clone(),
        };
        self.policies(&step.policies, Owner::Undo);
        let types = self.types;
        self.configured(&step, types.get(&step.task_type.value));
    }
}
