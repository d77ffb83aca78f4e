//! The post: brings events from outside to the waits that take them, and kept ones to the waits that open later.
//!
//! Each name belongs to one node, the owner of the partition of its hash; the others hand it what they hear of the name.
//!
//! Invariant: of one name one thing is done at a time, so that an event is offered to the oldest wait first, and once for each
//! workflow. That it was taken is written in the commit of what follows; a word that comes to nothing is done over, from what
//! is written.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt, join_all};
use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::{mpsc, oneshot};

use crate::engine::Event;
use crate::expr::Timestamp;
use crate::ids::{ExecutionId, PartitionId, WorkflowId};
use crate::plan::DEFAULT_KEEP_MS;
use crate::service::inbox::{Message, OpenedWait, Reply, event_partition};
use crate::service::ports::{RuntimeError, StoreError};
use crate::service::waits::{Delivery, KeptFilter, OpenWait, SentEvent};

use super::backoff::Backoff;
use super::message::{Job, Offer, What};
use super::outbox;
use super::shared::Shared;

/// How many waits are asked at once whether they take an event, and how many kept events are read at once.
const PAGE: usize = 256;

/// How many kept events a wait is asked about at once.
const AT_ONCE: usize = 16;

/// How long another node may take to answer which of its waits take an event, and to offer it to one: longer than it takes
/// until somebody else owns the partitions of a node that is gone.
const ASK: Duration = Duration::from_secs(2);
const OFFER: Duration = Duration::from_secs(10);

/// How long to wait for the word of another node who took an event.
const TAKEN: Duration = Duration::from_secs(60);

/// What the post is told.
pub(super) enum Letter {
    /// An event was recorded; whoever sent it waits for the word of who took it.
    Sent { event: Arc<SentEvent>, answer: oneshot::Sender<Vec<Delivery>> },
    /// A wait was opened: what is kept may end it.
    Opened(OpenedWait),
    /// What was to be said of the waits for an event may have been lost.
    Look(Arc<str>),
}

impl Letter {
    fn event(&self) -> &Arc<str> {
        match self {
            Self::Sent { event, .. } => &event.name,
            Self::Opened(opened) => &opened.event,
            Self::Look(event) => event,
        }
    }
}

/// The post.
pub(super) struct Post {
    shared: Arc<Shared>,
    letters: mpsc::UnboundedReceiver<Letter>,
    /// What is to be done, by the event's name; a name that is here is being worked on.
    by_name: HashMap<Arc<str>, VecDeque<Letter>>,
    /// What is to be looked at once all that was unfinished is read: before, the oldest wait may not be here yet.
    later: BTreeSet<Arc<str>>,
}

impl Post {
    pub fn new(shared: Arc<Shared>, letters: mpsc::UnboundedReceiver<Letter>) -> Self {
        Self { shared, letters, by_name: HashMap::new(), later: BTreeSet::new() }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let mut working = FuturesUnordered::new();
        loop {
            let shared = self.shared.clone();
            let next = tokio::select! {
                biased;
                letter = self.letters.recv() => match letter {
                    Some(letter) => self.take(letter),
                    None => return,
                },
                Some(name) = working.next() => self.next_of(&name),
                () = shared.ports.clock.sleep(shared.options.sweep), if !self.later.is_empty() => None,
            };
            for letter in next.into_iter().chain(self.looks()) {
                working.push(work(self.shared.clone(), letter));
            }
        }
    }

    /// Takes a letter in; gives it back where nothing of its name is being worked on.
    fn take(&mut self, letter: Letter) -> Option<Letter> {
        if let Letter::Look(name) = &letter
            && !self.shared.recoveries.are_over()
        {
            self.later.insert(name.clone());
            return None;
        }
        if self.shared.ownership.epoch(event_partition(letter.event())).is_none() {
            self.pass_on(letter);
            return None;
        }
        let Some(waiting) = self.by_name.get_mut(letter.event()) else {
            self.by_name.insert(letter.event().clone(), VecDeque::new());
            return Some(letter);
        };
        let is_look = |letter: &Letter| matches!(letter, Letter::Look(_));
        if !(is_look(&letter) && waiting.iter().any(is_look)) {
            waiting.push_back(letter);
        }
        None
    }

    /// Hands a letter to the node that brings events of its name.
    fn pass_on(&self, letter: Letter) {
        match letter {
            Letter::Opened(wait) => self.shared.tell(Message::Opened(wait)),
            Letter::Look(name) => self.shared.tell(Message::Look(name)),
            Letter::Sent { event, answer } => {
                let shared = self.shared.clone();
                self.shared.spawn(async move { send_on(&shared, &event, answer).await });
            }
        }
    }

    /// What is next of a name that is done with.
    fn next_of(&mut self, name: &Arc<str>) -> Option<Letter> {
        let next = self.by_name.get_mut(name).and_then(VecDeque::pop_front);
        if next.is_none() {
            self.by_name.remove(name);
        }
        next
    }

