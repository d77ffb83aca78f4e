//! `docs/functions.md` is written from the table of functions. To write it again: `UPDATE=1 cargo test functions_reference`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use stepwell::expr::{FUNCTION_GROUPS, Form, Function};

const INTRODUCTION: &str = "\
# Functions

<!-- Written from the table in src/expr/functions by a test: UPDATE=1 cargo test functions_reference -->

Functions stand in expressions: `input.items.map(i, i.qty).sum()`. Where the signature begins with a value and a dot
the function is called on that value (a method); where it begins with its own name it is called by it; those marked *either* may be
called in both ways, `x.size()` and `size(x)`. An argument marked `?` may be left out. \"Also\" gives the spelling of CEL,
which means the same.

`T` is any type, the same wherever it stands in a row; `N` is numbers or durations; `O` is of a kind that has an order: numbers, texts,
bools, durations or timestamps. `O...` is any number of arguments.

A function called with the wrong type, or with null, fails the step with a message that says so; give null a value
with `??` first. Every evaluation has [a budget](expressions.md#budget-and-limits) of one million units of work: each part of an
expression costs one, a call one more, and a function on top of that what its row says. Text is limited to the size of a value
(1 MiB). Places and lengths in text are in characters.

Patterns are those of RE2, matched in linear time: no look-around, no back-references, and `\\d \\w \\s \\b` know ASCII alone. The *places*
of a pattern are its characters and classes, with counted repetitions written out: `^[a-z]+-\\d{4}$` has eight.

## Macros

A macro binds a name over the items of a list, or over the keys of an object. Each item costs one unit and what its
expression costs.

| macro | gives |
|---|---|
| `list.all(x, test)` | whether the test holds for every item; true for none |
| `list.exists(x, test)` | whether it holds for one or more |
| `list.exists_one(x, test)` | whether it holds for exactly one |
| `list.filter(x, test)` | the items for which it holds |
| `list.map(x, value)` | a list of the values |
| `list.map(x, test, value)` | the same, of the items for which the test holds |
| `list.sort_by(x, key)` | the items in ascending order of their keys; equal ones stay in their order |
| `has(a.b)` | whether `a` has a field `b` that is not null |

As in CEL, `all` and `exists` (like `&&` and `||`) absorb an error where another item decides.
";

/// The reference, whole.
fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (group, functions) in FUNCTION_GROUPS {
        let _ = write!(text, "\n## {group}\n\n| function | gives | costs, in units |\n|---|---|---|\n");
        for function in *functions {
            text.push_str(&row(function));
        }
    }
    text
}

fn row(function: &Function) -> String {
    let Function { signature, doc, order, cost, .. } = function;
    let either = if function.form == Form::Both { " *either*" } else { "" };
    let also: Vec<String> = function.aliases.iter().map(|alias| format!("`{alias}`")).collect();
    let also = if also.is_empty() { String::new() } else { format!(" Also {}.", also.join(", ")) };
    // A bar would end the cell.
    let signature = signature.replace('|', "\\|");
    let colon = if cost.is_empty() { "" } else { ": " };
    format!("| `{signature}`{either} | {doc}{also} | `{order}`{colon}{cost} |\n")
}

#[test]
fn the_reference_is_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/functions.md");
    let wanted = reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/functions.md is not up to date: run UPDATE=1 cargo test functions_reference");
}
