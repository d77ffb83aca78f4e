.PHONY: test lint

# All tests. Installs nothing yet: there is nothing to install.
test:
	cargo test --workspace

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