    /// What was put off until all is read, once it is.
    fn looks(&mut self) -> Vec<Letter> {
        if self.later.is_empty() || !self.shared.recoveries.are_over() {
            return Vec::new();
        }
        let names = std::mem::take(&mut self.later);
        names.into_iter().filter_map(|name| self.take(Letter::Look(name))).collect()
    }
}

/// Why a letter is to be done over.
#[derive(Debug, thiserror::Error)]
enum Away {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Runtime(String),
}

/// Does what a letter says, over and over where something is away; the name that is done with.
async fn work(shared: Arc<Shared>, letter: Letter) -> Arc<str> {
    let name = letter.event().clone();
    let mut backoff = Backoff::new();
    loop {
        match read(&shared, &letter).await {
            Ok(deliveries) => {
                if let Letter::Sent { answer, .. } = letter {
                    let _ = answer.send(deliveries);
                }
                return name;
            }
            Err(error) => tracing::warn!(event = &*name, %error, "an event waits to be offered"),
        }
        backoff.wait(&*shared.ports.clock).await;
    }
}

async fn read(shared: &Shared, letter: &Letter) -> Result<Vec<Delivery>, Away> {
    match letter {
        Letter::Sent { event, .. } => deliver(shared, event).await,
        Letter::Opened(opened) => offer_kept(shared, opened).await.map(|()| Vec::new()),
        Letter::Look(name) => look(shared, name).await.map(|()| Vec::new()),
    }
}

/// Offers an event to the open waits, oldest first: a kept one until each workflow has taken it, another to all of them.
async fn deliver(shared: &Shared, event: &Arc<SentEvent>) -> Result<Vec<Delivery>, Away> {
    let store = &shared.ports.store;
    let mut taken = if event.kept { store.event_deliveries(&event.name, &event.id).await? } else { Vec::new() };
    let mut done: HashSet<WorkflowId> = taken.iter().map(|delivery| delivery.workflow).collect();
    let mut told: HashSet<ExecutionId> = HashSet::new();
    let mut after = None;
    loop {
        let page = store.waits_open(&event.name, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(taken) };
        after = Some(last.cursor.clone());
        let wanted =
            page.iter().filter(|wait| is_kept_for(event, wait, shared.now()) && !done.contains(&wait.workflow));
        for wait in ask(shared, event, wanted).await {
            let execution = wait.cursor.execution;
            if done.contains(&wait.workflow) || !told.insert(execution) {
                continue;
            }
            if let Some(delivery) = offer(shared, event, execution, wait.workflow).await? {
                taken.push(delivery);
                if event.kept {
                    done.insert(wait.workflow);
                }
            }
        }
    }
}

/// Whether an event is still there for a wait.
fn is_kept_for(event: &SentEvent, wait: &OpenWait, now: Timestamp) -> bool {
    event.at.plus_ms(wait.keep_ms.unwrap_or(DEFAULT_KEEP_MS)) > now
}

/// Has another node bring an event to the waits for it; until that is written, over and over.
async fn send_on(shared: &Shared, event: &SentEvent, mut answer: oneshot::Sender<Vec<Delivery>>) {
    let mut backoff = Backoff::new();
    let id = loop {
        match shared.submit(Message::Sent(event.clone())).await {
            Ok(id) => break id,
            Err(error) => {
                tracing::warn!(event = &*event.name, %error, "an event can't be told to its node; trying again")
            }
        }
        backoff.wait(&*shared.ports.clock).await;
    };
    tokio::select! {
        biased;
        // Nobody waits any more. It is brought all the same.
        () = answer.closed() => {}
        Some(Reply::Taken(taken)) = shared.reply(id, TAKEN) => drop(answer.send(taken)),
        else => {}
    }
}

/// Those of these waits whose execution has one that takes the event: asked all at once, so that those which must be read
/// first are read together. The answer binds nobody; the offer does.
async fn ask<'a>(
    shared: &Shared,
    event: &Arc<SentEvent>,
    waits: impl Iterator<Item = &'a OpenWait>,
) -> Vec<&'a OpenWait> {
    let mut waits: Vec<&OpenWait> = waits.collect();
    let executions = waits.iter().map(|wait| wait.cursor.execution).collect();
    let fit = those_that_take(shared, event, executions).await;
    waits.retain(|wait| fit.contains(&wait.cursor.execution));
    waits
}

/// Those of these executions that have a wait which takes the event, wherever they run. Who gives no answer is among them, to
/// be asked again by the offer.
async fn those_that_take(
    shared: &Shared,
    event: &Arc<SentEvent>,
    executions: Vec<ExecutionId>,
) -> HashSet<ExecutionId> {
    let (mut here, mut elsewhere) = (Vec::new(), BTreeMap::<PartitionId, Vec<ExecutionId>>::new());
    for execution in executions {
        match shared.ownership.epoch(execution.partition()) {
            Some(_) => here.push((execution, takes(shared, event, execution))),
            None => elsewhere.entry(execution.partition()).or_default().push(execution),
        }
    }
    let others: Vec<BoxFuture<'_, Vec<ExecutionId>>> =
        elsewhere.into_values().map(|executions| ask_others(shared, event, executions).boxed()).collect();
    let mut fit: HashSet<ExecutionId> = join_all(others).await.into_iter().flatten().collect();
    for (execution, answer) in here {
        if answer.await.unwrap_or(true) {
            fit.insert(execution);
        }
    }
    fit
}

