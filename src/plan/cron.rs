//! Cron schedules of five fields: minute, hour, day of the month, month, day of the week.
//!
//! A field is `*`, a value, a range `1-5`, a list `1,15`, each with a step `*/10`; months and days of the week have names of
//! three letters; 7 is Sunday, as 0 is. Where both days are given, a day that is one of the two counts.

use std::fmt;
use std::ops::Range;

/// The fields: what they are called, their least and their greatest value, and names from the least up.
const FIELDS: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day of the month", 1, 31, &[]),
    ("month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("day of the week", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// The most days that a month has.
const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Other ways of writing a schedule, and ours.
const SHORT: &[(&str, &str)] = &[
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// A schedule: for each field the values that count, as bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    fields: [u64; 5],
    /// Whether the day of the month is `*`, and the day of the week.
    every: [bool; 2],
}

/// What is wrong with a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronError {
    /// What it is.
    pub message: String,
    /// The way out.
    pub help: Option<String>,
    /// Where in the text.
    pub place: Range<usize>,
}

impl fmt::Display for CronError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CronError {}

impl Cron {
    /// The schedule that `text` writes.
    ///
    /// # Errors
    /// What is no schedule, or one that never comes.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let words = words(text);
        if words.len() != FIELDS.len() {
            return Err(wrong_count(text, words.len()));
        }
        let mut fields = [0_u64; 5];
        for (at, place) in words.iter().enumerate() {
            fields[at] = parse_field(at, &text[place.clone()], place.start)?;
        }
        // 7 is Sunday, as 0 is.
        fields[4] = (fields[4] | fields[4] >> 7) & 0x7f;
        let star = |at: usize| text[words[at].clone()].starts_with('*');
        let cron = Self { fields, every: [star(2), star(4)] };
        if cron.is_never() {
            let message = "this day never comes".to_owned();
            let help = Some("no such month has so many days".to_owned());
            return Err(CronError { message, help, place: words[2].start..words[3].end });
        }
        Ok(cron)
    }

    /// Whether a minute counts: `weekday` is from Sunday, 0.
    pub fn matches(&self, minute: u32, hour: u32, day: u32, month: u32, weekday: u32) -> bool {
        let has = |field: usize, value: u32| self.fields[field] >> value & 1 == 1;
        let days = match self.every {
            [false, false] => has(2, day) || has(4, weekday),
            _ => has(2, day) && has(4, weekday),
        };
        has(0, minute) && has(1, hour) && has(3, month) && days
    }

    fn is_never(&self) -> bool {
        // A day of the week comes in every month.
        if self.every == [false, false] {
            return false;
        }
        let first = self.fields[2].trailing_zeros();
        let months = (1..=12_u32).filter(|month| self.fields[3] >> month & 1 == 1);
        !DAYS.iter().zip(1_u32..).any(|(days, month)| months.clone().any(|known| known == month) && first <= *days)
    }
}

/// The places of the words of a text.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split_ascii_whitespace() {
        let start = text[at..].find(word).map_or(at, |start| at + start);
        at = start + word.len();
        found.push(start..at);
    }
    found
}

fn wrong_count(text: &str, count: usize) -> CronError {
    let known = SHORT.iter().find(|(short, _)| *short == text.trim()).map(|(_, ours)| format!("write `{ours}`"));
    let message = format!("a schedule has five fields, and this has {count}");
    let help = match count {
        6 => "minute, hour, day of the month, month, day of the week: there are no seconds",
        _ => "minute, hour, day of the month, month, day of the week, such as `0 6 * * 1-5`",
    };
    CronError { message, help: Some(known.unwrap_or_else(|| help.to_owned())), place: 0..text.len() }
}

/// The values of a field, as bits.
fn parse_field(field: usize, text: &str, start: usize) -> Result<u64, CronError> {
    let mut bits = 0;
    let mut at = start;
    for part in text.split(',') {
        bits |= parse_part(field, part, at)?;
        at += part.len() + 1;
    }
    Ok(bits)
}

