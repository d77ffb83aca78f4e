//! Encodings and hashes of text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{Call, Function, both};
use crate::expr::Value;
use crate::expr::fault::Fault;

pub(super) const TABLE: &[Function] = &[
    both("base64_encode", (0, 0), "base64_encode(text: string) -> string")
        .does("The bytes of a text in base64.", base64_encode)
        .cost("O(n)", "bytes of text / 16, and of the result / 64"),
    both("base64_decode", (0, 0), "base64_decode(text: string) -> string")
        .does("The text that base64 stands for; it must be UTF-8.", base64_decode)
        .cost("O(n)", "bytes of text / 16"),
    both("url_encode", (0, 0), "url_encode(text: string) -> string")
        .does("The text as a part of a URL: all but letters, digits and `-._~` as `%` and two digits.", url_encode)
        .cost("O(n)", "bytes of text / 16, and of the result / 64"),
    both("sha256", (0, 0), "sha256(text: string) -> string")
        .does("The SHA-256 hash of a text, in hexadecimal.", sha256)
        .cost("O(n)", "bytes of text / 8"),
];

fn base64_encode(call: &mut Call) -> Result<Value, Fault> {
    let text = call.read(0)?;
    call.budget.charge_grow(0, text.len().div_ceil(3) * 4)?;
    Ok(Value::str(STANDARD.encode(text)))
}

fn base64_decode(call: &mut Call) -> Result<Value, Fault> {
    let text = call.read(0)?;
    let bytes = STANDARD.decode(text).map_err(|error| Fault::wrong(format!("the text is not base64: {error}")))?;
    String::from_utf8(bytes).map(Value::str).map_err(|_| Fault::wrong("what the base64 stands for is not text"))
}

fn url_encode(call: &mut Call) -> Result<Value, Fault> {
    let text = call.read(0)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let size = text.bytes().map(|byte| if plain(byte) { 1 } else { 3 }).sum();
    call.budget.charge_grow(0, size)?;
    let mut encoded = String::with_capacity(size);
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            let digit = |four: u8| char::from(b"0123456789ABCDEF"[usize::from(four)]);
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    Ok(Value::str(encoded))
}

fn sha256(call: &mut Call) -> Result<Value, Fault> {
    let text = call.text(0)?;
    call.budget.charge(text.len() / 8)?;
    let digest = Sha256::digest(text.as_bytes());
    Ok(Value::str(crate::ids::hex(&digest)))
}