/// Those of these executions, all of one partition, whose node says that they take an event.
async fn ask_others(shared: &Shared, event: &SentEvent, executions: Vec<ExecutionId>) -> Vec<ExecutionId> {
    let message = Message::Ask { executions: executions.clone(), event: event.clone() };
    match shared.ask(message, ASK).await {
        Ok(Reply::Fit(fit)) => fit,
        _ => executions,
    }
}

fn takes(shared: &Shared, event: &Arc<SentEvent>, execution: ExecutionId) -> oneshot::Receiver<bool> {
    let (answer, answered) = oneshot::channel();
    shared.apply(execution, Job::own(What::Ask { event: event.clone(), answer }));
    answered
}

/// Offers an event to an execution, and waits until what follows is written.
async fn offer(
    shared: &Shared,
    event: &Arc<SentEvent>,
    execution: ExecutionId,
    workflow: WorkflowId,
) -> Result<Option<Delivery>, Away> {
    let SentEvent { name, id, data, .. } = &**event;
    let delivery = Delivery { name: name.clone(), id: id.clone(), workflow, execution, at: shared.now() };
    let signal = Event::Signal { id: signal_id(event), name: name.clone(), data: data.clone(), keep: false };
    let taken = event.kept.then(|| delivery.clone());
    let answered = match shared.ownership.epoch(execution.partition()) {
        Some(_) => {
            let (answer, answered) = oneshot::channel();
            let offer = Offer { event: signal, delivery: taken, answer };
            shared.apply(execution, Job::own(What::Offer(Box::new(offer))));
            answered.await.map_err(|_| Away::Runtime("the offer was dropped".to_owned()))?
        }
        None => {
            let offer = Message::Offer { execution, event: signal, delivery: taken };
            shared.ask(offer, OFFER).await.and_then(|reply| outbox::done(execution, reply))
        }
    };
    match answered {
        Ok(()) => Ok(Some(delivery)),
        Err(RuntimeError::Refused(_) | RuntimeError::NotFound(_)) => Ok(None),
        Err(error @ RuntimeError::Unavailable(_)) if event.kept => Err(Away::Runtime(error.to_string())),
        // It goes to who is there now.
        Err(RuntimeError::Unavailable(_)) => Ok(None),
    }
}

/// What an event from outside is called in an execution: never as a signal that is sent to it alone.
fn signal_id(event: &SentEvent) -> Arc<str> {
    format!("event:{}:{}", event.name, event.id).into()
}

/// Offers what is kept for its workflow, oldest first, to a wait that was opened.
async fn offer_kept(shared: &Shared, opened: &OpenedWait) -> Result<(), Away> {
    let now = shared.now();
    let keep = i64::try_from(opened.keep_ms).unwrap_or(i64::MAX).saturating_mul(1_000);
    let mut filter = KeptFilter {
        name: opened.event.clone(),
        for_workflow: Some(opened.workflow),
        since: Timestamp(now.0.saturating_sub(keep)),
        now,
        after: None,
        limit: PAGE,
    };
    loop {
        let page = shared.ports.store.events_kept(&filter).await?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after = Some((last.at, last.id.clone()));
        let page: Vec<Arc<SentEvent>> = page.into_iter().map(Arc::new).collect();
        let mut fits: Vec<HashSet<ExecutionId>> = Vec::with_capacity(page.len());
        for some in page.chunks(AT_ONCE) {
            let asked: Vec<BoxFuture<'_, HashSet<ExecutionId>>> =
                some.iter().map(|event| those_that_take(shared, event, vec![opened.execution]).boxed()).collect();
            fits.extend(join_all(asked).await);
        }
        for (event, fits) in page.into_iter().zip(fits) {
            if !fits.is_empty() && offer(shared, &event, opened.execution, opened.workflow).await?.is_some() {
                return Ok(());
            }
        }
    }
}

/// Offers all that is kept under a name to all waits that are open.
async fn look(shared: &Shared, name: &Arc<str>) -> Result<(), Away> {
    let now = shared.now();
    let since = Timestamp(i64::MIN);
    let mut filter = KeptFilter { name: name.clone(), for_workflow: None, since, now, after: None, limit: PAGE };
    loop {
        let page = shared.ports.store.events_kept(&filter).await?;
        let Some(last) = page.last() else { return Ok(()) };
        filter.after = Some((last.at, last.id.clone()));
        for event in page {
            deliver(shared, &Arc::new(event)).await?;
        }
    }
}
