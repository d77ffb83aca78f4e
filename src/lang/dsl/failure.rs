//! What pest says of a text it does not take, in the user's words.
//!
//! Invariant: no rule's name reaches a message.

use std::sync::{Mutex, PoisonError};

use pest::Parser;
use pest::error::{Error, ErrorVariant, InputLocation};
use pest::iterators::Pairs;

use crate::expr::{Span, nearest};
use crate::lang::grammar::{Grammar, Rule};
use crate::lang::{Diagnostic, codes};

use super::scan::{Kind, scan};

/// Parses `text` by a rule. A failure is a diagnostic with places offset by `base`.
pub fn parse<'t>(rule: Rule, text: &'t str, base: usize) -> Result<Pairs<'t, Rule>, Diagnostic> {
    Grammar::parse(rule, text).or_else(|_| parse_in_detail(rule, text, base))
}

/// Parses what failed once more. Only in detail is a failure told of its furthest place rather than of the rule's beginning; that
/// takes pest half the time of a parse, and the switch for it is the whole process's. Whoever parses while another has it
/// on is only slower.
fn parse_in_detail<'t>(rule: Rule, text: &'t str, base: usize) -> Result<Pairs<'t, Rule>, Diagnostic> {
    static SWITCH: Mutex<()> = Mutex::new(());
    let held = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    pest::set_error_detail(true);
    let outcome = Grammar::parse(rule, text);
    pest::set_error_detail(false);
    drop(held);
    outcome.map_err(|error| failure(&error, rule, text, base))
}

/// The diagnostic of a failed parse of `text`, which begins at byte `base` of the source.
fn failure(error: &Error<Rule>, rule: Rule, text: &str, base: usize) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let deepest = error.parse_attempts().map_or(at, |attempts| attempts.max_position.max(at));
    // Of an expression or a type in the middle of a line the end is not the line's.
    let end = if matches!(rule, Rule::whole_expr | Rule::whole_type) { "the end" } else { "the end of the line" };
    let found = Found::at(text, deepest.min(text.len()), end);
    let mut expected = if deepest > at { Vec::new() } else { expected_rules(error) };
    if expected.is_empty() {
        expected = expected_tokens(error);
    }
    if expected.is_empty() && deepest == at {
        expected = expected_end(error, end);
    }
    if found.nothing {
        expected.retain(|word| word != end);
    }
    let message = match &*expected {
        [] => format!("unexpected {}", found.words),
        words => format!("expected {}, found {}", one_of(words), found.words),
    };
    let span = Span::new(base + found.start, base + found.end);
    let diagnostic = Diagnostic::error(codes::UNEXPECTED, message, span);
    match help(&found, text, &expected) {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

/// What stands where the parse failed.
struct Found {
    start: usize,
    end: usize,
    /// Whether nothing does: the place is then the last character, so that there is something to underline.
    nothing: bool,
    words: String,
}

impl Found {
    /// What stands at byte `at`, or after the spaces there.
    fn at(text: &str, at: usize, end_words: &str) -> Self {
        let scanned = scan(&text[at..], at);
        let token = scanned.tokens.iter().find(|token| token.kind != Kind::Newline && token.start < token.end);
        let Some((start, end)) = token.map(|token| (token.start + at, token.end + at)) else {
            let end = text[..at].trim_end().len();
            let start = text[..end].chars().next_back().map_or(end, |last| end - last.len_utf8());
            return Self { start, end, nothing: true, words: end_words.to_owned() };
        };
        let shown: String = text[start..end].chars().take(40).collect();
        let cut = if shown.len() < end - start { "…" } else { "" };
        let shown: String = shown.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
        Self { start, end, nothing: false, words: format!("`{shown}{cut}`") }
    }
}

fn positives(error: &Error<Rule>) -> &[Rule] {
    match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives,
        ErrorVariant::CustomError { .. } => &[],
    }
}

