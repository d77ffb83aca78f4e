//! `stepwell test --from`: what a server recorded passes as a test.

use serde_json::json;

use crate::cli::{folder, said, stepwell};
use crate::e2e::server::{Backend, TestServer};

fn flow(demo: &str) -> String {
    format!(
        r#"workflow parcels {{
  input count: int
  input token: string
  setting demo: string = "{demo}"
  step ready: http_request {{ url = "${{settings.demo}}/flaky?times=1", retry 2 backoff 10ms..20ms }}
  let labels = for n in range(input.count) parallel 2 {{
    step label: http_request {{ url = "${{settings.demo}}/labels/${{n}}", output {{ id: string }} }}
    yield label.body.id
  }}
  step send: http_request {{ method = "POST", url = "${{settings.demo}}/echo", body = {{ session_token: input.token, labels: labels }} }}
  if labels.size() > 2 {{ fail "too many: ${{labels.size()}}" code "TOO_MANY" }}
  return {{ labels: labels, sent: send.body.body }}
}}
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_execution_is_a_test_that_passes() {
    let server = TestServer::start(Backend::Embedded).await;
    let text = flow(&server.demo());
    assert_eq!(server.publish(&text).await.0, 201);
    let folder = folder(&[("parcels.flow", &text)]);
    let base = server.url("");
    let mut tests = String::new();
    for (count, ends) in [(2, "completed"), (3, "failed")] {
        let id = server.execute("parcels", json!({ "count": count, "token": "hunter2" })).await;
        assert_eq!(server.ended(&id).await["status"], ends);
        let args = ["test", "--from", &id, "--server", &base, "--name", ends];
        let (code, out, err) = said(&stepwell(&folder, &args));
        assert_eq!(code, 0, "{out}{err}");
        tests.push_str(&out);
        tests.push('\n');
    }
    assert!(!tests.contains("hunter2") && tests.contains("token: \"***\""), "{tests}");
    assert!(tests.contains("mock ready fails \"HTTP_STATUS\"") && tests.contains("mock label[1] ="), "{tests}");
    assert!(tests.contains("expect failed code \"TOO_MANY\""), "{tests}");
    std::fs::write(folder.path().join("parcels.test.flow"), &tests).unwrap();
    let (code, out, err) = said(&stepwell(&folder, &["test", "parcels.flow"]));
    assert_eq!(code, 0, "{out}{err}\n{tests}");
    assert!(out.contains("2 tests: all passed"), "{out}");
    let (code, _, err) = said(&stepwell(&folder, &["test", "--from", "nothing", "--server", &base]));
    assert_eq!(code, 1);
    assert!(err.contains("executions/nothing answers"), "{err}");
    let (code, _, err) = said(&stepwell(&folder, &["test", "--from", &"0".repeat(32), "--server", "localhost:8080"]));
    assert_eq!(code, 1);
    assert!(err.contains("`localhost:8080` is no URL of a server, as in `http://127.0.0.1:8080`"), "{err}");
}
