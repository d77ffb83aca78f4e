//! `stepwell test`, on the real binary.

use serde_json::Value;

use crate::cli::{folder, said, stepwell};

const TESTED: &str = r#"workflow pay {
  input amount: int
  step charge: http_request { method = "POST", url = "https://pay/charges", output { id: string } }
  if input.amount > 100 { step tell: log { message = "large" } }
  sleep 2d
  return charge.body.id
}
test "small" for pay {
  given { amount: 1 }
  mock charge = { body: { id: "c1" } }
  expect completed output "c1"
}
"#;

#[test]
fn test_runs_blocks_and_files_of_tests() {
    let folder = folder(&[("pay.flow", TESTED)]);
    let (code, out, err) = said(&stepwell(&folder, &["test", "."]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("ok   small") && out.contains("1 test: all passed") && out.contains("tests/s"), "{out}");
    let more = "test \"large <one>\" for pay {\n given { amount: 101 }\n mock charge = { body: { id: \"c2\" } }\n expect completed output \"c3\"\n}\n";
    std::fs::write(folder.path().join("pay.test.flow"), more).unwrap();
    let (code, out, _) = said(&stepwell(&folder, &["test", "pay.flow"]));
    assert_eq!(code, 1);
    for part in ["FAIL large <one>", "`output` is \"c2\", expected \"c3\"", "pay.test.flow:4:26", "2d", "1 failed"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let (code, out, _) = said(&stepwell(&folder, &["test", ".", "--filter", "small", "--format", "json"]));
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &document["passed"], document["tests"].as_array().unwrap().len()), (0, &1.into(), 1));
    let (code, out, _) = said(&stepwell(&folder, &["test", ".", "--format", "junit"]));
    assert_eq!(code, 1);
    assert!(out.contains("tests=\"2\" failures=\"1\"") && out.contains("name=\"large &lt;one&gt;\""), "{out}");
    assert_eq!(said(&stepwell(&folder, &["test", "nowhere"])).0, 2);
}

#[test]
fn test_shows_what_no_test_reached() {
    let folder = folder(&[("pay.flow", TESTED)]);
    let (code, out, _) = said(&stepwell(&folder, &["test", ".", "--coverage"]));
    assert_eq!(code, 0);
    assert!(out.contains("1 of 2 steps, 0 of 1 branches"), "{out}");
    assert!(out.contains("pay.flow:4  step `tell` was not reached"), "{out}");
    let (code, _, err) = said(&stepwell(&folder, &["test", ".", "--coverage-min", "90"]));
    assert_eq!(code, 1);
    assert!(err.contains("less than 90 % of `pay` is covered"), "{err}");
    let (code, _, err) = said(&stepwell(&folder, &["test", ".", "--coverage-min", "101"]));
    assert_eq!(code, 2);
    assert!(err.contains("101 is not in 0..=100"), "{err}");
}

#[test]
fn test_tells_a_file_that_does_not_compile() {
    let folder = folder(&[("bad.flow", "workflow bad { step a: nothing { } }\n"), ("pay.flow", TESTED)]);
    let (code, out, _) = said(&stepwell(&folder, &["test", "."]));
    assert_eq!(code, 1);
    assert!(out.contains("bad.flow:1:") && out.contains("ok   small") && out.contains("1 file that do"), "{out}");
}

#[test]
fn test_with_faults_tells_which_effects_stand() {
    let text = "workflow pay {\n step charge: http_request { method = \"POST\", url = \"https://pay/charges\" }\n step ship: http_request { method = \"POST\", url = \"https://ship\" }\n}\n";
    let folder = folder(&[("pay.flow", text)]);
    let (code, out, _) = said(&stepwell(&folder, &["test", ".", "--faults"]));
    assert_eq!(code, 0);
    assert!(out.contains("stands: `charge`: it has no `undo`, where") && out.contains("failed FAULT"), "{out}");
    assert_eq!(said(&stepwell(&folder, &["test", ".", "--faults", "--strict"])).0, 1);
    let (_, out, _) = said(&stepwell(&folder, &["test", ".", "--faults", "--format", "json"]));
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["workflows"][0]["runs"].as_array().unwrap().len(), 6);
}
