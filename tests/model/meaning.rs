//! What a workflow means, worked out directly: no events, no state, no engine.
//!
//! Everything is a function of a node, the time at which it begins, and the time at which it is *drained* from outside (never,
//! as a rule). An error is first found without a drain; whoever takes it works its part of the tree out again, drained at the
//! moment of the error.

use std::collections::BTreeMap;

use super::script::{What, attempted, backoff_ms, first_signal, undone, word};
use super::tree::{Block, Needs, Node, Workflow, first_of, names_of, steps_of};

/// How a part of the tree comes to its end.
#[derive(Clone, Debug, PartialEq)]
enum End {
    /// It settles.
    Ok(u64),
    /// It fails; what it did is to be worked out again, drained at this time.
    Err(u64, String),
    /// It ends the execution with a value; as with an error.
    Return(u64, i64),
    /// It was drained, and nothing of it is left from this time on.
    Gone(u64),
}

/// A value that the model knows of.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    Null,
    Int(i64),
    List(Vec<Out>),
    Ok(Box<Out>),
    Error(String),
}

/// What happened.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// How many attempts were made, by path.
    sent: BTreeMap<String, u32>,
    /// The undos that are kept, with the time since when.
    kept: Vec<(u64, String)>,
    /// The undos that ran: when they ended, and whether they worked.
    undone: Vec<(u64, String, bool)>,
    /// What is bound, by path.
    bound: BTreeMap<String, Out>,
    /// Errors in a `finally` that was drained.
    ignored: Vec<(u64, String)>,
}

impl Facts {
    fn merge(&mut self, other: Facts) {
        other.sent.into_iter().for_each(|(path, count)| *self.sent.entry(path).or_default() += count);
        self.kept.extend(other.kept);
        self.undone.extend(other.undone);
        self.bound.extend(other.bound);
        self.ignored.extend(other.ignored);
    }
}

/// What the model predicts.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub status: &'static str,
    pub code: Option<String>,
    /// What it returns, where it does so in the middle.
    pub returned: Option<i64>,
    /// What is bound at its end, where it gets there.
    pub bound: BTreeMap<String, Out>,
    pub sent: BTreeMap<String, u32>,
    /// Which undos ran, in order, and whether they worked.
    pub undone: Vec<(String, bool)>,
    /// Of the undos that ran at the end, in order, since when they were kept.
    pub at_end: Vec<(u64, String)>,
    pub compensation: &'static str,
    pub ended_at: u64,
}

const NEVER: u64 = u64::MAX;

/// What a wait gets: a name to be bound to a number, nothing, or an error.
type Coming<'a> = Result<Option<(&'a str, i64)>, &'a str>;

/// Predicts what becomes of a workflow.
pub fn predict(workflow: &Workflow) -> Prediction {
    let model = Model { seed: workflow.seed };
    let cancel = workflow.cancel.unwrap_or(NEVER);
    let here = Here::default();
    let mut facts = Facts::default();
    let end = model.block(&workflow.body, 0, cancel, &here, &mut facts.clone());
    let drained = |at: u64, facts: &mut Facts| time_of(&model.block(&workflow.body, 0, at, &here, facts));
    let (mut status, mut code, mut returned) = ("completed", None, None);
    let bare = match end {
        End::Ok(at) => {
            drained(NEVER, &mut facts);
            at
        }
        End::Err(at, error) => {
            (status, code) = ("failed", Some(error));
            drained(at, &mut facts)
        }
        End::Gone(_) => {
            status = "cancelled";
            drained(cancel, &mut facts)
        }
        End::Return(at, value) => {
            let bare = drained(at, &mut facts);
            let mut late: Vec<_> = facts.ignored.iter().filter(|(when, _)| *when > at).cloned().collect();
            late.sort();
            let failed = late.first().cloned();
            match failed {
                Some((when, error)) if when < cancel => (status, code) = ("failed", Some(error)),
                _ if cancel < bare => status = "cancelled",
                _ => returned = Some(value),
            }
            bare
        }
    };
    model.close(status, code, returned, bare, facts)
}

fn time_of(end: &End) -> u64 {
    match end {
        End::Ok(at) | End::Err(at, _) | End::Return(at, _) | End::Gone(at) => *at,
    }
}

struct Model {
    seed: u64,
}

/// Where a node stands.
#[derive(Clone, Default)]
struct Here {
    /// The items around it: `[1][0]`.
    suffix: String,
    /// What `compensate` undoes here: what the body of the `try` kept.
    caught: Vec<(u64, String)>,
}

