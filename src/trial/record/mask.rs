//! Credentials, by what their fields are called.

use crate::expr::Value;

/// What stands in place of a credential.
const MASK: &str = "***";

/// Parts of the names of fields that hold credentials, without `_` and `-`.
const PARTS: &[&str] = &[
    "authorization",
    "token",
    "password",
    "passwd",
    "passphrase",
    "secret",
    "credential",
    "cookie",
    "apikey",
    "privatekey",
];

/// The value without credentials.
pub(super) fn masked(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::list(items.iter().map(masked).collect()),
        Value::Map(map) => Value::object(map.iter().map(|(key, value)| {
            let hidden = is_credential(key) && *value != Value::Null;
            (key.clone(), if hidden { Value::str(MASK) } else { masked(value) })
        })),
        other => other.clone(),
    }
}

fn is_credential(key: &str) -> bool {
    let plain: String = key.chars().filter(|char| !matches!(char, '_' | '-')).collect::<String>().to_lowercase();
    let is_key = key.eq_ignore_ascii_case("key") || key.to_lowercase().ends_with("_key");
    // What makes a request safe to repeat is no credential.
    (is_key || PARTS.iter().any(|part| plain.contains(part))) && plain != "idempotencykey"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_called_like_credentials_are_masked_at_any_depth() {
        let value: Value = serde_json::from_str(
            r#"{"user": "a", "headers": {"Authorization": "Bearer x", "x-api-key": "y"}, "list": [{"access_token": 1}],
                "key": "k", "pay_key": null, "monkey": "m", "idempotency_key": "i"}"#,
        )
        .unwrap();
        let text = serde_json::to_string(&masked(&value)).unwrap();
        let wanted = r#"{"user":"a","headers":{"Authorization":"***","x-api-key":"***"},"list":[{"access_token":"***"}],"key":"***","pay_key":null,"monkey":"m","idempotency_key":"i"}"#;
        assert_eq!(text, wanted);
    }
}
