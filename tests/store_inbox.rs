//! Messages between nodes, in both databases: kept until they are done, and done once.

use std::borrow::Cow;

use stepwell::engine::{Event, ExecutionStatus, Refusal};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::{Epoch, PartitionId};
use stepwell::service::inbox::{Grant, InboxStore, Message, MessageId, NewMessage, Reply, Settled};
use stepwell::service::ports::{Commit, ExecutionReads, ExecutionStore, StoreError};
use stepwell::service::waits::SentEvent;

use crate::store::{Fresh, each, execution, id, update};

fn cancel(n: u32) -> Message {
    let event = Event::Cancel { reason: "enough".into(), undo: true };
    Message::Event { execution: id(n), event, grant: None }
}

async fn send(fresh: &Fresh, message: Message, awaited: bool) -> MessageId {
    let new = NewMessage { message, awaited, at: Timestamp(7) };
    fresh.database.inbox_send(&[new]).await.unwrap()[0]
}

fn done(message: MessageId, n: u32, reply: Option<Reply>) -> Settled {
    Settled { id: message, partition: id(n).partition(), execution: Some(id(n)), reply }
}

async fn open(fresh: &Fresh) -> Vec<MessageId> {
    let all: Vec<PartitionId> = PartitionId::all().collect();
    fresh.database.inbox_open(&all, 0, 100).await.unwrap().iter().map(|message| message.id).collect()
}

#[tokio::test]
async fn messages_come_back_as_they_were_sent_in_order_to_the_owner_of_their_partition() {
    each(|fresh| async move {
        let event = SentEvent {
            name: "carrier.accepted".into(),
            id: "1".into(),
            data: Value::object([("text", Value::str("ünï\0'\""))]),
            kept: true,
            at: Timestamp(1),
            expires_at: Timestamp(2),
        };
        let elsewhere = (2..).find(|n| id(*n).partition() != id(1).partition()).unwrap();
        let messages = [cancel(1), cancel(elsewhere), Message::Ask { executions: vec![id(1)], event }];
        let new = messages.clone().map(|message| NewMessage { message, awaited: true, at: Timestamp(7) });
        let ids = fresh.database.inbox_send(&new).await.unwrap();
        assert!(ids.is_sorted());
        let mine = fresh.database.inbox_open(&[id(1).partition()], 0, 9).await.unwrap();
        let told: Vec<_> = mine.iter().map(|open| (open.id, open.message.clone().unwrap(), open.awaited)).collect();
        assert_eq!(told, [(ids[0], messages[0].clone(), true), (ids[2], messages[2].clone(), true)]);
        let later = fresh.database.inbox_open(&[id(1).partition()], ids[0], 9).await.unwrap();
        assert_eq!(later.iter().map(|open| open.id).collect::<Vec<_>>(), [ids[2]]);
    })
    .await;
}

#[tokio::test]
async fn what_follows_from_a_message_is_written_with_the_word_that_it_is_done_and_once() {
    each(|fresh| async move {
        fresh.commit(Commit { starts: vec![execution(1)], ..Commit::default() }).await.unwrap();
        let message = send(&fresh, cancel(1), true).await;
        let commit = |seq, status| Commit {
            executions: vec![update(id(1), seq, status)],
            settled: vec![done(message, 1, Some(Reply::Done))],
            ..Commit::default()
        };
        fresh.commit(commit(2, ExecutionStatus::Paused)).await.unwrap();
        assert!(open(&fresh).await.is_empty());
        let again = fresh.commit(commit(3, ExecutionStatus::Cancelled)).await.unwrap_err();
        assert!(matches!(again, StoreError::Conflict(_)), "{again}");
        assert_eq!(fresh.database.execution_status(id(1)).await.unwrap(), Some(ExecutionStatus::Paused));
        assert_eq!(fresh.database.inbox_reply(message).await.unwrap(), Some(Reply::Done));
        assert_eq!(fresh.database.inbox_reply(message).await.unwrap(), None, "it is taken");
        assert_eq!(fresh.count("inbox").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_was_taken_back_is_not_done() {
    each(|fresh| async move {
        fresh.commit(Commit { starts: vec![execution(1)], ..Commit::default() }).await.unwrap();
        let message = send(&fresh, cancel(1), true).await;
        assert!(fresh.database.inbox_withdraw(message).await.unwrap());
        let executions = vec![update(id(1), 2, ExecutionStatus::Cancelled)];
        let settled = vec![done(message, 1, Some(Reply::Done))];
        let late = fresh.commit(Commit { executions, settled, ..Commit::default() }).await.unwrap_err();
        assert!(matches!(late, StoreError::Conflict(_)), "{late}");
        assert_eq!(fresh.database.execution_status(id(1)).await.unwrap(), Some(ExecutionStatus::Running));
    })
    .await;
}

#[tokio::test]
async fn of_a_message_that_nobody_waits_for_nothing_stays() {
    each(|fresh| async move {
        let told = send(&fresh, cancel(1), false).await;
        let asked = send(&fresh, cancel(1), true).await;
        let refusal = Refusal::Illegal {
            what: Cow::Borrowed("a cancel"),
            state: ExecutionStatus::Completed,
            allowed: Cow::Borrowed("running"),
        };
        let settled = vec![done(told, 1, None), done(asked, 1, Some(Reply::Refused(refusal.clone())))];
        fresh.commit(Commit { settled, ..Commit::default() }).await.unwrap();
        assert_eq!(fresh.count("inbox").await, 1);
        assert!(!fresh.database.inbox_withdraw(asked).await.unwrap(), "it is done");
        assert_eq!(fresh.database.inbox_sweep(Timestamp(6), 9).await.unwrap(), 0, "somebody may still come for it");
        assert_eq!(fresh.database.inbox_sweep(Timestamp(7), 9).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_owner_of_before_does_no_message() {
    each(|fresh| async move {
        let leases = fresh.take().await;
        let message = send(&fresh, cancel(1), true).await;
        fresh.take().await;
        let settled = vec![done(message, 1, Some(Reply::Done))];
        let committed = fresh.database.commit(&Commit { leases, settled, ..Commit::default() }).await.unwrap();
        assert!(committed.fenced.contains(&id(1).partition()));
        assert_eq!(open(&fresh).await, [message]);
    })
    .await;
}

#[tokio::test]
async fn what_was_granted_by_an_owner_of_before_is_not_written() {
    each(|fresh| async move {
        let pending = |n| stepwell::service::model::Execution { status: ExecutionStatus::Pending, ..execution(n) };
        let other = (2..).find(|n| id(*n).partition() != id(1).partition()).unwrap();
        fresh.commit(Commit { starts: vec![pending(1), pending(other)], ..Commit::default() }).await.unwrap();
        let leases = fresh.take().await;
        let partition = id(9).partition();
        let epoch = leases.iter().find(|(of, _)| *of == partition).unwrap().1;
        let running = ExecutionStatus::Running;
        let commit = Commit {
            leases,
            executions: vec![update(id(1), 2, running), update(id(other), 2, running)],
            grants: vec![
                (id(1), Grant { partition, epoch: Epoch(epoch.0 - 1) }),
                (id(other), Grant { partition, epoch }),
            ],
            ..Commit::default()
        };
        let committed = fresh.database.commit(&commit).await.unwrap();
        assert_eq!(committed.stale, [id(1)]);
        let status = async |n| fresh.database.execution_status(id(n)).await.unwrap().unwrap();
        assert_eq!((status(1).await, status(other).await), (ExecutionStatus::Pending, running));
    })
    .await;
}
