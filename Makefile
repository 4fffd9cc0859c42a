# `make test` is what continuous integration runs: on a fresh Debian or Ubuntu with rustup and make it sets up the rest.

CARGO ?= cargo
# One place for what the build needs from the system: a C linker.
DEBIAN_PACKAGES = gcc libc6-dev

.PHONY: help setup fmt lint test docs bench peer

help:
	@echo "make test    set up what is missing; check formatting and lints; run every test and doc test"
	@echo "make setup   only the set-up: system packages (Debian, Ubuntu) and rustup components"
	@echo "make fmt     format the code"
	@echo "make docs    build the API documentation, warnings are errors"
	@echo "make bench   measure the kernels, a layer, the decoders, hooks and the KV cache on this machine"
	@echo "make peer    the same layer and decoder chunk here and in PyTorch, in turns (downloads PyTorch once)"

setup:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust with rustup, https://rustup.rs, then run make again"; exit 1; }
	@command -v cc >/dev/null || $(MAKE) --no-print-directory debian-packages
	@$(CARGO) fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@$(CARGO) clippy --version >/dev/null 2>&1 || rustup component add clippy

.PHONY: debian-packages
debian-packages:
	@command -v apt-get >/dev/null || { echo "a C linker (cc) is missing: install gcc with your system's package manager, then run make again"; exit 1; }
	@if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; echo "installing $(DEBIAN_PACKAGES); sudo may ask for your password"; fi; \
	$$sudo apt-get update && $$sudo apt-get install -y --no-install-recommends $(DEBIAN_PACKAGES)

fmt:
	$(CARGO) fmt --all

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

test: lint
	$(CARGO) test --locked --workspace
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

docs: setup
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps

bench: setup
	$(CARGO) bench --locked

peer: setup
	benches/peer/run
