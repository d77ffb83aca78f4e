//! A value on its way from text to its type.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::expr::{duration_text, parse_duration};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// A file, and the line in it; 0 is the file as a whole.
    File(String, usize),
    /// A variable of the environment.
    Variable(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, 0) => f.write_str(path),
            Self::File(path, line) => write!(f, "{path}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// Text of a variable or a flag, whose type the key tells.
    Loose(String),
    /// A string of the file.
    Text(String),
    /// An integer of the file.
    Integer(i64),
    /// A boolean of the file.
    Bool(bool),
    /// A list of the file.
    List(Vec<Self>),
    /// What no key takes.
    Other(&'static str),
}

impl Raw {
    /// As errors show it.
    pub fn shown(&self, secret: bool) -> String {
        match self {
            Self::Loose(text) | Self::Text(text) if secret => format!("`{}`", mask(text)),
            Self::Loose(text) | Self::Text(text) => format!("`{text}`"),
            Self::Integer(number) => format!("`{number}`"),
            Self::Bool(value) => format!("`{value}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// What a key takes.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// Text that may hold a password.
    Url(&'static [&'static str]),
    /// An address to listen on.
    Address,
    /// A duration such as `30s`.
    Duration,
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// A number of bytes: `1048576` or `1MiB`.
    Bytes,
    /// `true` or `false`.
    Bool,
    /// One of these.
    Choice(&'static [&'static str]),
    /// A list of texts; in a variable or a flag, parted by commas.
    List,
}

/// A value of its type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Setting {
    Nothing,
    Text(String),
    Address(SocketAddr),
    Duration(Duration),
    Number(u64),
    Bool(bool),
    List(Vec<String>),
}

impl Kind {
    /// Whether its values may hold a password.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Url(_))
    }

    /// The value, or what it should have been.
    pub fn read(&self, raw: &Raw) -> Result<Setting, String> {
        let value = match raw {
            Raw::Loose(text) => self.read_text(text.trim()),
            Raw::Text(text) if !matches!(self, Self::Count(_) | Self::Bool | Self::List) => self.read_text(text),
            Raw::Integer(number) if matches!(self, Self::Count(_) | Self::Bytes) => self.read_text(&number.to_string()),
            Raw::Bool(value) if matches!(self, Self::Bool) => Some(Setting::Bool(*value)),
            Raw::List(items) if matches!(self, Self::List) => read_list(items),
            _ => None,
        };
        value.ok_or_else(|| self.expected())
    }

    fn read_text(&self, text: &str) -> Option<Setting> {
        match self {
            Self::Text => Some(optional(text)),
            Self::Url(schemes) => {
                let known = text.is_empty() || schemes.iter().any(|scheme| text.starts_with(scheme));
                known.then(|| optional(text))
            }
            Self::Address => text.parse().ok().map(Setting::Address),
            Self::Duration if text.is_empty() || text == "off" => Some(Setting::Nothing),
            Self::Duration => {
                let micros = parse_duration(text).and_then(|micros| u64::try_from(micros).ok());
                micros
                    .filter(|micros| *micros > 0 || text.starts_with('0'))
                    .map(Duration::from_micros)
                    .map(Setting::Duration)
            }
            Self::Count(range) => text.parse().ok().filter(|number| range.contains(number)).map(Setting::Number),
            Self::Bytes => bytes(text).map(Setting::Number),
            Self::Bool => text.parse().ok().map(Setting::Bool),
            Self::Choice(choices) => (text.is_empty() || choices.contains(&text)).then(|| optional(text)),
            Self::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Some(Setting::List(items.map(str::to_owned).collect()))
            }
        }
    }

    /// What is expected, in words.
    pub fn expected(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Url(schemes) => format!("a URL that begins with {}", ticked(schemes)),
            Self::Address => "an address and a port, as in `127.0.0.1:8080`".to_owned(),
            Self::Duration => "a duration, as in `30s` or `1m30s`".to_owned(),
            Self::Count(range) => format!("a whole number from {} to {}", range.start(), range.end()),
            Self::Bytes => "a number of bytes, as in `1048576` or `1MiB`".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Choice(choices) => ticked(choices),
            Self::List => "a list of texts".to_owned(),
        }
    }
}

