# `make run` is all a newcomer needs: it prepares everything and starts the server.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: help setup run test demo bench check fmt lock screenshots

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## the environment in .venv, from the lock file

run: setup ## the server with the demo county, on http://localhost:8000
	@$(BIN)/python -m app run --demo

demo: setup ## the main job without a browser; the last line is JSON
	@$(BIN)/python -m app demo

test: setup ## the whole test suite
	$(BIN)/python -m pytest

bench: setup ## benchmarks, one JSON line per figure; ONLY=prefix runs a part
	@$(BIN)/python -m tests.benchmarks $(if $(ONLY),--only $(ONLY))

check: setup ## format, lint, types, architecture, migration drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py
	@./.ci/migration-drift $(BIN)/python

fmt: setup ## format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: setup ## the README's pictures, taken from the real pages
	$(BIN)/python -m tests.browser.screenshots

lock: setup ## the lock files anew, from pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --strip-extras \
		--output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --strip-extras \
		--extra dev --constraint requirements.lock --allow-unsafe --output-file requirements-dev.lock pyproject.toml

$(STAMP): requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing: apt install python3-venv"; exit 1; }
	@echo "Preparing $(VENV) (once, about a minute)…"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
