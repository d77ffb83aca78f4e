//! What each function gives, and what it says when it gives nothing.

use serde_json::{Value as Json, json};

use super::build::*;
use crate::expr::{Budget, Form, Value, evaluate, function, functions, parse_timestamp};

/// Calls a function on values, the first the receiver where it is called so.
fn run(name: &str, args: &[Value]) -> Result<Value, String> {
    let mut args: Vec<_> = args.iter().cloned().map(lit).collect();
    let tree = match function(name).unwrap().form {
        Form::Global => call(name, args),
        _ => {
            let receiver = args.remove(0);
            method(receiver, name, args)
        }
    };
    eval(&tree).map_err(|error| error.message)
}

fn check(name: &str, args: Json, expected: Json) {
    let Json::Array(given) = args.clone() else { panic!("a list of arguments") };
    let given: Vec<Value> = given.into_iter().map(Value::from_json).collect();
    let found = run(name, &given).unwrap_or_else(|message| panic!("{name}{args}: {message}"));
    assert_eq!(found.to_json(), expected, "{name}{args}");
}

fn check_error(name: &str, args: Json, expected: &str) {
    let Json::Array(given) = args.clone() else { panic!("a list of arguments") };
    let given: Vec<Value> = given.into_iter().map(Value::from_json).collect();
    assert_eq!(run(name, &given).unwrap_err(), expected, "{name}{args}");
}

#[test]
fn text_is_looked_into() {
    check("size", json!(["aé😀"]), json!(3));
    check("contains", json!(["abc", "bc"]), json!(true));
    check("startsWith", json!(["abc", "ab"]), json!(true));
    check("ends_with", json!(["abc", "ab"]), json!(false));
    check("index_of", json!(["aéxé", "é"]), json!(1));
    check("indexOf", json!(["aéxé", "é", 2]), json!(3));
    check("index_of", json!(["abc", "z"]), json!(-1));
    check("index_of", json!(["", ""]), json!(0));
    check("lastIndexOf", json!(["aéxé", "é"]), json!(3));
    check("char_at", json!(["aé", 1]), json!("é"));
    check("char_at", json!(["aé", 2]), json!(""));
    check_error("char_at", json!(["aé", 3]), "`char_at`: 3 is past the end of a text of 2");
    check_error("index_of", json!(["a", "a", -1]), "`index_of` takes an int from 0 up, and this is the int -1");
}

#[test]
fn text_is_made_of_text() {
    check("replace", json!(["aXbXc", "X", "--"]), json!("a--b--c"));
    check("replace", json!(["aXbXc", "X", "-", 1]), json!("a-bXc"));
    check("replace", json!(["aXbXc", "X", "-", -1]), json!("a-b-c"));
    check("replace", json!(["ab", "", "-"]), json!("-a-b-"));
    check("split", json!(["a,b,c", ","]), json!(["a", "b", "c"]));
    check("split", json!(["a,b,c", ",", 2]), json!(["a", "b,c"]));
    check("split", json!(["a,b,c", ",", 0]), json!([]));
    check("split", json!(["aé", ""]), json!(["a", "é"]));
    check("split", json!(["abc", "", 2]), json!(["a", "bc"]));
    check("split", json!(["", ","]), json!([""]));
    check("join", json!([["a", 1, null, 1.5], "-"]), json!("a-1-null-1.5"));
    check("join", json!([[]]), json!(""));
    check("trim", json!(["\t a b\n"]), json!("a b"));
    check("lower", json!(["ÀB"]), json!("àb"));
    check("upper", json!(["straße"]), json!("STRASSE"));
    check("lowerAscii", json!(["ÀB"]), json!("Àb"));
    check("upper_ascii", json!(["àb"]), json!("àB"));
    check("substring", json!(["héllo", 1, 3]), json!("él"));
    check("substring", json!(["héllo", 3]), json!("lo"));
    check("substring", json!(["héllo", 5]), json!(""));
    check_error("substring", json!(["abc", 2, 1]), "`substring`: the end is before the start");
    check_error("substring", json!(["abc", 4]), "`substring`: 4 is past the end of a text of 3");
    check("reverse", json!(["aé"]), json!("éa"));
}