impl Here {
    fn path(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    fn item(&self, at: usize) -> Self {
        Self { suffix: format!("{}[{at}]", self.suffix), caught: Vec::new() }
    }
}

fn undo_path(path: &str) -> String {
    match path.split_once('[') {
        Some((name, items)) => format!("{name}.undo[{items}"),
        None => format!("{path}.undo"),
    }
}

impl Model {
    /// The end of the execution: what is kept is undone, the newest first.
    fn close(
        &self,
        status: &'static str,
        code: Option<String>,
        returned: Option<i64>,
        bare: u64,
        mut facts: Facts,
    ) -> Prediction {
        let mut at = bare;
        let mut at_end = Vec::new();
        if status != "completed" {
            at_end = pending(&facts.kept, &facts);
            self.undo_all(&at_end, &mut at, NEVER, &mut facts);
            at_end.reverse();
        }
        facts.undone.sort();
        let compensation = match facts.undone.iter().find(|(_, _, worked)| !worked) {
            Some(_) => "failed",
            None if facts.undone.is_empty() => "none",
            None => "done",
        };
        let undone = facts.undone.into_iter().map(|(_, path, worked)| (path, worked)).collect();
        Prediction {
            status,
            code,
            returned,
            bound: facts.bound,
            sent: facts.sent,
            undone,
            at_end,
            compensation,
            ended_at: at,
        }
    }

    /// Undoes these, the newest first. One that runs is not broken off by a drain; whether one failed.
    fn undo_all(&self, pending: &[(u64, String)], at: &mut u64, drain: u64, facts: &mut Facts) -> bool {
        let mut failed = false;
        for (_, path) in pending.iter().rev() {
            if *at >= drain {
                break;
            }
            let undo = undo_path(path);
            let (takes, works) = undone(self.seed, &undo);
            *at += takes;
            *facts.sent.entry(undo).or_default() += 1;
            facts.undone.push((*at, path.clone(), works));
            failed |= !works;
        }
        failed
    }

    fn block(&self, block: &Block, begin: u64, drain: u64, here: &Here, facts: &mut Facts) -> End {
        let mut at = begin;
        for node in block {
            if at >= drain {
                return End::Gone(at);
            }
            match self.node(node, at, drain, here, facts) {
                End::Ok(settled) => at = settled,
                end => return end,
            }
        }
        End::Ok(at)
    }

    fn node(&self, node: &Node, at: u64, drain: u64, here: &Here, facts: &mut Facts) -> End {
        match node {
            Node::Step { name, undo, retries } => self.step(name, *undo, *retries, (at, drain), here, facts),
            Node::Let { name, value } => {
                facts.bound.insert(here.path(name), Out::Int(*value));
                End::Ok(at)
            }
            Node::If { arms, otherwise } => {
                let taken = arms.iter().position(|(holds, _)| *holds);
                let blocks: Vec<&Block> = arms.iter().map(|(_, block)| block).chain(otherwise).collect();
                self.choose(taken.or(otherwise.as_ref().map(|_| arms.len())), &blocks, (at, drain), here, facts)
            }
            Node::Match { subject, arms, otherwise } => {
                let taken = arms.iter().position(|(value, _)| value == subject);
                let blocks: Vec<&Block> = arms.iter().map(|(_, block)| block).chain(otherwise).collect();
                match taken.or(otherwise.as_ref().map(|_| arms.len())) {
                    Some(taken) => self.choose(Some(taken), &blocks, (at, drain), here, facts),
                    None => fails(at, drain, "NO_MATCH"),
                }
            }
            Node::Parallel { needs, children } => self.parallel(*needs, children, (at, drain), here, facts),
            Node::For { name, items, width, keep_going, body } => {
                let each = Each { name: name.as_deref(), items: *items, width: *width, keep_going: *keep_going, body };
                self.each(&each, (at, drain), here, facts)
            }
            Node::Repeat { every, max, body } => self.repeat((*every, *max), body, (at, drain), here, facts),
            Node::Try { body, catches, finally } => {
                self.guarded(body, catches, finally.as_ref(), (at, drain), here, facts)
            }
            Node::Compensate => {
                let (pending, mut now) = (pending(&here.caught, facts), at);
                let failed = self.undo_all(&pending, &mut now, drain, facts);
                match failed {
                    _ if now > drain => End::Gone(now),
                    true => fails(now, drain, "COMPENSATION_FAILED"),
                    false => End::Ok(now),
                }
            }
            Node::Sleep(takes) if at + takes > drain => End::Gone(drain),
            Node::Sleep(takes) => End::Ok(at + takes),
            Node::Wait { name, even, timeout } => {
                let comes = first_signal(self.seed, name, *even);
                let comes = comes.map(|(when, number)| (when.max(at), Ok(Some((&**name, number)))));
                self.awaited(comes, *timeout, (at, drain), here, facts)
            }
            Node::Approve { name, timeout } => {
                let said = word(self.seed, name);
                let said = said.map(|(after, yes)| (at + after, if yes { Ok(None) } else { Err("APPROVAL_REFUSED") }));
                self.awaited(said, *timeout, (at, drain), here, facts)
            }
            Node::Return(value) => End::Return(at, *value),
            Node::Fail(code) => fails(at, drain, code),
        }
    }

