//! The system calls of a running server, as `strace` tells them.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

/// What reads, writes and syncs.
const CALLS: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync";

/// A call. When it began and when it had ended are lines of the trace: of two calls, one had ended before the other began
/// where its line is the smaller one.
#[derive(Clone, Debug)]
pub struct Call {
    pub name: String,
    /// The file or the socket.
    pub file: String,
    /// What was read or written.
    pub data: Vec<u8>,
    pub result: i64,
    pub began: usize,
    pub ended: usize,
}

impl Call {
    pub fn is_received(&self) -> bool {
        self.is_socket() && ["read", "readv", "recvfrom", "recvmsg"].contains(&&*self.name)
    }

    pub fn is_sent(&self) -> bool {
        self.is_socket() && ["write", "writev", "sendto", "sendmsg"].contains(&&*self.name)
    }

    fn is_socket(&self) -> bool {
        self.file.starts_with("socket:")
    }

    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.data.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// The call that read from a socket the last of what begins a request, in as many pieces as it may come.
pub fn asked<'a>(calls: &'a [Call], request: &str) -> Option<&'a Call> {
    let mut unanswered: HashMap<&str, Vec<u8>> = HashMap::new();
    calls.iter().find(|call| {
        let read = unanswered.entry(&call.file).or_default();
        if call.is_sent() {
            read.clear();
        } else if call.is_received() {
            read.extend(&call.data);
        }
        read.starts_with(request.as_bytes())
    })
}

/// A trace under way.
pub struct Trace {
    strace: Child,
    file: PathBuf,
    /// What it tells of new threads. Nobody reads it, but were it closed, the first of them would end the trace.
    _told: BufReader<ChildStderr>,
}

impl Trace {
    /// Traces a process and its threads from now on; nothing where this system does not let it be traced.
    pub fn attach(pid: i32, folder: &Path) -> Option<Self> {
        let file = folder.join("trace");
        let mut strace = Command::new("strace")
            .args(["-f", "-y", "-xx", "-s", "65536", "-e", CALLS, "-o"])
            .arg(&file)
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`strace`: install it, or run `make require`");
        let mut stderr = BufReader::new(strace.stderr.take().unwrap());
        let mut told = String::new();
        stderr.read_line(&mut told).unwrap();
        let trace = Self { strace, file, _told: stderr };
        if told.contains("Operation not permitted") {
            eprintln!("not shown: this system lets no process be traced ({})", told.trim());
            return None;
        }
        assert!(told.contains("attached"), "{told}");
        Some(trace)
    }

    /// The calls so far that have ended.
    fn calls(&self) -> Vec<Call> {
        read(&std::fs::read_to_string(&self.file).unwrap())
    }

    /// Whether these bytes were read or written, in one call. The text alone is searched: to make calls of all of it over and over
    /// takes longer than what it waits for.
    pub fn shows(&self, bytes: &str) -> bool {
        let tracer = std::fs::read_to_string(format!("/proc/{}/stat", self.strace.id())).unwrap_or_default();
        assert!(!tracer.is_empty() && !tracer.contains(") Z "), "the trace ended by itself: {tracer}");
        let written: String = bytes.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        std::fs::read_to_string(&self.file).unwrap().contains(&written)
    }

    /// Ends the trace, not the process; all calls.
    pub fn stop(mut self) -> Vec<Call> {
        let pid = self.strace.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.strace.wait().unwrap();
        self.calls()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// Reads lines such as `12 fsync(5<\x61>) = 0`, and pairs such as `12 fsync(5<\x61> <unfinished ...>` and
/// `12 <... fsync resumed>) = 0`.
fn read(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    for (line, text) in text.lines().enumerate() {
        let Some((thread, text)) = text.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (line, begun));
        } else if let Some((_, rest)) = text.strip_prefix("<... ").and_then(|text| text.split_once(" resumed>")) {
            let begun = unfinished.remove(thread);
            calls.extend(begun.and_then(|(began, begun)| call(&format!("{begun}{rest}"), began, line)));
        } else {
            calls.extend(call(text, line, line));
        }
    }
    calls
}

fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (_, result) = rest.rsplit_once(" = ")?;
    let file = rest.split_once('<')?.1.split_once('>')?.0;
    let data = rest.split('"').skip(1).step_by(2).flat_map(bytes).collect();
    Some(Call {
        name: name.to_owned(),
        file: String::from_utf8(bytes(file)).ok()?,
        data,
        result: result.split_whitespace().next()?.parse().ok()?,
        began,
        ended,
    })
}

/// What `\x61\x62` stands for.
fn bytes(text: &str) -> Vec<u8> {
    text.split("\\x").filter_map(|digits| u8::from_str_radix(digits, 16).ok()).collect()
}

#[test]
fn a_call_that_was_interrupted_in_the_trace_is_one_call() {
    let calls = read(
        "7 fsync(5<\\x61\\x2f\\x62> <unfinished ...>\n8 sendto(3<\\x63>, \"\\x31\\x32\", 2, 0, NULL, 0) = 2\n\
         7 <... fsync resumed>) = 0\n7 +++ exited with 0 +++\n",
    );
    let told: Vec<_> = calls.iter().map(|call| (&*call.name, &*call.file, call.began, call.ended)).collect();
    assert_eq!(told, [("sendto", "c", 1, 1), ("fsync", "a/b", 0, 2)]);
    assert_eq!(calls[0].data, b"12");
}
