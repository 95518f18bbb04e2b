# Everything is built with --workspace: a single package resolves other features and builds half of it again.
CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)

# Random histories of `make soak`, seconds of `make fuzz`, and the lines that `make bench` sends
# (none: its own; 120 lines, the first 100 towards the laptop).
SEEDS        ?= 10000
FUZZ_SECONDS ?= 60
CORPUS       ?=

.DEFAULT_GOAL := help
.PHONY: help run test fmt clippy doc doctest unit bench soak fuzz deny icons screenshots

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: ## a relay and two people on a line that drops, then a prompt to try it, and the window where there is a display
	@scripts/prepare run
	$(CARGO) build --workspace --bins --locked
	$(TARGET)/debug/mailboat-demo

test: ## everything that has to pass: format, lints, docs, tests
	@scripts/prepare test
	$(MAKE) --no-print-directory fmt
	$(MAKE) --no-print-directory clippy
	$(MAKE) --no-print-directory doc
	$(MAKE) --no-print-directory doctest
	$(MAKE) --no-print-directory unit

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

doctest:
	$(CARGO) test --workspace --doc --locked

# Last, so that the output ends in the runner's own summary. nextest where it is installed: it runs
# every test in its own process and ends one that hangs.
unit:
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		set -x; $(CARGO) nextest run --workspace --locked; \
	else \
		set -x; $(CARGO) test --workspace --all-targets --locked; \
	fi

bench: ## bytes, round trips and load, in a release build (CORPUS=file, LINKBOX=path)
	@scripts/prepare
	$(CARGO) build --release --workspace --bins --locked
	$(TARGET)/release/mailboat-bench $(CORPUS)

soak: ## the model test with many more histories (SEEDS=n)
	@scripts/prepare
	MAILBOAT_SEEDS=$(SEEDS) $(CARGO) test --workspace --locked --test e2e -- model --nocapture

fuzz: ## random and damaged bytes against the wire (FUZZ_SECONDS=n)
	@scripts/prepare
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) run --release --locked -p wire --example fuzz

icons: ## gui/icons/ of what gui/src/icon/drawing.rs draws
	MAILBOAT_SNAPSHOTS=write $(CARGO) test -p gui --locked --lib -- --exact icon::drawing::the_icons_in_the_tree_are_what_is_drawn

screenshots: ## every screen of the window, into docs/screenshots/ (no display is needed; the tests draw them)
	rm -f docs/screenshots/*.png
	MAILBOAT_SCREENSHOTS=write $(CARGO) test -p gui --locked --lib -- --quiet

deny: ## licences, banned crates and sources of everything we depend on
	@command -v cargo-deny >/dev/null 2>&1 || { \
		echo "cargo-deny is not installed. It is a tool of its own: cargo install --locked cargo-deny" >&2; exit 1; }
	$(CARGO) deny check licenses bans sources
