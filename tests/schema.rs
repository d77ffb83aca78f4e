//! The JSON Schema of the flat notation, against files that compile and files that do not.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value as Json, json};
use stepwell::lang::explain::{BlockKind, pages};
use stepwell::lang::{builtin_task_types, toml_schema};

/// The mistakes that a schema can see: those of keys, kinds and words, but not of names and expressions.
const SEEN: &[&str] = &["E0302", "E0303", "E0305", "E0602", "E0603", "E0604"];

/// Keywords that say nothing of what is valid.
const WORDS: &[&str] = &["$schema", "$defs", "title", "description", "examples", "format", "then"];

/// What of a value is not as its schema wants it; empty where all is. Fails on a keyword that it does not know.
fn misfit(root: &Json, schema: &Json, value: &Json) -> Option<String> {
    let schema = schema.as_object()?;
    schema.iter().filter(|(word, _)| !WORDS.contains(&&***word)).find_map(|(word, wanted)| {
        let fits = |schema: &Json| misfit(root, schema, value).is_none();
        match &**word {
            "$ref" => misfit(root, root.pointer(wanted.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), value),
            "allOf" => wanted.as_array().unwrap().iter().find_map(|part| misfit(root, part, value)),
            "if" => fits(wanted).then(|| misfit(root, &schema["then"], value)).flatten(),
            "properties" => {
                value.as_object().into_iter().flatten().find_map(|(key, value)| {
                    misfit(root, wanted.get(key)?, value).map(|inner| format!("{key}: {inner}"))
                })
            }
            "additionalProperties" => others(schema, value).find_map(|(key, value)| match wanted {
                Json::Bool(allowed) => (!allowed).then(|| format!("{key} is one too many")),
                wanted => misfit(root, wanted, value).map(|inner| format!("{key}: {inner}")),
            }),
            "propertyNames" => {
                value.as_object().into_iter().flatten().find_map(|(key, _)| misfit(root, wanted, &json!(key)))
            }
            "items" => value.as_array().into_iter().flatten().find_map(|item| misfit(root, wanted, item)),
            _ => (!holds(word, wanted, value, fits)).then(|| format!("{value} is not as {word} wants: {wanted}")),
        }
    })
}

fn others<'a>(
    schema: &'a serde_json::Map<String, Json>,
    value: &'a Json,
) -> impl Iterator<Item = (&'a String, &'a Json)> {
    let known = move |key: &String| schema.get("properties").is_some_and(|known| known.get(key).is_some());
    value.as_object().into_iter().flatten().filter(move |(key, _)| !known(key))
}

fn holds(word: &str, wanted: &Json, value: &Json, fits: impl Fn(&Json) -> bool) -> bool {
    let text = value.as_str();
    match word {
        "anyOf" => wanted.as_array().unwrap().iter().any(fits),
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        "required" => wanted.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
        "pattern" => text.is_none_or(|text| Regex::new(wanted.as_str().unwrap()).unwrap().is_match(text)),
        "minLength" => text.is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap()),
        "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
        "type" => match wanted.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => value.is_i64(),
            other => panic!("a type `{other}`"),
        },
        other => panic!("a keyword `{other}`"),
    }
}

/// What the schema says of a text; none where it is not even TOML.
fn told(text: &str) -> Option<Option<String>> {
    let schema = toml_schema(&builtin_task_types());
    let value: toml::Value = toml::from_str(text).ok()?;
    Some(misfit(&schema, &schema, &serde_json::to_value(value).unwrap()))
}

fn examples() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = paths.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    texts.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_file_that_compiles_is_valid() {
    let right = pages().iter().flat_map(|page| &page.blocks);
    let right = right.filter(|block| block.kind == BlockKind::Right && block.language == "toml");
    let texts: Vec<String> = right.map(|block| block.text.to_owned()).chain(examples()).collect();
    assert!(texts.len() >= 9, "only {}", texts.len());
    for text in texts {
        assert_eq!(told(&text), Some(None), "{text}");
    }
}

#[test]
fn what_a_schema_can_see_of_the_wrong_examples_is_invalid() {
    for page in pages().iter().filter(|page| SEEN.contains(&page.code)) {
        let wrong = page.blocks.iter().filter(|block| block.kind == BlockKind::Wrong && block.language == "toml");
        for block in wrong {
            assert!(matches!(told(block.text), Some(Some(_))), "{}\n{}", page.code, block.text);
        }
    }
}

#[test]
fn a_file_with_one_thing_wrong_is_invalid_there() {
    let good = "name = \"w\"\ntimeout = \"1h\"\nretry = { max = 1, backoff = \"1s..1m\" }\n[input]\na = \"string\"\nb = { type = \"list<int>\" }\n\
        [[step]]\nname = \"s\"\ntask = \"http_request\"\nretry = 2\nafter = [\"t\"]\nwhen = \"${input.a == ''}\"\n\
        with = { url = \"u\", method = \"POST\", expect_status = [201, \"2xx\"], follow_redirects = \"${input.c}\" }\n\
        [[step]]\nname = \"t\"\ntask = \"delay\"\nwith = { duration = \"5s\" }\n\
        [[step]]\nname = \"o\"\ntask = \"our.own\"\nwith = { anything = 1 }\n";
    assert_eq!(told(good), Some(None));
    for (from, to) in [
        ("name = \"w\"", "naem = \"w\""),
        ("name = \"w\"", "name = \"w w\""),
        ("\"1h\"", "\"1 hour\""),
        ("\"1h\"", "\"\""),
        ("\"1h\"", "3600"),
        ("max = 1", "max = -1"),
        ("max = 1, ", ""),
        ("1s..1m", "1s...1m"),
        ("a = \"string\"", "a = \"strin\""),
        ("a = \"string\"", "\"a b\" = \"string\""),
        ("type = \"list<int>\"", "default = 1"),
        ("name = \"s\"\n", ""),
        ("name = \"s\"\n", "name = \"s\"\nretires = 1\n"),
        ("task = \"delay\"", "task = 1"),
        ("after = [\"t\"]", "after = [1]"),
        ("\"${input.a == ''}\"", "\"input.a == ''\""),
        ("url = \"u\", ", ""),
        ("url = \"u\"", "url = 1"),
        ("url = \"u\"", "url = \"u\", bdy = 1"),
        ("\"POST\"", "\"PSOT\""),
        ("[201, ", "[true, "),
        ("\"${input.c}\"", "\"yes\""),
        ("\"5s\"", "\"5 s\""),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        assert!(matches!(told(&text), Some(Some(_))), "{from} as {to}");
    }
}