fn ticked(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
}

fn optional(text: &str) -> Setting {
    if text.is_empty() { Setting::Nothing } else { Setting::Text(text.to_owned()) }
}

fn read_list(items: &[Raw]) -> Option<Setting> {
    let texts = items.iter().map(|item| match item {
        Raw::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect::<Option<Vec<_>>>().map(Setting::List)
}

/// `1048576`, `512KiB`, `1MiB`, `2GiB`: from 1 byte to 1 GiB.
fn bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    let number: u64 = text[..digits].parse().ok()?;
    number.checked_mul(factor).filter(|bytes| (1..=1 << 30).contains(bytes))
}

/// A number of bytes as it is shown.
pub(super) fn bytes_text(bytes: u64) -> String {
    [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
        .iter()
        .find(|(factor, _)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .map_or_else(|| bytes.to_string(), |(factor, unit)| format!("{}{unit}", bytes / factor))
}

/// A URL with its password masked, wherever it stands: before the host, or as a parameter.
pub(super) fn mask(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let end = rest.find('/').unwrap_or(rest.len());
    // A password may hold a `/` that nobody escaped: the last `@` ends it.
    let at = rest[..end].rfind('@').or_else(|| rest.rfind('@').filter(|at| rest[..*at].contains(':')));
    let rest = match at.and_then(|at| Some((rest[..at].split_once(':')?.0, &rest[at..]))) {
        Some((user, host)) => format!("{user}:***{host}"),
        None => rest.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(mask_parameter).collect::<Vec<_>>().join("&"));
    query.map_or_else(|| format!("{scheme}://{rest}"), |query| format!("{scheme}://{rest}?{query}"))
}

fn mask_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
        _ => parameter.to_owned(),
    }
}

impl Setting {
    /// As `stepwell config` shows it.
    pub fn json(&self, kind: &Kind) -> serde_json::Value {
        match self {
            Self::Nothing => serde_json::Value::Null,
            Self::Text(text) if kind.is_secret() => mask(text).into(),
            Self::Text(text) => text.clone().into(),
            Self::Address(address) => address.to_string().into(),
            Self::Duration(duration) => duration_text(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)).into(),
            Self::Number(number) if matches!(kind, Kind::Bytes) => bytes_text(*number).into(),
            Self::Number(number) => (*number).into(),
            Self::Bool(value) => (*value).into(),
            Self::List(items) => items.clone().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, bytes_text, mask};

    #[test]
    fn a_password_is_masked_wherever_it_stands() {
        for (url, shown) in [
            ("postgres://app:s3cret@db/stepwell", "postgres://app:***@db/stepwell"),
            ("postgres://app:a/b@db:5432/x", "postgres://app:***@db:5432/x"),
            ("postgres://app:a@b@db/x", "postgres://app:***@db/x"),
            ("redis://:pw@cache:6379", "redis://:***@cache:6379"),
            ("postgres://db/x?user=a&password=b", "postgres://db/x?user=a&password=***"),
            ("postgres://app@db/x", "postgres://app@db/x"),
            ("sqlite://stepwell.db", "sqlite://stepwell.db"),
        ] {
            assert_eq!(mask(url), shown);
        }
    }

    #[test]
    fn bytes_have_units() {
        for (text, number) in [("1048576", 1 << 20), ("1MiB", 1 << 20), ("3 KiB", 3 << 10), ("7B", 7)] {
            assert_eq!(bytes(text), Some(number), "{text}");
        }
        for text in ["", "0", "-1", "1MB", "MiB", "2GiB", "99999999999999999999"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        assert_eq!([bytes_text(1 << 20), bytes_text(1500), bytes_text(3 << 10)], ["1MiB", "1500", "3KiB"]);
    }
}
