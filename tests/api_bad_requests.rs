//! What the API says to requests that are no good.

use serde_json::{Value, json};

use crate::support::server::Server;

#[tokio::test]
async fn each_wrong_field_is_named_with_what_is_expected() {
    let server = Server::start().await;
    let answer = server.post("/api/v1/workflows", json!({ "nmae": "a", "description": 7, "metadata": [] })).await;
    let (_, errors) = answer.problem(422);
    assert_eq!(
        errors,
        [
            "name: missing: expected text",
            "description: expected text, found the number 7",
            "nmae: unknown field; did you mean `name`?"
        ]
    );
    let (_, errors) = server.post("/api/v1/workflows", json!({ "name": "1st", "metadata": [] })).await.problem(422);
    assert!(errors[0].starts_with("name: expected identifiers joined by dots"), "{errors:?}");
    assert_eq!(errors[1], "metadata: expected an object, found a list of 0");
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_where() {
    let server = Server::start().await;
    let raw = |body: Vec<u8>| {
        server.client().post("/api/v1/executions").header("content-type", "application/json").body(body)
    };
    let (detail, _) = server.send(raw(b"{\"workflow\": ".to_vec())).await.problem(400);
    assert_eq!(detail, "the body is not JSON: EOF while parsing a value: line 1, column 13");
    let (detail, _) = server.send(raw(Vec::new())).await.problem(400);
    assert_eq!(detail, "the body is empty: expected a JSON object");
    let (detail, _) = server.send(raw("[".repeat(100_000).into_bytes())).await.problem(400);
    assert!(detail.starts_with("the body nests deeper than 100 levels"), "{detail}");
    let nested = |levels| format!("{}1{}", "[".repeat(levels), "]".repeat(levels)).into_bytes();
    let (detail, _) = server.send(raw(nested(101))).await.problem(400);
    assert_eq!(detail, "the body nests deeper than 100 levels", "its row could not be read again");
    server.send(raw(nested(100))).await.problem(422);
    let (detail, _) = server.send(raw(b"{\"workflow\": \"\xff\"}".to_vec())).await.problem(400);
    assert_eq!(detail, "the body is not UTF-8: byte 14, in line 1");
    let (_, errors) = server.send(raw(b"[1]".to_vec())).await.problem(422);
    assert_eq!(errors, [": expected an object, found a list of 1"]);
    server.get("/health").await.ok(200);
}

#[tokio::test]
async fn of_very_many_wrong_fields_the_first_are_told() {
    let server = Server::start().await;
    let unknown: serde_json::Map<_, _> = (0..10_000).map(|at| (format!("x{at}"), Value::Null)).collect();
    let (_, errors) = server.post("/api/v1/workflows", Value::Object(unknown)).await.problem(422);
    assert_eq!(errors.len(), 100);
}

#[tokio::test]
async fn a_body_past_the_cap_is_413_told_or_streamed() {
    let server = Server::start().await;
    let huge = vec![b' '; stepwell::api::BODY_BYTES + 1];
    let told = server.client().put("/api/v1/workflows/source").header("content-length", huge.len().to_string());
    let (detail, _) = server.send(told.body(huge.clone())).await.problem(413);
    assert!(detail.contains("4194304"), "{detail}");
    let chunks = futures::stream::iter(
        huge.chunks(64 * 1024).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec())).collect::<Vec<_>>(),
    );
    let streamed = server.client().put("/api/v1/workflows/source").body(poem::Body::from_bytes_stream(chunks));
    server.send(streamed).await.problem(413);
    let text = "name = \"a\"\n[[step]]\nname = \"s\"\ntask = \"log\"\nwith = { message = \"m\" }\n";
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(text.to_owned())]);
    let streamed = server.client().put("/api/v1/workflows/source?notation=toml");
    server.send(streamed.body(poem::Body::from_bytes_stream(chunks))).await.ok(201);
}