    /// A wait for what comes from outside, at some time.
    fn awaited(
        &self,
        comes: Option<(u64, Coming<'_>)>,
        timeout: Option<u64>,
        (at, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
    ) -> End {
        let due = timeout.map_or(NEVER, |timeout| at + timeout);
        let (end, came) = comes.filter(|(when, _)| *when <= due).unwrap_or((due, Err("TIMEOUT")));
        if end > drain {
            return End::Gone(drain);
        }
        match came {
            Err(code) => fails(end, drain, code),
            Ok(bound) => {
                facts.bound.extend(bound.map(|(name, number)| (here.path(name), Out::Int(number))));
                End::Ok(end)
            }
        }
    }

    fn step(
        &self,
        name: &str,
        undo: bool,
        retries: u32,
        (mut at, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
    ) -> End {
        let path = here.path(name);
        let (mut retried, mut crashes) = (0, 0);
        for attempt in 1.. {
            *facts.sent.entry(path.clone()).or_default() += 1;
            let attempted = attempted(self.seed, &path, attempt);
            let end = at + attempted.after_ms;
            if end > drain {
                keep(undo, drain, &path, facts);
                return End::Gone(drain);
            }
            let (code, retryable, unknown) = match attempted.what {
                What::Gives(value) => {
                    keep(undo, end, &path, facts);
                    facts.bound.insert(path, Out::Int(value));
                    return End::Ok(end);
                }
                What::Lost => {
                    crashes += 1;
                    if crashes < 3 {
                        at = end;
                        continue;
                    }
                    ("POISONED", false, true)
                }
                What::TimesOut => ("TIMEOUT", true, true),
                What::Fails { code, retryable } => (code, retryable, false),
            };
            if !retryable || retried >= retries {
                keep(undo && unknown, end, &path, facts);
                return fails(end, drain, code);
            }
            retried += 1;
            at = end + backoff_ms(self.seed, name);
            if at > drain {
                keep(undo && unknown, drain, &path, facts);
                return End::Gone(drain);
            }
        }
        unreachable!("a step ends")
    }

    /// The steps in branches that are not taken are null.
    fn choose(
        &self,
        taken: Option<usize>,
        blocks: &[&Block],
        (at, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
    ) -> End {
        for (_, block) in blocks.iter().enumerate().filter(|(arm, _)| Some(*arm) != taken) {
            for name in steps_of(block) {
                facts.bound.insert(here.path(name), Out::Null);
            }
        }
        match taken {
            Some(arm) => self.block(blocks[arm], at, drain, here, facts),
            None => End::Ok(at),
        }
    }

    fn parallel(
        &self,
        needs: Needs,
        children: &[(Block, Vec<usize>)],
        (begin, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
    ) -> End {
        let count = children.len();
        let needed = match needs {
            Needs::All => count,
            Needs::First => 1,
            Needs::Any(needed) => needed,
        };
        let began = children.iter().map(|(_, after)| after.is_empty().then_some(begin)).collect::<Vec<_>>();
        let mut times = Times { began, settled: vec![None; count], failed: vec![None; count] };
        let mut out = vec![false; count];
        loop {
            let open = (0..count).filter(|at| times.settled[*at].is_none() && times.failed[*at].is_none());
            let ends = open.filter_map(|child| {
                let end = self.block(&children[child].0, times.began[child]?, drain, here, &mut Facts::default());
                (!matches!(end, End::Gone(_))).then_some((child, end))
            });
            let Some((child, end)) = ends.min_by_key(|(_, end)| time_of(end)) else { break };
            match end {
                End::Ok(at) => {
                    times.settled[child] = Some(at);
                    if times.settled.iter().flatten().count() == needed {
                        let end = self.joined(children, (at, drain), here, facts, &times);
                        let lost = children.iter().zip(&times.settled).filter(|(_, settled)| settled.is_none());
                        for name in lost.flat_map(|((block, _), _)| names_of(block)) {
                            facts.bound.insert(here.path(name), Out::Null);
                        }
                        return end;
                    }
                    for (next, (_, after)) in children.iter().enumerate() {
                        if times.began[next].is_none() && after.iter().all(|before| times.settled[*before].is_some()) {
                            times.began[next] = Some(at);
                        }
                    }
                }
                End::Err(at, code) => {
                    let lost = out_with(child, children, &out);
                    if needs == Needs::All || lost.iter().filter(|out| !**out).count() < needed {
                        return End::Err(at, code);
                    }
                    out = lost;
                    times.failed[child] = Some(at);
                }
                end => return end,
            }
        }
        // Drained: whatever is under way is brought to its end.
        match self.joined(children, (drain, NEVER), here, facts, &times) {
            End::Ok(at) => End::Gone(at),
            end => end,
        }
    }

    /// All is decided at `at`: what children did up to there, and when the last of them is gone.
    fn joined(
        &self,
        children: &[(Block, Vec<usize>)],
        (at, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
        times: &Times,
    ) -> End {
        let mut bare = at;
        for (child, (block, _)) in children.iter().enumerate() {
            let Some(began) = times.began[child].filter(|began| *began < at) else { continue };
            let mut did = Facts::default();
            let stop = times.failed[child].or(times.settled[child].is_none().then_some(at)).unwrap_or(NEVER);
            let end = self.block(block, began, stop, here, &mut did);
            bare = bare.max(time_of(&end));
            facts.merge(did);
        }
        if bare > drain { End::Gone(bare) } else { End::Ok(bare) }
    }

    fn each(&self, each: &Each<'_>, (begin, drain): (u64, u64), here: &Here, facts: &mut Facts) -> End {
        let mut spare = each.keep_going.map(|max| max.unwrap_or(usize::MAX));
        let mut results = vec![Out::Null; each.items];
        // Items under way: when they free their place, and what of them is still open.
        let mut places: Vec<(u64, usize, Option<End>)> = Vec::new();
        let (mut began, mut next, mut now, mut cut) = (Vec::new(), 0, begin, false);
        loop {
            while next < each.items && places.len() < each.width && now < drain {
                let end = self.block(each.body, now, drain, &here.item(next), &mut Facts::default());
                places.push((time_of(&end), next, Some(end)));
                began.push(now);
                next += 1;
            }
            let Some(first) = (0..places.len()).min_by_key(|at| (places[*at].0, places[*at].1)) else { break };
            let (at, item, end) = places.remove(first);
            let inner = here.item(item);
            match end {
                None => now = at,
                Some(End::Ok(settled)) => {
                    self.block(each.body, began[item], drain, &inner, facts);
                    results[item] = Self::result(each, &inner, facts);
                    now = settled;
                }
                Some(End::Gone(bare)) => {
                    self.block(each.body, began[item], drain, &inner, facts);
                    (now, cut) = (now.max(bare), true);
                }
                Some(End::Err(at, code)) => match &mut spare {
                    Some(0) => return End::Err(at, "TOO_MANY_FAILURES".to_owned()),
                    None => return End::Err(at, code),
                    Some(spare) => {
                        *spare -= 1;
                        let end = self.block(each.body, began[item], at, &inner, facts);
                        results[item] = Out::Error(code);
                        places.push((time_of(&end), item, None));
                    }
                },
                Some(end) => return end,
            }
        }
        if cut || now > drain || next < each.items {
            return End::Gone(now);
        }
        if let Some(name) = each.name {
            facts.bound.insert(here.path(name), Out::List(results));
        }
        End::Ok(now)
    }

    fn result(each: &Each<'_>, here: &Here, facts: &Facts) -> Out {
        let value = facts.bound[&here.path(first_of(each.body))].clone();
        if each.keep_going.is_some() { Out::Ok(Box::new(value)) } else { value }
    }

    fn repeat(
        &self,
        (every, max): (u64, usize),
        body: &Block,
        (mut at, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
    ) -> End {
        for pass in 0..max {
            let inner = here.item(pass);
            match self.block(body, at, drain, &inner, facts) {
                End::Ok(settled) => at = settled,
                end => return end,
            }
            if is_last(&facts.bound[&inner.path(first_of(body))]) {
                return End::Ok(at);
            }
            if pass + 1 < max {
                at += every;
                if at >= drain {
                    return End::Gone(drain);
                }
            }
        }
        fails(at, drain, "REPEAT_EXHAUSTED")
    }

    fn guarded(
        &self,
        body: &Block,
        catches: &[(Option<String>, Block)],
        finally: Option<&Block>,
        (begin, drain): (u64, u64),
        here: &Here,
        facts: &mut Facts,
    ) -> End {
        let mut did = Facts::default();
        match self.block(body, begin, drain, here, &mut did) {
            End::Ok(at) => {
                facts.merge(did);
                self.finally(finally, at, drain, here, facts)
            }
            End::Gone(at) => {
                facts.merge(did);
                self.finally_drained(finally, at, here, facts)
            }
            End::Err(at, code) => {
                let arm = catches.iter().find(|(wanted, _)| wanted.as_ref().is_none_or(|wanted| *wanted == code));
                let Some((_, arm)) = arm else { return End::Err(at, code) };
                let mut did = Facts::default();
                let bare = time_of(&self.block(body, begin, at, here, &mut did));
                let caught = pending(&did.kept, &did);
                facts.merge(did);
                if bare >= drain {
                    return self.finally_drained(finally, bare, here, facts);
                }
                let inside = Here { caught, ..here.clone() };
                let before = facts.clone();
                match self.block(arm, bare, drain, &inside, facts) {
                    End::Ok(at) => self.finally(finally, at, drain, here, facts),
                    End::Gone(at) => self.finally_drained(finally, at, here, facts),
                    end => {
                        *facts = before;
                        end
                    }
                }
            }
            end => end,
        }
    }

    /// The `finally` after a body or a `catch` that settled. A drain from elsewhere lets it run to its end.
    fn finally(&self, finally: Option<&Block>, begin: u64, drain: u64, here: &Here, facts: &mut Facts) -> End {
        let Some(block) = finally else { return End::Ok(begin) };
        let mut did = Facts::default();
        match self.block(block, begin, NEVER, here, &mut did) {
            End::Ok(at) => {
                facts.merge(did);
                if at > drain { End::Gone(at) } else { End::Ok(at) }
            }
            End::Err(at, code) if at < drain => End::Err(at, code),
            End::Err(at, code) => {
                // At the drain, it is what caused it; after the drain, it is one that nobody takes.
                if at > drain {
                    facts.ignored.push((at, code));
                }
                End::Gone(time_of(&self.block(block, begin, at, here, facts)))
            }
            end => unreachable!("nothing returns in a `finally`: {end:?}"),
        }
    }

    fn finally_drained(&self, finally: Option<&Block>, begin: u64, here: &Here, facts: &mut Facts) -> End {
        let Some(block) = finally else { return End::Gone(begin) };
        match self.finally(Some(block), begin, 0, here, facts) {
            End::Ok(at) | End::Gone(at) => End::Gone(at),
            end => unreachable!("a drained `finally` is gone: {end:?}"),
        }
    }
}

/// Whether a `repeat` ends with the pass whose first step gave this.
fn is_last(output: &Out) -> bool {
    matches!(output, Out::Int(value) if value % 3 == 0)
}

/// When the children of a `parallel` began, settled and failed.
struct Times {
    began: Vec<Option<u64>>,
    settled: Vec<Option<u64>>,
    failed: Vec<Option<u64>>,
}

/// A loop.
struct Each<'a> {
    name: Option<&'a str>,
    items: usize,
    width: usize,
    keep_going: Option<Option<usize>>,
    body: &'a Block,
}

/// An error at the very moment of a drain is what caused it.
fn fails(at: u64, drain: u64, code: &str) -> End {
    if at >= drain { End::Gone(at) } else { End::Err(at, code.to_owned()) }
}

fn keep(undo: bool, at: u64, path: &str, facts: &mut Facts) {
    if undo {
        facts.kept.push((at, path.to_owned()));
    }
}

/// What is kept and was not undone, the newest last.
fn pending(kept: &[(u64, String)], facts: &Facts) -> Vec<(u64, String)> {
    let was_undone = |path: &str| facts.undone.iter().any(|(_, undone, _)| undone == path);
    let mut pending: Vec<_> = kept.iter().filter(|(_, path)| !was_undone(path)).cloned().collect();
    pending.sort();
    pending
}

fn out_with(child: usize, children: &[(Block, Vec<usize>)], out: &[bool]) -> Vec<bool> {
    let mut out = out.to_vec();
    out[child] = true;
    // A child only waits for earlier ones.
    for (at, (_, after)) in children.iter().enumerate() {
        out[at] |= after.iter().any(|before| out[*before]);
    }
    out
}
