//! The input as the command line gives it: JSON, `@file`, or `@-` for standard input.

use std::io::Read;

use serde_json::Value as Json;

/// A message, and the way out.
type Complaint = (String, String);

/// Reads it.
pub(super) fn read(given: &str) -> Result<Json, Complaint> {
    let (text, name) = match given.strip_prefix('@') {
        Some("-") => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| unreadable("standard input", &error))?;
            (text, "standard input".to_owned())
        }
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(&format!("`{path}`"), &error))?;
            (text, format!("`{path}`"))
        }
        None => (given.to_owned(), "`--input`".to_owned()),
    };
    let value: Json = serde_json::from_str(&text).map_err(|error| {
        let help = "write it as in `--input '{\"order_id\": \"o1\"}'`, or `--input @order.json`";
        (format!("{name} is not JSON: {error}"), help.to_owned())
    })?;
    match value {
        Json::Object(_) => Ok(value),
        _ => Err((
            format!("{name} is not a JSON object"),
            "an input has a field for each `input` of the workflow".to_owned(),
        )),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Complaint {
    (format!("can't read {name}: {error}"), "`--input @FILE` reads a file, `--input @-` standard input".to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_input_is_an_object_of_json() {
        assert_eq!(read(r#"{"a": 1}"#).unwrap()["a"], 1);
        assert!(read("[1]").unwrap_err().0.contains("is not a JSON object"));
        assert!(read("{a: 1}").unwrap_err().0.starts_with("`--input` is not JSON"));
        assert!(read("@/nowhere/x.json").unwrap_err().0.starts_with("can't read `/nowhere/x.json`"));
    }
}