#[tokio::test]
async fn a_content_type_that_is_not_json_is_415() {
    let server = Server::start().await;
    let request = server.client().post("/api/v1/workflows").header("content-type", "text/plain").body("{}");
    let (detail, _) = server.send(request).await.problem(415);
    assert_eq!(detail, "the content type `text/plain` is not understood here");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let server = Server::start().await;
    let (detail, _) = server.get("/api/v1/nothing").await.problem(404);
    assert_eq!(detail, "there is nothing at `/api/v1/nothing`");
    let (detail, _) = server.delete("/api/v1/executions").await.problem(405);
    assert_eq!(detail, "`/api/v1/executions` has no DELETE");
}

#[tokio::test]
async fn bad_parameters_are_named_with_what_is_expected() {
    let server = Server::start().await;
    let told = [
        ("/api/v1/workflows?limit=0", "limit: expected a whole number from 1 to 1000, found `0`"),
        ("/api/v1/workflows?offset=-1", "offset: expected a whole number, 0 or more, found `-1`"),
        ("/api/v1/workflows?status=on", "status: expected one of `draft`, `active`, `inactive`, found `on`"),
        ("/api/v1/executions/7", "id: expected the UUID of an execution, found `7`"),
        (
            "/api/v1/executions?created_from=today",
            "created_from: expected a moment in RFC 3339, such as `2026-01-31T09:00:00Z`, found `today`",
        ),
    ];
    for (path, expected) in told {
        let (_, errors) = server.get(path).await.problem(400);
        assert_eq!(errors, [expected]);
    }
}

#[tokio::test]
async fn a_foreign_host_or_origin_is_refused() {
    let server = Server::start().await;
    let client = server.client();
    server.send(client.get("/health").header("host", "evil.example:8080")).await.problem(421);
    for host in ["localhost:8080", "127.0.0.1", "[::1]:9"] {
        server.send(client.get("/health").header("host", host)).await.ok(200);
    }
    let from = |origin: &str| {
        let request = client.post("/api/v1/workflows").header("host", "localhost:8080").header("origin", origin);
        request.body_json(&json!({ "name": "a" }))
    };
    for origin in ["http://evil.example", "http://localhost:9999", "null"] {
        server.send(from(origin)).await.problem(403);
    }
    server.send(from("http://localhost:8080")).await.ok(201);
}

#[tokio::test]
async fn a_source_with_mistakes_gives_all_of_them_with_places() {
    let server = Server::start().await;
    let text = "name = \"a\"\n[[step]]\nname = \"s\"\ntask = \"lgo\"\n[[step]]\nname = \"t\"\ntask = \"log\"\nwith = { mesage = \"m\" }\n";
    let answer = server.publish(text).await;
    answer.problem(422);
    let json = answer.json();
    let diagnostics = json["diagnostics"].as_array().unwrap();
    assert!(diagnostics.len() >= 2, "{json}");
    assert_eq!(diagnostics[0]["labels"][0]["line"], 4);
    assert!(diagnostics.iter().all(|one| one["code"].is_string() && one["labels"][0]["file"] == "request"));
    let binary = server.client().post("/api/v1/workflows/validate").body(vec![b'a', b'\n', 0xff]);
    let (detail, _) = server.send(binary).await.problem(400);
    assert_eq!(detail, "the body is not UTF-8: byte 2, in line 2");
}

#[tokio::test]
async fn every_answer_names_its_request() {
    let server = Server::start().await;
    let answer = server.send(server.client().get("/nothing").header("x-request-id", "abc-1")).await;
    assert_eq!(answer.headers["x-request-id"], "abc-1");
    assert!(server.get("/health").await.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn what_is_not_there_is_404_with_the_nearest_name() {
    let server = Server::start().await;
    server.post("/api/v1/workflows", json!({ "name": "billing.invoice" })).await.ok(201);
    let answer = server.get("/api/v1/workflows/billing.invoce").await;
    answer.problem(404);
    assert_eq!(answer.json()["help"], "did you mean `billing.invoice`?");
    let id = "/api/v1/executions/00000000-0000-7000-8000-000000000000";
    for path in [id.to_owned(), format!("{id}/steps"), format!("{id}/logs")] {
        server.get(&path).await.problem(404);
    }
    server.post(&format!("{id}/cancel"), Value::Object(serde_json::Map::new())).await.problem(404);
}
