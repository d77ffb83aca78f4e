//! The nearest name: what stands behind every "did you mean".

use super::Diagnostic;

/// The nearest of `known` to `word`, where it is near enough to be what was meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = word.to_lowercase();
    let allowed = (written.chars().count() / 3).clamp(1, 4);
    known
        .into_iter()
        // A name much longer or shorter is far, and is not looked at: there may be thousands.
        .filter(|name| name.len().abs_diff(written.len()) <= 4 * allowed)
        .map(|name| (strsim::osa_distance(&written, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed && *distance < name.chars().count())
        // Of several the first by name, whatever order they came in.
        .min()
        .map(|(_, name)| name)
}

/// Adds the nearest name as help; where none is near and there are few, all of them.
pub fn did_you_mean<'a>(error: Diagnostic, word: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(word, known.iter().copied()) {
        return error.meant(word, name);
    }
    if known.is_empty() || known.len() > 16 {
        return error;
    }
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    error.help(if names.len() == 1 { format!("there is {}", names[0]) } else { format!("one of {}", names.join(", ")) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        assert_eq!(nearest("PSOT", ["GET", "POST", "PUT"]), Some("POST"));
        assert_eq!(nearest("biuld", ["build", "ship"]), Some("build"));
        assert_eq!(nearest("stat", ["status", "state"]), Some("state"));
    }

    #[test]
    fn what_is_far_is_not_offered() {
        assert_eq!(nearest("x", ["a", "b"]), None);
        assert_eq!(nearest("carrier", ["warehouse"]), None);
    }
}
