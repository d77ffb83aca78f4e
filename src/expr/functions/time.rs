//! Functions of timestamps and durations. Timestamps are in UTC, or at an offset such as `+02:00` that is given.

use std::fmt::Write;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Datelike, FixedOffset, Timelike};

use super::{Call, Function, method};
use crate::expr::fault::Fault;
use crate::expr::{Timestamp, Value};

/// An accessor of timestamps.
const fn part(
    name: &'static str,
    aliases: &'static [&'static str],
    signature: &'static str,
    doc: &'static str,
    run: fn(&mut Call) -> Result<Value, Fault>,
) -> Function {
    method(name, (0, 1), signature).aliases(aliases).does(doc, run)
}

pub(super) const TABLE: &[Function] = &[
    part("get_full_year", &["getFullYear"], "timestamp.get_full_year(offset?: string) -> int", "The year.", |call| {
        Ok(Value::Int(i64::from(moment(call)?.year())))
    }),
    part(
        "get_month",
        &["getMonth"],
        "timestamp.get_month(offset?: string) -> int",
        "The month, 0 to 11 as in CEL.",
        |call| count(moment(call)?.month0()),
    ),
    part(
        "get_date",
        &["getDate"],
        "timestamp.get_date(offset?: string) -> int",
        "The day of the month, from 1.",
        |call| count(moment(call)?.day()),
    ),
    part(
        "get_day_of_month",
        &["getDayOfMonth"],
        "timestamp.get_day_of_month(offset?: string) -> int",
        "The day of the month, from 0 as in CEL.",
        |call| count(moment(call)?.day0()),
    ),
    part(
        "get_day_of_week",
        &["getDayOfWeek"],
        "timestamp.get_day_of_week(offset?: string) -> int",
        "The day of the week, 0 for Sunday.",
        |call| count(moment(call)?.weekday().num_days_from_sunday()),
    ),
    part(
        "get_day_of_year",
        &["getDayOfYear"],
        "timestamp.get_day_of_year(offset?: string) -> int",
        "The day of the year, from 0 as in CEL.",
        |call| count(moment(call)?.ordinal0()),
    ),
    part(
        "get_hours",
        &["getHours"],
        "timestamp.get_hours(offset?: string) -> int or duration.get_hours() -> int",
        "The hour of a timestamp, or the whole hours of a duration.",
        |call| unit(call, 3_600_000_000, |at| at.hour()),
    ),
    part(
        "get_minutes",
        &["getMinutes"],
        "timestamp.get_minutes(offset?: string) -> int or duration.get_minutes() -> int",
        "The minute of a timestamp, or all the whole minutes of a duration.",
        |call| unit(call, 60_000_000, |at| at.minute()),
    ),
    part(
        "get_seconds",
        &["getSeconds"],
        "timestamp.get_seconds(offset?: string) -> int or duration.get_seconds() -> int",
        "The second of a timestamp, or all the whole seconds of a duration.",
        |call| unit(call, 1_000_000, |at| at.second()),
    ),
    part(
        "get_milliseconds",
        &["getMilliseconds"],
        "timestamp.get_milliseconds(offset?: string) -> int or duration.get_milliseconds() -> int",
        "The milliseconds within the second, as in CEL; for all of a duration's write `d / 1ms`.",
        milliseconds,
    ),
    method("format", (1, 2), "timestamp.format(pattern: string, offset?: string) -> string")
        .does("The timestamp by a pattern such as `%Y-%m-%d %H:%M:%S`.", format)
        .cost("O(n)", "8 a byte of the pattern, and bytes of the result / 64"),
];

fn count(part: u32) -> Result<Value, Fault> {
    Ok(Value::Int(i64::from(part)))
}

/// The timestamp at the offset that is given, the second argument, or in UTC.
fn moment(call: &Call) -> Result<DateTime<FixedOffset>, Fault> {
    moment_at(call, 1)
}

fn moment_at(call: &Call, offset_at: usize) -> Result<DateTime<FixedOffset>, Fault> {
    let Value::Timestamp(micros) = call.arg(0) else { return Err(call.wrong(0, "a timestamp")) };
    let offset = if call.has(offset_at) { call.text(offset_at)? } else { "UTC" };
    let offset = parse_offset(offset).ok_or_else(|| call.wrong(offset_at, "an offset such as `+02:00`, or `UTC`"))?;
    let utc = Timestamp(*micros).to_chrono();
    // A day at the very end of what the calendar holds has no local time everywhere.
    let local = utc.naive_utc().checked_add_offset(offset);
    local.map(|_| utc.with_timezone(&offset)).ok_or_else(|| call.wrong(0, "a timestamp of the years 1 to 9999"))
}

/// `UTC`, `Z`, `+02:00` or `-05:30`; CEL also leaves the plus out.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    if matches!(text, "UTC" | "Z" | "") {
        return FixedOffset::east_opt(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |text: &str| {
        (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    if minutes > 59 {
        return None;
    }
    FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60))
}

/// A part of a timestamp, or how many of a unit a duration has.
fn unit(call: &mut Call, micros: i64, part: impl Fn(DateTime<FixedOffset>) -> u32) -> Result<Value, Fault> {
    match call.arg(0) {
        Value::Duration(duration) if !call.has(1) => Ok(Value::Int(duration / micros)),
        Value::Duration(_) => Err(call.wrong(0, "a timestamp where an offset is given")),
        Value::Timestamp(_) => count(part(moment(call)?)),
        _ => Err(call.wrong(0, "a timestamp or a duration")),
    }
}

fn milliseconds(call: &mut Call) -> Result<Value, Fault> {
    match call.arg(0) {
        Value::Duration(duration) if !call.has(1) => Ok(Value::Int(duration / 1_000 % 1_000)),
        _ => unit(call, 1_000, |at| at.timestamp_subsec_millis()),
    }
}

fn format(call: &mut Call) -> Result<Value, Fault> {
    let pattern = call.text(1)?;
    call.budget.charge(pattern.len().saturating_mul(8))?;
    let moment = moment_at(call, 2)?;
    let items: Vec<Item> = StrftimeItems::new(pattern).collect();
    let mut text = String::new();
    if items.contains(&Item::Error) || write!(text, "{}", moment.format_with_items(items.iter())).is_err() {
        return Err(call.wrong(1, "a pattern such as `%Y-%m-%d`"));
    }
    call.budget.charge_grow(0, text.len())?;
    Ok(Value::str(text))
}