#[test]
fn patterns_match_anywhere_and_are_bounded() {
    check("matches", json!(["order-17", "[0-9]+$"]), json!(true));
    check("matches", json!(["order-17", "^[0-9]+$"]), json!(false));
    check("matches", json!(["ann.o@shop.example", r"^[\w.+-]+@[\w-]+(\.[\w-]+)+$"]), json!(true));
    check_error("matches", json!(["a", "(a"]), "\"(a\" is not a regular expression: unclosed group");
    check_error("matches", json!(["a", "(a{900}){900}"]), "the pattern \"(a{900}){900}\" is too large when compiled");
    check_error("matches", json!(["a", "a".repeat(1_001)]), "the pattern is longer than 1000 bytes");
}

#[test]
fn lists_are_looked_into() {
    check("contains", json!([[1, 2], 2.0]), json!(true));
    check("contains", json!([{"a": 1}, "a"]), json!(true));
    check("size", json!([[1, 2]]), json!(2));
    check("size", json!([{"a": 1}]), json!(1));
    check("first", json!([[1, 2, 3]]), json!(1));
    check("first", json!([[]]), json!(null));
    check("first", json!([[1, 2, 3], 2]), json!([1, 2]));
    check("first", json!([[1], 9]), json!([1]));
    check("last", json!([[1, 2, 3]]), json!(3));
    check("last", json!([[1, 2, 3], 2]), json!([2, 3]));
    check("slice", json!([[1, 2, 3], 1]), json!([2, 3]));
    check("slice", json!([[1, 2, 3], 1, 2]), json!([2]));
    check_error(
        "slice",
        json!([[1, 2, 3], 1, 9]),
        "`slice`: 1 to 9 is not within a list of 3: for what there is, use `first`",
    );
    check_error(
        "slice",
        json!([[1, 2, 3], 2, 1]),
        "`slice`: 2 to 1 is not within a list of 3: for what there is, use `first`",
    );
}

#[test]
fn lists_are_summed_up() {
    check("sum", json!([[1, 2, 3]]), json!(6));
    check("sum", json!([[1, 0.5]]), json!(1.5));
    check("sum", json!([[]]), json!(0));
    check_error("sum", json!([[1, "a"]]), "`sum` adds numbers or durations, and an item is text \"a\"");
    check_error("sum", json!([[null]]), "`sum` adds numbers or durations, and an item is null");
    check_error("sum", json!([[i64::MAX, 1]]), "the result is too large");
    check("sum", json!([[1, 2], 0.5]), json!(3.5));
    check("sum", json!([[], 7]), json!(7));
    check_error("sum", json!([[], "a"]), "`sum` starts from a number or a duration, not from text \"a\"");
    let durations = Value::list(vec![Value::Duration(1), Value::Duration(2)]);
    assert_eq!(run("sum", std::slice::from_ref(&durations)), Ok(Value::Duration(3)));
    assert_eq!(run("sum", &[durations, Value::Duration(4)]), Ok(Value::Duration(7)));
    assert_eq!(run("sum", &[Value::list(vec![]), Value::Duration(0)]), Ok(Value::Duration(0)));
    check("avg", json!([[1, 2]]), json!(1.5));
    check("avg", json!([[]]), json!(null));
    check("min", json!([[3, 1.5, 2]]), json!(1.5));
    check("max", json!([["a", "b"]]), json!("b"));
    check("max", json!([[]]), json!(null));
    check_error("min", json!([[1, "a"]]), "cannot compare text \"a\" with the int 1");
    check_error("min", json!([[null]]), "null has no order: give it a value with `??` before comparing");
    assert_eq!(eval(&call("max", [lit(1), lit(5), lit(2.5)])), Ok(Value::Int(5)));
    assert_eq!(error(&call("max", [lit(1)])), "`max` takes a list, and this is the int 1");
}

#[test]
fn lists_are_made_of_lists() {
    check("sort", json!([[3, 1.5, 2]]), json!([1.5, 2, 3]));
    check("sort", json!([["b", "B", "a"]]), json!(["B", "a", "b"]));
    check_error("sort", json!([[1, "a"]]), "cannot compare the int 1 with text \"a\"");
    check(
        "unique",
        json!([[1, 1.0, "1", {"a": 1, "b": 2}, {"b": 2, "a": 1.0}, null, null]]),
        json!([1, "1", {"a": 1, "b": 2}, null]),
    );
    let times = Value::list(vec![Value::Duration(0), Value::str("0s"), Value::Duration(0)]);
    assert_eq!(run("distinct", &[times]), Ok(Value::list(vec![Value::Duration(0), Value::str("0s")])));
    check("flatten", json!([[1, [2, [3]], []]]), json!([1, 2, [3]]));
    check("flatten", json!([[1, [2, [3]]], 2]), json!([1, 2, 3]));
    check("flatten", json!([[1, [2]], 0]), json!([1, [2]]));
    check("reverse", json!([[1, 2]]), json!([2, 1]));
    check("zip", json!([[1, 2, 3], ["a", "b"]]), json!([[1, "a"], [2, "b"]]));
    check("range", json!([3]), json!([0, 1, 2]));
    check("range", json!([2, 5]), json!([2, 3, 4]));
    check("range", json!([0, 10, 4]), json!([0, 4, 8]));
    check("range", json!([3, 0, -1]), json!([3, 2, 1]));
    check("range", json!([3, 0]), json!([]));
    check("range", json!([-1]), json!([]));
    check_error("range", json!([0, 1, 0]), "`range`: a step of 0 comes to no end");
    check("range", json!([0, i64::MAX, i64::MAX]), json!([0]));
}

