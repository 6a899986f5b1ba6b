# The commands of this project. Each installs what it needs first (Debian packages; no service is started).

.DEFAULT_GOAL := help
.PHONY: help setup page demo test install deb
MAKEFLAGS += --no-print-directory

help: ## this list
	@sed -n 's/^\([a-z]*\): ## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	  printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: ## install what building, showing and testing needs
	@scripts/setup.sh test

page: ## build the page into page/dist; `watchpost serve --page page/dist` serves it from there
	@scripts/page.sh

demo: ## run the pedestrian clip through everything; CLIP=path-or-url for another source, ONCE=1 to end after the table
	@scripts/setup.sh demo
	@scripts/page.sh
	@CLIP='$(CLIP)' ONCE='$(ONCE)' scripts/demo.sh

test: ## build, lint and test everything
	@scripts/setup.sh test
	@scripts/clip.sh >/dev/null
	@scripts/page.sh
	@# Everything at once: `cargo xtask` would build itself first, with the features that it alone needs, and most
	@# dependencies would be built twice.
	@PATH="$$PATH:$$HOME/.cargo/bin" CARGO_INCREMENTAL=0 cargo build --workspace --all-targets --locked --quiet
	@PATH="$$PATH:$$HOME/.cargo/bin" "$${CARGO_TARGET_DIR:-target}/debug/xtask" ci

install: ## build and install below PREFIX (/usr/local); DESTDIR for packages
	@scripts/setup.sh demo
	@scripts/page.sh
	@PATH="$$PATH:$$HOME/.cargo/bin" cargo build --release --locked --quiet --package watchpost-cli
	@DESTDIR='$(DESTDIR)' PREFIX='$(or $(PREFIX),/usr/local)' scripts/install.sh

deb: ## build a Debian package into target/debian
	@scripts/setup.sh demo
	@scripts/page.sh
	@PATH="$$PATH:$$HOME/.cargo/bin" cargo build --release --locked --quiet --package watchpost-cli
	@scripts/deb.sh
