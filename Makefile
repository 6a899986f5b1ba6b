# The commands of this project. Each installs what it needs first (Debian packages; no service is started).

.DEFAULT_GOAL := help
.PHONY: help setup demo test
MAKEFLAGS += --no-print-directory

help: ## this list
	@sed -n 's/^\([a-z]*\): ## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
	  printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: ## install what building, showing and testing needs
	@scripts/setup.sh test

demo: ## run the pedestrian clip through everything; CLIP=path-or-url for another source, ONCE=1 to end after the table
	@scripts/setup.sh demo
	@CLIP='$(CLIP)' ONCE='$(ONCE)' scripts/demo.sh

test: ## build, lint and test everything
	@scripts/setup.sh test
	@scripts/clip.sh >/dev/null
	@PATH="$$PATH:$$HOME/.cargo/bin" cargo xtask ci