#[test]
fn objects_come_apart_and_together() {
    let object = json!({"b": 1, "a": null});
    check("keys", json!([object]), json!(["b", "a"]));
    check("values", json!([object]), json!([1, null]));
    check("entries", json!([object]), json!([{"key": "b", "value": 1}, {"key": "a", "value": null}]));
    check(
        "from_entries",
        json!([[{"key": "b", "value": 1}, {"key": "b", "value": 2}, {"key": "c"}]]),
        json!({"b": 2, "c": null}),
    );
    check_error(
        "from_entries",
        json!([[{"key": 1}]]),
        "`from_entries` takes objects with a `key` of text and a `value`, and an item is an object",
    );
    check("merge", json!([object, {"a": 2, "c": 3}]), json!({"b": 1, "a": 2, "c": 3}));
    check_error("keys", json!([null]), "`keys` takes an object, and this is null: give it a value with `??`");
}

#[test]
fn numbers_are_rounded() {
    check("abs", json!([-3]), json!(3));
    check("abs", json!([-1.5]), json!(1.5));
    check_error("abs", json!([i64::MIN]), "the result is too large");
    check("round", json!([2.5]), json!(3));
    check("round", json!([-2.5]), json!(-3));
    check("round", json!([7]), json!(7));
    check("round", json!([2.345, 1]), json!(2.3));
    check("round", json!([1e300, 2]), json!(1e300));
    check("floor", json!([-1.5]), json!(-2));
    check("ceil", json!([1.2]), json!(2));
    check_error("floor", json!([1e300]), "the result is too large");
    check_error("round", json!([1.5, 16]), "`round` takes digits from 0 to 15, and this is the int 16");
}

#[test]
fn values_are_converted_when_asked() {
    check("int", json!(["42"]), json!(42));
    check("int", json!([-2.9]), json!(-2));
    check_error("int", json!(["4.2"]), "text \"4.2\" is not an int");
    check_error("int", json!([1e300]), "the result is too large");
    check_error("int", json!([null]), "null is not an int");
    check("number", json!(["1.5"]), json!(1.5));
    check("number", json!(["2"]), json!(2));
    check("double", json!(["2"]), json!(2.0));
    check_error("number", json!(["NaN"]), "text \"NaN\" is not a number");
    check("string", json!([[1, {"a": "b"}]]), json!("[1,{\"a\":\"b\"}]"));
    check("string", json!([1.0]), json!("1"));
    check("bool", json!(["true"]), json!(true));
    check_error("bool", json!([1]), "the int 1 is not true or false");
    check("type", json!([[]]), json!("list"));
    check("parse_json", json!(["{\"a\":[1,2.5]}"]), json!({"a": [1, 2.5]}));
    check_error("parse_json", json!(["{"]), "the text is not JSON: EOF while parsing an object at line 1 column 1");
    check("to_json", json!([{"b": 1, "a": [null]}]), json!("{\"b\":1,\"a\":[null]}"));
    assert_eq!(run("duration", &[Value::str("1h30m")]), Ok(Value::Duration(5_400_000_000)));
    assert_eq!(run("timestamp", &[Value::Int(60)]), Ok(Value::Timestamp(60_000_000)));
    check_error("timestamp", json!(["today"]), "text \"today\" is not a timestamp such as `2030-01-31T12:00:00Z`");
    check_error("timestamp", json!([i64::MAX]), "the timestamp is outside of the years 1 to 9999");
}