fn expected_rules(error: &Error<Rule>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for rule in positives(error) {
        let Some(word) = rule_words(*rule) else { continue };
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    // Where an expression may begin, all that may begin one goes without saying.
    if words.iter().any(|word| word == "an expression") {
        words.retain(|word| word == "an expression" || word.starts_with('`'));
    }
    if words.iter().any(|word| word == "a key") {
        words.retain(|word| word != "a text in quotes" && word != "a name" && word != "a field");
    }
    words
}

/// The brackets and signs that would have gone on, where no rule says it better.
fn expected_tokens(error: &Error<Rule>) -> Vec<String> {
    const SIGNS: &[&str] = &[",", ")", "]", "}", ">", ":", "="];
    let Some(attempts) = error.parse_attempts() else { return Vec::new() };
    let tokens: Vec<String> = attempts.expected_tokens().iter().map(ToString::to_string).collect();
    // Where an operator may stand, `>` is one.
    let operator = positives(error).contains(&Rule::or);
    let signs = SIGNS.iter().filter(|sign| !operator || **sign != ">");
    signs.filter(|sign| tokens.iter().any(|token| token == *sign)).map(|sign| format!("`{sign}`")).collect()
}

fn expected_end(error: &Error<Rule>, end: &str) -> Vec<String> {
    let positives = positives(error);
    let operator = positives.contains(&Rule::or).then(|| "an operator".to_owned());
    let end = positives.contains(&Rule::EOI).then(|| end.to_owned());
    operator.into_iter().chain(end).collect()
}

fn one_of(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn rule_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::expr | Rule::chain | Rule::operand | Rule::not | Rule::negate | Rule::list_item | Rule::args => {
            "an expression"
        }
        Rule::paren | Rule::list | Rule::object | Rule::call | Rule::ident | Rule::number => "an expression",
        Rule::name | Rule::member | Rule::variable => "a name",
        Rule::dotted => "a name",
        Rule::key | Rule::object_entry => "a key",
        Rule::text | Rule::plain_text | Rule::multi_text | Rule::raw_text => "a text in quotes",
        Rule::type_expr | Rule::type_item | Rule::type_name | Rule::type_object | Rule::type_generic => "a type",
        Rule::type_field => "a field",
        Rule::colon => "`:`",
        Rule::w_in => "`in`",
        Rule::w_backoff => "`backoff`",
        Rule::w_factor => "`factor`",
        Rule::w_jitter => "`jitter`",
        Rule::w_unless => "`unless`",
        Rule::w_only => "`only`",
        Rule::w_parallel => "`parallel`",
        Rule::w_keep => "`keep going`",
        Rule::w_going => "`going`",
        Rule::w_first => "`first`",
        Rule::w_any => "`any`",
        Rule::w_of => "`of`",
        Rule::w_until => "`until`",
        Rule::w_every => "`every`",
        Rule::w_max => "`max`",
        Rule::w_if => "`if`",
        Rule::w_code => "`code`",
        Rule::w_cause => "`cause`",
        Rule::w_where => "`where`",
        Rule::w_timeout => "`timeout`",
        Rule::w_form => "`form`",
        Rule::w_for => "`for`",
        Rule::w_key => "`key`",
        Rule::w_limit => "`limit`",
        Rule::w_else => "`else`",
        Rule::w_with => "`with`",
        Rule::w_after => "`after`",
        Rule::w_undo => "`undo`",
        Rule::w_timezone => "`timezone`",
        Rule::w_catch => "`catch`",
        Rule::w_up => "`up`",
        Rule::w_overlap => "`overlap`",
        Rule::w_hmac => "`hmac`",
        Rule::w_dedupe => "`dedupe`",
        Rule::w_fails => "`fails`",
        Rule::w_message => "`message`",
        Rule::w_status => "`status`",
        Rule::w_fatal => "`fatal`",
        Rule::w_times => "`times`",
        Rule::w_out => "`out`",
        Rule::w_lost => "`lost`",
        Rule::w_not => "`not`",
        Rule::w_completed => "`completed`",
        Rule::w_output => "`output`",
        Rule::w_failed => "`failed`",
        Rule::w_cancelled => "`cancelled`",
        Rule::w_ran => "`ran`",
        Rule::w_undone => "`undone`",
        Rule::w_that => "`that`",
        Rule::w_most => "`most`",
        Rule::w_once => "`once`",
        Rule::expect_ran => "`ran`",
        Rule::expect_undone => "`undone`",
        Rule::mock_gives => "`=`",
        Rule::trigger_cron => "`cron`",
        Rule::trigger_event => "`event`",
        Rule::trigger_hook => "`webhook`",
        _ => return None,
    })
}

fn help(found: &Found, text: &str, expected: &[String]) -> Option<String> {
    if found.nothing {
        return None;
    }
    let (before, word) = (&text[..found.start], &text[found.start..found.end]);
    let fixed = match word {
        "/" if text[found.start..].starts_with("//") => "a comment starts with `#`",
        "=" if expected.iter().any(|word| word == "`:`") => "an object's entries are written `key: value`",
        "=" => "`==` compares",
        "and" => "write `&&`",
        "or" => "write `||`",
        "not" => "write `!`",
        "|" => "write `||`",
        "?" if before.contains('?') => "put the inner choice in parentheses",
        _ => {
            let words = expected.iter().filter_map(|word| word.strip_prefix('`')?.strip_suffix('`'));
            return nearest(word, words.filter(|word| word.len() > 1)).map(|close| format!("did you mean `{close}`?"));
        }
    };
    Some(fixed.to_owned())
}
