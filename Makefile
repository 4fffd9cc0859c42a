# `make test` is what continuous integration runs: on a fresh Debian or Ubuntu with rustup and make it sets up the rest.

CARGO ?= cargo
# A shell that was open when rustup came does not know its folder yet.
export PATH := $(HOME)/.cargo/bin:$(PATH)
# One place for what the build needs from the system: a C linker, C++ for the H.264 encoder, the headers of ALSA for MIDI and of
# udev for gamepads.
DEBIAN_PACKAGES = g++ libc6-dev pkg-config libasound2-dev libudev-dev
LINKS = echo 'int main(void) { return 0; }' | c++ -x c++ - -o /dev/null 2>/dev/null
# Other systems than Linux need no headers.
BUILDS = $(LINKS) && { [ "$$(uname)" != Linux ] || pkg-config --exists alsa libudev 2>/dev/null; }
# Programs of others that tests exchange messages with: liblo for OSC, OLA for light, numpy for arrays. OLA's own package would start a daemon with the
# system, so only its libraries are installed, and its programs are unpacked.
PEER_PACKAGES = liblo-tools libola1 python3-numpy
PEERS = command -v oscdump >/dev/null && { command -v olad >/dev/null || [ -x target/peers/usr/bin/olad ]; } && \
	{ python3 -c 'import numpy' || /usr/bin/python3 -c 'import numpy'; } 2>/dev/null
# A browser for the tests of reports.
BROWSER = command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null
# What a window needs when it opens; every desktop has it, a bare system with a display may not.
WINDOW_PACKAGES = libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libwayland-client0 libegl1 libvulkan1 mesa-vulkan-drivers
OPENS = ( [ "$$(uname)" != Linux ] || for library in libX11-xcb libxkbcommon-x11 libXcursor libXi libvulkan; do \
	PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q "$$library\\.so" || exit 1; done )
PATCH ?= patches/first_bend.json
# Property tests draw the same cases each time, so that a failure is the change's; `PROPTEST_RNG_SEED=$$RANDOM make test` draws others.
export PROPTEST_RNG_SEED ?= 1

# The goldens and pages that `make bless` writes: what the tests of these names compare.
BLESSED = docs:: format:: manual:: patches:: notices::

# Programs that make and try packages.
PACKAGERS = curl dpkg-dev squashfs-tools
TRIALS = debootstrap xvfb imagemagick

.PHONY: help run dist package check-package crates release-notes setup fmt lint deny test peers docs site bless bless-nodes pictures bench figures peer end-to-end long-render

help:
	@echo "make run       install what is missing, build, and open the rack on PATCH ($(PATCH)); without a display, render it"
	@echo "make test      install what is missing; check formatting, lints and dependencies; run every test and doc test"
	@echo "make peers     install programs of others that tests exchange messages with (Debian, Ubuntu)"
	@echo "make dist      build the program that is handed on: target/dist/bendrack, stripped"
	@echo "make package   make a .deb and an AppImage in target/packages (Debian, Ubuntu)"
	@echo "make check-package  install the .deb into a bare Debian, and run it there (as root)"
	@echo "make crates    pack both crates for crates.io, and build bendrack-nodes from its package"
	@echo "make release-notes  print the section of CHANGELOG.md for VERSION"
	@echo "make setup     only the set-up: system packages (Debian, Ubuntu) and rustup components"
	@echo "make fmt       format the code"
	@echo "make lint      check formatting and lints, and dependencies if cargo-deny is there"
	@echo "make deny      install cargo-deny if it is missing; check licences, sources, duplicates and advisories"
	@echo "make docs      build the API documentation and the site in target/site; warnings and dead links are errors"
	@echo "make site      only the site (Python, once from its registry)"
	@echo "make bless     write generated pages, golden files and notices: look at the differences before you commit"
	@echo "make bless-nodes  write the page of nodes, the JSON Schema and the help patches: what a new node changes"
	@echo "make pictures  draw the pictures of the README and docs"
	@echo "make bench     measure kernels, a layer, decoders, hooks, the KV cache and every bend on this machine"
	@echo "make long-render  render an hour of video, with ten kills: the same bytes, and flat memory"
	@echo "make end-to-end  drive the real window under Xvfb: record a video, keep and render a take"
	@echo "make figures   draw the contact sheets of docs/figures, and print their numbers"
	@echo "make peer      the same layer and decoder chunk here and in PyTorch, in turns (downloads PyTorch once)"

setup:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install Rust with rustup, https://rustup.rs, then run make again"; exit 1; }
	@{ $(BUILDS); } || $(MAKE) --no-print-directory debian-packages
	@for part in fmt clippy; do \
		$(CARGO) $$part --version >/dev/null 2>&1 || rustup component add rustfmt clippy || \
		{ echo "cargo $$part is missing: install it with your Rust (rustup component add rustfmt clippy)"; exit 1; }; done

