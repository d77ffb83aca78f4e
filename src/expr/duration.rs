//! Lengths of time as text.

/// The units, largest first, in microseconds.
const UNITS: [(u64, &str); 6] =
    [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms"), (1, "us")];

/// A length of time in microseconds, from text such as `1h30m`, `250ms` or `2d`: whole numbers, each with its unit
/// (`d h m s ms us`), the larger units first, each at most once. A `-` before the whole is allowed. None where the text is
/// something else, or 64 bits do not hold it.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut micros: i128 = 0;
    let mut allowed = &UNITS[..];
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|char: char| !char.is_ascii_lowercase()).unwrap_or(rest.len());
        let at = allowed.iter().position(|(_, unit)| *unit == &rest[..letters])?;
        micros += i128::from(number) * i128::from(allowed[at].0);
        allowed = &allowed[at + 1..];
        rest = &rest[letters..];
    }
    i64::try_from(if negative { -micros } else { micros }).ok()
}

/// A length of time in microseconds from text as CEL has it too: decimals such as `1.5h` and `-90.25s`, the units in any order
/// (`d h m s ms us ns`). What is finer than a microsecond is cut.
pub(super) fn read_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut nanos: i128 = 0;
    loop {
        let (part, after) = read_part(rest)?;
        nanos = nanos.checked_add(part)?;
        rest = after;
        if rest.is_empty() {
            let micros = nanos / 1_000;
            return i64::try_from(if negative { -micros } else { micros }).ok();
        }
    }
}

/// The nanoseconds of a number with its unit, and what follows.
fn read_part(text: &str) -> Option<(i128, &str)> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits(text));
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let letters = rest.bytes().take_while(u8::is_ascii_lowercase).count();
    let (unit, rest) = rest.split_at(letters);
    let size = match unit {
        "ns" => 1,
        unit => 1_000 * i128::from(UNITS.iter().find(|(_, known)| *known == unit)?.0),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Eighteen decimals of the largest unit are finer than a nanosecond.
    let fraction = &fraction[..fraction.len().min(18)];
    let parts: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    Some((i128::from(whole) * size + parts * size / scale, rest))
}

/// A length of time as the language writes it: `1h30m`, `250ms`, `0s`.
pub fn duration_text(micros: i64) -> String {
    if micros == 0 {
        return "0s".to_owned();
    }
    let mut text = String::from(if micros < 0 { "-" } else { "" });
    let mut rest = micros.unsigned_abs();
    for (size, unit) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    text
}

/// A length of time in milliseconds, as the language writes it.
pub fn duration_text_of_ms(ms: u64) -> String {
    duration_text(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units_in_order() {
        assert_eq!(parse_duration("1h30m"), Some(5_400_000_000));
        assert_eq!(parse_duration("250ms"), Some(250_000));
        assert_eq!(parse_duration("2d"), Some(172_800_000_000));
        assert_eq!(parse_duration("90s"), Some(90_000_000));
        assert_eq!(parse_duration("7us"), Some(7));
        assert_eq!(parse_duration("0s"), Some(0));
        assert_eq!(parse_duration("-1m"), Some(-60_000_000));
        for wrong in ["", "-", "1", "s", "1.5s", "1m1h", "1s1s", "1 s", "1S", "--1s", "1h-1m", "+1s", "1ä", "٣s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong:?}");
        }
        assert_eq!(parse_duration("9999999999999d"), None);
        assert_eq!(parse_duration("99999999999999999999s"), None);
    }

    #[test]
    fn what_cel_writes_is_read_too() {
        assert_eq!(read_duration("1.5h"), Some(5_400_000_000));
        assert_eq!(read_duration("-90.25s"), Some(-90_250_000));
        assert_eq!(read_duration("1h30m"), Some(5_400_000_000));
        assert_eq!(read_duration("30m1h"), Some(5_400_000_000));
        assert_eq!(read_duration(".5s"), Some(500_000));
        assert_eq!(read_duration("1500ns"), Some(1));
        assert_eq!(read_duration("0.0000019s"), Some(1));
        for wrong in ["", "-", "1", ".s", "s", "1.5", "1..5s", "--1s", "+1s", "1 s", "1x", "1e3s", "٣s"] {
            assert_eq!(read_duration(wrong), None, "{wrong:?}");
        }
        assert_eq!(read_duration("9999999999999d"), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(micros in proptest::num::i64::ANY) {
            proptest::prop_assert_eq!(parse_duration(&duration_text(micros)), Some(micros));
        }
    }
}
