//! `STEPWELL_*`: the key in capitals, `__` for its dots.

use super::error::did_you_mean;
use super::keys::KEYS;
use super::value::Raw;
use super::{ConfigError, Loaded, Origin, overrides};

/// What our variables begin with.
const PREFIX: &str = "STEPWELL_";

/// The variable that names the file.
pub(super) const FILE: &str = "STEPWELL_CONFIG";

/// The variable of faults, which are no settings; the store reads it, in builds with debug assertions.
const FAULT: &str = "STEPWELL_FAULT";

/// Reads the variables over what is there, in the order of their names.
pub(super) fn read(variables: &[(String, String)], loaded: &mut Loaded, errors: &mut Vec<ConfigError>) {
    let mut ours: Vec<_> = variables
        .iter()
        .filter_map(|(name, value)| Some((name, name.strip_prefix(PREFIX)?, value)))
        .filter(|(name, _, value)| *name != FILE && !is_service_link(name, value))
        .filter(|(name, ..)| *name != FAULT || !cfg!(debug_assertions))
        .collect();
    ours.sort();
    for (name, rest, value) in ours {
        let origin = Origin::Variable(name.clone());
        if rest == "SETTINGS" {
            overrides::read_json(value, &origin, loaded, errors);
        } else if let Some(path) = rest.strip_prefix("SETTINGS__") {
            overrides::read_variable(path, value, &origin, loaded, errors);
        } else if let Some(key) = KEYS.iter().find(|key| variable(key.name) == *name) {
            errors.extend(loaded.set(key, &Raw::Loose(value.clone()), &origin).err());
        } else {
            let known: Vec<String> = KEYS.iter().map(|key| variable(key.name)).collect();
            let help = did_you_mean(name, known.iter().map(String::as_str));
            errors.push(ConfigError::new(origin, "no setting has this variable").help(help));
        }
    }
}

/// The variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

/// Whether a variable is one that Kubernetes sets for a service that is called `stepwell` or `stepwell-…`.
fn is_service_link(name: &str, value: &str) -> bool {
    let link = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let of_port = name.split("_PORT_").nth(1).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || of_port || (link && name.ends_with("_PORT"))
}
