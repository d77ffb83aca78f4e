.PHONY: all build test bench soak lint deny require

all: build

# The binary, as it is delivered: target/dist/stepwell
build:
	cargo build --profile dist

# Every test. Installs Redis and PostgreSQL where they are missing and it may; leaves nothing running.
# One process runs them all, so that they share one PostgreSQL and one Redis of their own. Those that trace a server run by
# themselves: each of its system calls waits until the tracer has had its turn, and among all the others that took minutes.
test: require
	cargo test --workspace --no-fail-fast -- --skip durable::
	cargo test --test suite -- durable::

# The workloads over the real server, on both back ends, as a table and as JSON: docs/performance.md
bench: require
	cargo bench --bench workloads -- --json target/workloads.json

# Ten minutes of load with kills and retention, on both back ends: docs/performance.md
soak: require
	cargo bench --bench workloads -- soak

require:
	@.ci/require

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# Licences, bans, sources, and advisories where their database can be had.
deny:
	@.ci/deny
