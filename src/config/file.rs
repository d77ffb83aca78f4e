//! `stepwell.toml`.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::did_you_mean;
use super::keys::{KEYS, names, section};
use super::value::Raw;
use super::{ConfigError, Loaded, Origin, overrides};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

struct File<'a> {
    path: String,
    text: &'a str,
}

impl File<'_> {
    fn at(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        Origin::File(self.path.clone(), before.filter(|byte| **byte == b'\n').count() + 1)
    }
}

/// Reads the file over what is there.
pub(super) fn read(path: &Path, loaded: &mut Loaded, errors: &mut Vec<ConfigError>) {
    // `./stepwell.toml` is called what the user calls it.
    let shown = path.strip_prefix(".").unwrap_or(path).display().to_string();
    let text = match read_text(path) {
        Ok(text) => text,
        Err(reason) => {
            return errors.push(ConfigError::new(Origin::File(shown, 0), format!("can't read it: {reason}")));
        }
    };
    let file = File { path: shown, text: &text };
    let (table, mistakes) = DeTable::parse_recoverable(&text);
    for mistake in &mistakes {
        let at = mistake.span().map_or(0, |span| span.start);
        errors.push(ConfigError::new(file.at(at), mistake.message().to_owned()));
    }
    read_table(&file, "", table.get_ref(), loaded, errors);
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("it has {size} bytes, and {MAX_BYTES} are allowed"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
}

fn read_table(file: &File<'_>, within: &str, table: &DeTable<'_>, loaded: &mut Loaded, errors: &mut Vec<ConfigError>) {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let name = if within.is_empty() { key.get_ref().to_string() } else { format!("{within}.{}", key.get_ref()) };
        let origin = file.at(key.span().start);
        if name == "settings" {
            read_settings(file, value, &origin, loaded, errors);
        } else if let Some(key) = KEYS.iter().find(|key| key.name == name) {
            errors.extend(loaded.set(key, &raw(value.get_ref()), &origin).err());
        } else if !section(&name) {
            let help = did_you_mean(&name, names());
            errors.push(ConfigError::new(origin, format!("unknown key `{name}`")).help(help));
        } else if let DeValue::Table(table) = value.get_ref() {
            read_table(file, &name, table, loaded, errors);
        } else {
            let help = Some(format!("`[{name}]` holds {}", overrides::listed(KEYS, &name)));
            errors.push(
                ConfigError::new(origin, format!("`{name}` is a table, not {}", raw(value.get_ref()).shown(true)))
                    .help(help),
            );
        }
    }
}

/// `[settings.<workflow>]`: any keys.
fn read_settings(
    file: &File<'_>,
    value: &Spanned<DeValue<'_>>,
    origin: &Origin,
    loaded: &mut Loaded,
    errors: &mut Vec<ConfigError>,
) {
    let DeValue::Table(workflows) = value.get_ref() else {
        return errors.push(overrides::not_tables(origin.clone()));
    };
    for (workflow, keys) in workflows {
        let DeValue::Table(keys) = keys.get_ref() else {
            errors.push(overrides::not_tables(file.at(workflow.span().start)));
            continue;
        };
        for (key, value) in keys {
            let origin = file.at(key.span().start);
            match json(value.get_ref()) {
                Some(value) => overrides::set(loaded, workflow.get_ref(), key.get_ref(), value, &origin),
                None => errors
                    .push(ConfigError::new(origin, format!("`{}` is a number that JSON does not have", key.get_ref()))),
            }
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(_) => integer(value).map_or(Raw::Other("a number that is too large"), Raw::Integer),
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

fn integer(value: &DeValue<'_>) -> Option<i64> {
    let integer = value.as_integer()?;
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn json(value: &DeValue<'_>) -> Option<serde_json::Value> {
    Some(match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(_) => integer(value)?.into(),
        DeValue::Float(number) => serde_json::Number::from_f64(number.as_str().parse().ok()?)?.into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(moment) => moment.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect::<Option<Vec<_>>>()?.into(),
        DeValue::Table(table) => {
            let fields = table.iter().map(|(key, value)| Some((key.get_ref().to_string(), json(value.get_ref())?)));
            fields.collect::<Option<serde_json::Map<_, _>>>()?.into()
        }
    })
}