# Installs PACKAGES.
.PHONY: debian-packages
debian-packages: PACKAGES ?= $(DEBIAN_PACKAGES)
debian-packages:
	@command -v apt-get >/dev/null || { echo "some libraries are missing (on Debian: $(PACKAGES)): install them with your system's package manager, then run make again"; exit 1; }
	@if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif command -v sudo >/dev/null; then sudo=sudo; echo "installing $(PACKAGES); sudo may ask for your password"; \
	else echo "install $(PACKAGES) as root (apt-get install $(PACKAGES)), then run make again"; exit 1; fi; \
	$$sudo apt-get update && $$sudo apt-get install -y --no-install-recommends $(PACKAGES)

run: setup
	$(CARGO) build --locked --release
	@if [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then \
		$(OPENS) || $(MAKE) --no-print-directory debian-packages PACKAGES="$(WINDOW_PACKAGES)" || exit 1; \
		target/release/bendrack "$(PATCH)"; \
	else \
		video=$$(basename "$(PATCH)" .json).mp4; \
		echo "there is no display: rendering $(PATCH) to $$video"; \
		target/release/bendrack render "$(PATCH)" -o "$$video"; \
	fi

fmt:
	$(CARGO) fmt --all

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) fetch --locked --quiet || exit 1; $(CARGO) deny --offline check licenses bans sources; \
	else echo "skipped: cargo-deny is not installed, so sources and bans of dependencies are not checked; make deny installs it"; fi

# Advisories are fetched, so this needs the network.
deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny
	$(CARGO) deny check

# Tests need the development dependencies, which change features of others: with --examples the pages share what was built for them.
DOCS = RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --lib --examples

# Without them, the tests that need them are skipped with the reason.
peers:
	@{ $(PEERS); } || { $(MAKE) --no-print-directory debian-packages PACKAGES="$(PEER_PACKAGES)" && \
		mkdir -p target/peers && cd target/peers && apt-get download ola && dpkg -x ola_*.deb . && rm ola_*.deb; } || \
		echo "skipped: tests of OSC, light and arrays against other programs"
	@$(BROWSER) || $(MAKE) --no-print-directory debian-packages PACKAGES=chromium || echo "skipped: tests of reports in a browser"

test: lint peers
	$(CARGO) test --locked --workspace
	$(DOCS)

docs: setup
	$(DOCS)
	$(MAKE) --no-print-directory site

# The site of the documentation, in target/site. A dead link or anchor is an error.
MKDOCS = target/site-tools/bin/mkdocs
site:
	@[ $(MKDOCS) -nt site/requirements.txt ] || { python3 -m venv target/site-tools && target/site-tools/bin/pip install --quiet -r site/requirements.txt && touch $(MKDOCS); }
	NO_MKDOCS_2_WARNING=1 $(MKDOCS) build --quiet --strict --config-file site/mkdocs.yml
	@echo "the site is in target/site; to read it: python3 -m http.server --directory target/site"

dist: setup
	$(CARGO) build --locked --profile dist
	@ls -l target/dist/bendrack

# What is handed out loads the encoder of MP4 instead of containing it: docs/decisions/packaging.md.
FEATURES_OF_PACKAGES = ui,audio,gamepad

package: setup
	@command -v mksquashfs >/dev/null && command -v dpkg-shlibdeps >/dev/null && command -v curl >/dev/null || \
		$(MAKE) --no-print-directory debian-packages PACKAGES="$(PACKAGERS)"
	$(CARGO) build --locked --profile dist --no-default-features --features $(FEATURES_OF_PACKAGES)
	rm -rf target/packages
	packaging/tree target/dist/bendrack target/packages/tree
	packaging/deb target/dist/bendrack target/packages
	packaging/appimage target/dist/bendrack target/packages
	cd target/packages && sha256sum bendrack* >SHA256SUMS

check-package:
	@command -v debootstrap >/dev/null && command -v Xvfb >/dev/null && command -v import >/dev/null || \
		$(MAKE) --no-print-directory debian-packages PACKAGES="$(TRIALS)"
	packaging/check_deb target/packages/bendrack_*.deb

# bendrack itself is larger than crates.io takes, so its package is not built again.
crates: setup
	$(CARGO) package --locked --workspace --no-verify
	$(CARGO) package --locked --package bendrack-nodes

release-notes:
	@packaging/release_notes "$(or $(VERSION),Unreleased)"

bless: setup
	BENDRACK_BLESS=1 $(CARGO) test --locked --workspace --test model --test rack --test suite --test expression -- $(BLESSED)
	git status --short

bless-nodes: setup
	BENDRACK_BLESS=1 $(CARGO) test --locked --workspace --test suite -- docs:: format::
	git status --short

bench: setup
	$(CARGO) bench --locked

figures: setup
	$(CARGO) run --locked --release --example figures

# The real window on a display of its own: an LFO, a cable, a recording, a take.
end-to-end: setup
	$(CARGO) build --locked --release
	tests/end_to_end/run target/release/bendrack

# An hour of video, killed ten times and continued. It takes an hour of two cores, and needs ffprobe.
long-render: setup
	$(CARGO) build --locked --release
	tests/long_render/run target/release/bendrack

# The rack is drawn by a graphics driver; Mesa's runs on the processor.
pictures: figures
	$(OPENS) || $(MAKE) --no-print-directory debian-packages PACKAGES="$(WINDOW_PACKAGES)"
	$(CARGO) test --locked --workspace --test window pictures:: -- --ignored

peer: setup
	benches/peer/run
