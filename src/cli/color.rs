//! Colours: on a terminal, unless the user wants none.

use std::io::IsTerminal;

/// Whether what goes to standard output is coloured.
pub(super) fn stdout() -> bool {
    wanted(std::io::stdout().is_terminal(), |name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

/// Whether what goes to standard error is coloured.
pub(super) fn stderr() -> bool {
    wanted(std::io::stderr().is_terminal(), |name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

fn wanted(terminal: bool, set: impl Fn(&str) -> bool) -> bool {
    !set("NO_COLOR") && (terminal || set("CLICOLOR_FORCE"))
}

/// How a word is painted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Paint {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Paint {
    /// The word, painted where `color` is on.
    pub fn on(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
        };
        if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn no_color_is_over_a_terminal_and_over_force() {
        assert!(wanted(true, |_| false));
        assert!(!wanted(false, |_| false));
        assert!(wanted(false, |name| name == "CLICOLOR_FORCE"));
        assert!(!wanted(true, |_| true));
        assert!(!wanted(true, |name| name == "NO_COLOR"));
    }
}
