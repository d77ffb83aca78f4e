//! Each rule of style.

use super::formatted;

/// What a text becomes.
fn check(text: &str, wanted: &str) {
    assert_eq!(formatted(text), wanted);
}

#[test]
fn an_entry_a_line_two_spaces_a_level_and_nothing_aligned() {
    let text = "workflow   a{\n\n\n input  x :string\n    input long:   number=1\n\n\n\n step s:log{message=\"m\",level   = \"info\"\n timeout 1s } }";
    let wanted = "\
workflow a {
  input x: string
  input long: number = 1

  step s: log { message = \"m\", level = \"info\", timeout 1s }
}
";
    check(text, wanted);
}
