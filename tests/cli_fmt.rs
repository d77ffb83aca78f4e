//! `stepwell fmt`, on the real binary.

use std::fs;

use crate::cli::{folder, said, stepwell, stepwell_with};

const UGLY: &str = "workflow a {\n return  1 # one\n}\n";
const PRETTY: &str = "workflow a {\n  return 1  # one\n}\n";

#[test]
fn fmt_writes_what_changes_and_names_it() {
    let folder =
        folder(&[("ugly.flow", UGLY), ("pretty.flow", PRETTY), ("a.toml", "name='a'\n"), ("bad.flow", "workflow a {")]);
    let path = |name: &str| folder.path().join(name);
    let before = fs::metadata(path("pretty.flow")).unwrap().modified().unwrap();
    let (code, out, err) = said(&stepwell(&folder, &["fmt", "."]));
    assert_eq!((code, &*out), (1, "formatted ./ugly.flow\n"), "{err}");
    assert!(err.contains("error[E0106]") && err.contains("bad.flow:1:12"), "{err}");
    assert_eq!(fs::read_to_string(path("ugly.flow")).unwrap(), PRETTY);
    assert_eq!(fs::read_to_string(path("bad.flow")).unwrap(), "workflow a {");
    assert_eq!(fs::read_to_string(path("a.toml")).unwrap(), "name='a'\n");
    assert_eq!(fs::metadata(path("pretty.flow")).unwrap().modified().unwrap(), before);
    assert_eq!(
        said(&stepwell(&folder, &["fmt", "ugly.flow", "pretty.flow", "a.toml"])),
        (0, String::new(), String::new())
    );
}

#[test]
fn check_and_diff_write_nothing() {
    let folder = folder(&[("ugly.flow", UGLY), ("pretty.flow", PRETTY)]);
    let (code, out, _) = said(&stepwell(&folder, &["fmt", "--check", "."]));
    assert_eq!((code, &*out), (1, "./ugly.flow is not formatted\n"));
    assert_eq!(said(&stepwell(&folder, &["fmt", "--check", "pretty.flow"])).0, 0);
    let (code, out, _) = said(&stepwell(&folder, &["fmt", "--diff", "ugly.flow"]));
    let wanted =
        "--- ugly.flow\n+++ ugly.flow\n@@ -1,3 +1,3 @@\n workflow a {\n- return  1 # one\n+  return 1  # one\n }\n";
    assert_eq!((code, &*out), (0, wanted));
    assert_eq!(said(&stepwell(&folder, &["fmt", "--diff", "--check", "ugly.flow"])).0, 1);
    assert_eq!(fs::read_to_string(folder.path().join("ugly.flow")).unwrap(), UGLY);
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    let folder = folder(&[]);
    assert_eq!(stepwell_with(&folder, &["fmt", "-"], UGLY), (0, PRETTY.to_owned(), String::new()));
    assert_eq!(stepwell_with(&folder, &["fmt", "-"], PRETTY), (0, PRETTY.to_owned(), String::new()));
    let (code, out, _) = stepwell_with(&folder, &["fmt", "-", "--check", "--stdin-name", "b.flow"], UGLY);
    assert_eq!((code, &*out), (1, "b.flow is not formatted\n"));
    let (code, out, err) = stepwell_with(&folder, &["fmt", "-"], "workflow");
    assert!(code == 1 && out.is_empty() && err.contains("stdin.flow"), "{err}");
    assert_eq!(stepwell_with(&folder, &["fmt", "-", "--stdin-name", "a.toml"], "name='a'").0, 1);
}