#[test]
fn timestamps_have_parts_as_in_cel() {
    let at = Value::Timestamp(parse_timestamp("2009-02-13T23:31:30.123Z").unwrap());
    let part = |name: &str| run(name, std::slice::from_ref(&at)).unwrap().to_json();
    assert_eq!(part("getFullYear"), json!(2009));
    assert_eq!(part("getMonth"), json!(1));
    assert_eq!(part("getDate"), json!(13));
    assert_eq!(part("getDayOfMonth"), json!(12));
    assert_eq!(part("getDayOfWeek"), json!(5));
    assert_eq!(part("getDayOfYear"), json!(43));
    assert_eq!(part("getHours"), json!(23));
    assert_eq!(part("getMinutes"), json!(31));
    assert_eq!(part("get_seconds"), json!(30));
    assert_eq!(part("get_milliseconds"), json!(123));
    assert_eq!(run("getDate", &[at.clone(), Value::str("+02:00")]), Ok(Value::Int(14)));
    assert_eq!(run("getHours", &[at.clone(), Value::str("-05:30")]), Ok(Value::Int(18)));
    assert_eq!(
        run("getHours", &[at.clone(), Value::str("Mars")]).unwrap_err(),
        "`get_hours` takes an offset such as `+02:00`, or `UTC`, and this is text \"Mars\""
    );
    assert_eq!(run("format", &[at.clone(), Value::str("%d.%m.%Y")]), Ok(Value::str("13.02.2009")));
    assert_eq!(
        run("format", &[at, Value::str("%Q")]).unwrap_err(),
        "`format` takes a pattern such as `%Y-%m-%d`, and this is text \"%Q\""
    );
}

#[test]
fn durations_are_counted_in_whole_units() {
    let day = Value::Duration(90_061_500_000);
    assert_eq!(run("getHours", std::slice::from_ref(&day)), Ok(Value::Int(25)));
    assert_eq!(run("getMinutes", std::slice::from_ref(&day)), Ok(Value::Int(1_501)));
    assert_eq!(run("getSeconds", std::slice::from_ref(&day)), Ok(Value::Int(90_061)));
    assert_eq!(run("getMilliseconds", &[day]), Ok(Value::Int(500)));
}

#[test]
fn text_is_encoded_and_hashed() {
    check("base64_encode", json!(["héllo"]), json!("aMOpbGxv"));
    check("base64_decode", json!(["aMOpbGxv"]), json!("héllo"));
    check_error("base64_decode", json!(["/w=="]), "what the base64 stands for is not text");
    check("url_encode", json!(["a b/é~"]), json!("a%20b%2F%C3%A9~"));
    check("sha256", json!(["abc"]), json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

#[test]
fn what_is_made_is_paid_for_and_bounded_before_it_is_made() {
    let names = scope(json!({"text": "a".repeat(1_000), "list": vec!["abcdefgh"; 1_000]}));
    let limited = |tree| evaluate(&tree, &names, &mut Budget { max_bytes: 2_000, ..Budget::default() }).unwrap_err();
    assert!(limited(method(path("text"), "replace", [lit("a"), lit("aaaaa")])).limit);
    assert!(limited(method(path("text"), "replace", [lit(""), lit("aa")])).limit);
    assert!(limited(method(path("list"), "join", [lit(",")])).limit);
    assert!(limited(method(path("list"), "to_json", [])).limit);
    assert!(limited(call("url_encode", [lit("é".repeat(600).as_str())])).limit);
    let poor = |tree| evaluate(&tree, &names, &mut Budget { steps: 500, ..Budget::default() }).unwrap_err();
    for tree in [
        method(path("text"), "split", [lit("")]),
        call("range", [lit(1_000)]),
        method(path("list"), "sort", []),
        method(path("list"), "unique", []),
        method(path("list"), "flatten", []),
        method(path("list"), "zip", [path("list")]),
        method(path("list"), "reverse", []),
        method(path("list"), "contains", [lit(1)]),
    ] {
        assert!(poor(tree.clone()).limit, "{tree:?}");
    }
    assert!(error(&call("range", [lit(i64::MAX)])).starts_with("`range` makes at most 100000 items"));
}

#[test]
fn names_are_unique_and_signatures_name_their_function() {
    let mut seen = std::collections::BTreeSet::new();
    for function in functions() {
        for name in function.names() {
            assert!(seen.insert(name), "`{name}` is there twice");
        }
        for way in function.signature.split(" or ") {
            let head = way.split_once('(').unwrap().0;
            assert_eq!(head.rsplit_once('.').map_or(head, |(_, name)| name), function.name, "{way}");
        }
        assert!(function.doc.ends_with('.'), "{}", function.name);
    }
}