fn parse_part(field: usize, text: &str, start: usize) -> Result<u64, CronError> {
    let (name, least, greatest, _) = FIELDS[field];
    let error = |message: String| CronError { message, help: None, place: start..start + text.len().max(1) };
    let (range, step) = match text.split_once('/') {
        None => (text, None),
        Some((range, step)) => match step.parse::<u32>() {
            Ok(count) if count > 0 && count <= greatest => (range, Some(count)),
            _ => return Err(error(format!("`{step}` is no step of the {name}"))),
        },
    };
    let (from, to) = match range.split_once('-') {
        _ if range == "*" => (least, greatest - u32::from(field == 4)),
        Some((from, to)) => (value(field, from, start)?, value(field, to, start + from.len() + 1)?),
        // `5/10` is from 5 on.
        None => {
            let from = value(field, range, start)?;
            (from, if step.is_some() { greatest } else { from })
        }
    };
    if from > to {
        let help = Some(format!("write `{to}-{from}`, or both parts: `{from}-{greatest},{least}-{to}`"));
        return Err(CronError { help, ..error(format!("the range `{range}` ends before it begins")) });
    }
    let step = usize::try_from(step.unwrap_or(1)).unwrap_or(1);
    Ok((from..=to).step_by(step).fold(0, |bits, value| bits | 1 << value))
}

fn value(field: usize, text: &str, start: usize) -> Result<u32, CronError> {
    let (name, least, greatest, names) = FIELDS[field];
    let by_name = names.iter().zip(least..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| value);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    let range = least..=greatest;
    by_name.or(number).filter(|value| range.contains(value)).ok_or_else(|| CronError {
        message: format!("`{text}` is no {name}"),
        help: Some(match names {
            [] => format!("a number from {least} to {greatest}"),
            [first, ..] => format!("a number from {least} to {greatest}, or a name such as `{first}`"),
        }),
        place: start..start + text.len().max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        let error = Cron::parse(text).unwrap_err();
        format!("{} @ {:?}", error.message, &text[error.place.start..error.place.end.min(text.len())])
    }

    #[test]
    fn a_schedule_counts_the_minutes_that_it_names() {
        let workdays = Cron::parse("0 6 * * 1-5").unwrap();
        assert!(
            workdays.matches(0, 6, 17, 3, 5) && !workdays.matches(0, 6, 17, 3, 6) && !workdays.matches(1, 6, 17, 3, 5)
        );
        let often = Cron::parse("*/15 8-18/2 * jan,DEC *").unwrap();
        assert!(
            often.matches(45, 10, 1, 12, 0) && !often.matches(45, 11, 1, 12, 0) && !often.matches(45, 10, 1, 11, 0)
        );
        let sundays = Cron::parse("0 0 * * 7").unwrap();
        assert_eq!(sundays, Cron::parse("0 0 * * sun").unwrap());
        let either = Cron::parse("0 0 13 * fri").unwrap();
        assert!(either.matches(0, 0, 13, 1, 1) && either.matches(0, 0, 14, 1, 5) && !either.matches(0, 0, 14, 1, 1));
        assert!(Cron::parse("0 0 29 2 *").is_ok() && Cron::parse("0 0 31 2 mon").is_ok());
        assert!(Cron::parse("5/20 * * * *").unwrap().matches(45, 0, 1, 1, 0));
    }

    #[test]
    fn what_is_no_schedule_is_told_where_it_is_wrong() {
        assert_eq!(told("0 6 * *"), "a schedule has five fields, and this has 4 @ \"0 6 * *\"");
        assert_eq!(told("60 6 * * *"), "`60` is no minute @ \"60\"");
        assert_eq!(told("0 6 * * 1-8"), "`8` is no day of the week @ \"8\"");
        assert_eq!(told("0 6 * foo *"), "`foo` is no month @ \"foo\"");
        assert_eq!(told("0 6,x * * *"), "`x` is no hour @ \"x\"");
        assert_eq!(told("0 18-8 * * *"), "the range `18-8` ends before it begins @ \"18-8\"");
        assert_eq!(told("*/0 * * * *"), "`0` is no step of the minute @ \"*/0\"");
        assert_eq!(told("0 0 31 2 *"), "this day never comes @ \"31 2\"");
        assert_eq!(told("0 0 31 4,6,9 *"), "this day never comes @ \"31 4,6,9\"");
        assert_eq!(Cron::parse("@daily").unwrap_err().help.as_deref(), Some("write `0 0 * * *`"));
    }
}
