//! What a step's output is kept by, where it says `cache`.

use sha2::{Digest, Sha256};

use crate::expr::canonical_json;
use crate::ids::StepPath;
use crate::plan::StepNode;

use super::machine::{Machine, Place};
use super::state::FrameKind;
use super::{CacheKey, CacheWrite, StepError};

impl Machine<'_> {
    /// The key of a step's output: a hash over the workflow, the step, the value of its `cache key` and the type that the
    /// output must fit. So two steps never serve each other, whatever their keys are, and neither do two versions of one of
    /// which the other could not take what was kept.
    pub(super) fn cache_key(&self, place: Place, step: &StepNode) -> Result<Option<CacheKey>, StepError> {
        let Some(policy) = &step.rarely.cache else { return Ok(None) };
        let value = self.evaluate(place, &policy.key)?;
        let wanted = self.plan.wanted_output(place.node).map(|wanted| wanted.ty());
        let wanted = wanted.and_then(|ty| serde_json::to_string(ty).ok());
        let mut hash = Sha256::new();
        let named = [&*self.plan.workflow, &*step.name, &canonical_json(&value)];
        for part in named.into_iter().chain(wanted.as_deref()) {
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        Ok(Some(CacheKey { key: crate::ids::hex(&hash.finalize()).into(), ttl_ms: policy.ttl_ms }))
    }

    /// Keeps the output of the step at this path. One that came from there is kept already, and stays as it is.
    pub(super) fn keep_output(&mut self, path: &StepPath, output: &crate::expr::Value) {
        let Some(frame) = self.state.waiting.get(path).and_then(|id| self.state.frames.get(*id)) else { return };
        let FrameKind::Step(run) = &frame.kind else { return };
        let Some(CacheKey { key, ttl_ms }) = &run.cache else { return };
        let (created_at, expires_at) = (self.now, self.now.plus_ms(*ttl_ms));
        self.effects.caches.push(CacheWrite { key: key.clone(), output: output.clone(), created_at, expires_at });
    }
}
