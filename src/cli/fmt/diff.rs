//! A unified diff of two texts.
//!
//! Invariant: the time is linear in their lines. So of two texts that have little in common the diff is one, but not the
//! smallest.

use std::fmt::Write;

use crate::cli::color::Paint;

/// How many unchanged lines are shown around what changes.
const CONTEXT: usize = 3;

/// How far ahead the texts are looked at for where they meet again, in lines.
const AHEAD: usize = 64;

/// A line of a diff.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Same(&'a str),
    Out(&'a str),
    In(&'a str),
}

/// The diff from `old` to `new`, both called `name`.
pub(super) fn unified(name: &str, old: &str, new: &str, color: bool) -> String {
    let lines = lines(&split(old), &split(new));
    let mut out = format!("--- {name}\n+++ {name}\n");
    let (mut start, mut old_at, mut new_at) = (0, 1, 1);
    while let Some(offset) = lines[start..].iter().position(|line| !matches!(line, Line::Same(_))) {
        let first = start + offset.saturating_sub(CONTEXT);
        old_at += first - start;
        new_at += first - start;
        let end = hunk_end(&lines, start + offset);
        let hunk = &lines[first..end];
        let old_count = hunk.iter().filter(|line| !matches!(line, Line::In(_))).count();
        let new_count = hunk.iter().filter(|line| !matches!(line, Line::Out(_))).count();
        write_hunk(&mut out, hunk, &place(old_at, old_count), &place(new_at, new_count), color);
        (start, old_at, new_at) = (end, old_at + old_count, new_at + new_count);
    }
    out
}

/// The lines of a text, each with its end: that of the last may be missing.
fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Where a hunk begins, and how many lines it has.
fn place(at: usize, count: usize) -> String {
    match count {
        0 => format!("{},0", at.saturating_sub(1)),
        1 => at.to_string(),
        _ => format!("{at},{count}"),
    }
}

/// Where the hunk ends that has its first change at `at`.
fn hunk_end(lines: &[Line<'_>], at: usize) -> usize {
    let (mut last, mut end) = (at, at + 1);
    while end < lines.len() && end - last <= 2 * CONTEXT {
        if !matches!(lines[end], Line::Same(_)) {
            last = end;
        }
        end += 1;
    }
    (last + 1 + CONTEXT).min(lines.len())
}

fn write_hunk(out: &mut String, hunk: &[Line<'_>], old: &str, new: &str, color: bool) {
    let head = Paint::Blue.on(&format!("@@ -{old} +{new} @@"), color);
    let mut put = |text: String| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{text}");
    };
    put(head);
    for line in hunk {
        let (Line::Same(text) | Line::Out(text) | Line::In(text)) = line;
        let shown = text.trim_end_matches('\n');
        put(match line {
            Line::Same(_) => format!(" {shown}"),
            Line::Out(_) => Paint::Red.on(&format!("-{shown}"), color),
            Line::In(_) => Paint::Green.on(&format!("+{shown}"), color),
        });
        if !text.ends_with('\n') {
            put("\\ No newline at end of file".to_owned());
        }
    }
}

/// What becomes of each line.
fn lines<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let mut lines = Vec::with_capacity(old.len() + new.len());
    let (mut at, mut to) = (0, 0);
    while at < old.len() || to < new.len() {
        if at < old.len() && to < new.len() && old[at] == new[to] {
            lines.push(Line::Same(old[at]));
            (at, to) = (at + 1, to + 1);
            continue;
        }
        let (gone, come) = meeting(&old[at..], &new[to..]);
        lines.extend(old[at..at + gone].iter().map(|line| Line::Out(line)));
        lines.extend(new[to..to + come].iter().map(|line| Line::In(line)));
        (at, to) = (at + gone, to + come);
    }
    lines
}

/// How many lines of each go until the nearest that they have in common.
fn meeting(old: &[&str], new: &[&str]) -> (usize, usize) {
    for sum in 1..=AHEAD {
        for gone in 0..=sum {
            let come = sum - gone;
            if gone < old.len() && come < new.len() && old[gone] == new[come] && !old[gone].trim().is_empty() {
                return (gone, come);
            }
        }
    }
    // No line that says anything is near: they are other texts from here on, or at their end.
    (old.len().min(AHEAD), new.len().min(AHEAD))
}

#[cfg(test)]
mod tests {
    use super::unified;

    fn check(old: &str, new: &str, wanted: &str) {
        assert_eq!(unified("a.flow", old, new, false), format!("--- a.flow\n+++ a.flow\n{wanted}"));
    }

    #[test]
    fn a_line_that_changes_is_shown_with_three_around_it() {
        check(
            "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
            "1\n2\n3\n4\nfive\n6\n7\n8\n9\n",
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
        );
    }

    #[test]
    fn changes_far_apart_are_hunks_of_their_own_and_near_ones_are_one() {
        let old: String = (0..20).map(|number| format!("{number}\n")).collect();
        let far = old.replace("2\n3\n", "2\nx\n3\n").replace("18\n", "");
        check(&old, &far, "@@ -1,6 +1,7 @@\n 0\n 1\n 2\n+x\n 3\n 4\n 5\n@@ -16,5 +17,4 @@\n 15\n 16\n 17\n-18\n 19\n");
        let near = old.replace("2\n3\n", "2\nx\n3\n").replace("\n8\n", "\n");
        assert_eq!(unified("a", &old, &near, false).matches("@@ -").count(), 1);
    }

    #[test]
    fn a_missing_line_end_is_told() {
        check("a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
        check("a\n", "", "@@ -1 +0,0 @@\n-a\n");
    }
}
