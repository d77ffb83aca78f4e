//! The table of workflow patterns: what it claims has a test, and what it does not claim is said to be so.

use std::collections::BTreeMap;

const TABLE: &str = include_str!("../docs/patterns.md");
const E2E: &str = include_str!("e2e/patterns.rs");

/// How the language does each pattern, by its number.
fn claims() -> BTreeMap<u32, String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        Some((cells.first()?.parse().ok()?, (*cells.get(2)?).to_owned()))
    };
    TABLE.lines().filter_map(row).collect()
}

/// The patterns that have a test: a file of the language, or a test over the server.
fn tested() -> Vec<u32> {
    let files = std::fs::read_dir("tests/patterns").unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    let mut numbers: Vec<u32> = names.map(|name| name.split('-').next().unwrap().parse().unwrap()).collect();
    let listed = E2E.lines().filter_map(|line| line.trim().strip_prefix('p')?.get(..2)?.parse::<u32>().ok());
    numbers.extend(listed);
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[test]
fn every_pattern_has_a_line_and_every_claim_has_a_test() {
    let claims = claims();
    assert!(claims.keys().copied().eq(1..=43), "{claims:?}");
    let claimed: Vec<u32> = claims.iter().filter(|(_, how)| *how != "not").map(|(number, _)| *number).collect();
    assert_eq!(claimed, tested());
    assert!(claimed.len() >= 35, "{}", claimed.len());
    let of = |word: &str| claims.values().filter(|how| *how == word).count();
    let told = format!(
        "{} of 43: {} directly, {} with a construction.",
        claimed.len(),
        of("directly"),
        of("with a construction")
    );
    assert!(TABLE.contains(&told), "{told}");
}

#[test]
fn the_patterns_hold_in_tests_of_the_language_itself() {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_stepwell")).args(["test", "tests/patterns"]).output();
    let run = run.unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}{}", String::from_utf8_lossy(&run.stderr));
    assert!(told.contains("all passed"), "{told}");
}
