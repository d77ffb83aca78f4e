//! Spans of attempts, as parts of the trace that the execution belongs to.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::service::ports::Task;

/// The span of an attempt.
pub(super) fn attempt_span(task: &Task) -> Span {
    let span = tracing::info_span!(
        "attempt",
        execution = %task.execution,
        path = %task.path,
        attempt = task.attempt,
        task_type = %task.task_type,
    );
    if let Some(parent) = task.traceparent.as_deref().and_then(parse) {
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// The W3C `traceparent` of the span that we are in; none where no span is exported.
pub(super) fn current() -> Option<String> {
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    span.is_valid().then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags()))
}

/// A `traceparent` header: `version-trace-span-flags`.
fn parse(header: &str) -> Option<SpanContext> {
    let mut parts = header.split('-');
    let version = parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
    let trace = parts.next().filter(|trace| trace.len() == 32)?;
    let span = parts.next().filter(|span| span.len() == 16)?;
    let flags = parts.next().filter(|flags| flags.len() == 2)?;
    if version == "00" && parts.next().is_some() {
        return None;
    }
    let trace = TraceId::from_hex(trace).ok()?;
    let span = SpanId::from_hex(span).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    Some(SpanContext::new(trace, span, flags, true, TraceState::default())).filter(SpanContext::is_valid)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_traceparent_is_read_and_a_broken_one_is_not() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let good = parse(&format!("00-{trace}-b7ad6b7169203331-01")).unwrap();
        assert_eq!(good.trace_id().to_string(), trace);
        assert!(good.is_sampled());
        let zero = "0".repeat(32);
        for broken in [
            "",
            "00",
            &format!("00-{zero}-b7ad6b7169203331-01"),
            &format!("ff-{trace}-b7ad6b7169203331-01"),
            "00-é-b-01",
        ] {
            assert!(parse(broken).is_none(), "`{broken}`");
        }
    }
}
