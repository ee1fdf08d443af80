# `make run` is all a newcomer needs: it prepares everything and starts the server.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What is installed in the environment: enough to run, or the tools for working on it too.
RUN    := $(VENV)/.installed
DEV    := $(VENV)/.installed-dev

PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r
PIP_COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

.PHONY: help setup kernel run demo test check fmt bench fuzz screenshots lock sbom audit

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(RUN) kernel ## everything set up, and the server with its demo county on http://localhost:8000
	@$(BIN)/python -m app run --demo

demo: $(RUN) kernel ## the main job without a browser; the last line is JSON
	@$(BIN)/python -m app demo

setup: $(DEV) kernel ## the environment in .venv, from the lock files

kernel: $(RUN) ## the relay's native kernel, where there is a C compiler
	@$(BIN)/python -m media_relay.native

test: $(DEV) kernel ## the whole test suite; WORKERS=3 processes for it, two unless told
	$(BIN)/python -m pytest -n $(or $(WORKERS),2) --dist loadfile --no-loadscope-reorder

check: $(DEV) ## format, lint, types, architecture, migration drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT \
		&& export TONGTANG_DATABASE_URL="sqlite:///$$folder/drift.db" \
		&& echo "alembic check: do the migrations make the tables the code names?" \
		&& $(BIN)/alembic upgrade head && $(BIN)/alembic check

fmt: $(DEV) ## format, and mend what mends itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV) kernel ## benchmarks, one JSON line per figure; ONLY=prefix runs a part
	@$(BIN)/python -m tests.benchmarks $(if $(ONLY),--only $(ONLY))

fuzz: $(DEV) ## look for inputs that break the relay; TARGET=stun one door, MINUTES=5 for each; TARGET=api REQUESTS=50000 SEED=1
	@$(PIP_INSTALL) requirements-fuzz.lock 2>/dev/null \
		|| echo "atheris cannot be had for this Python or machine: changes by chance instead of guided ones."
	@$(if $(filter-out api,$(TARGET)),,$(BIN)/python -W ignore -m tests.fuzz.api --requests $(or $(REQUESTS),50000) $(if $(SEED),--seed $(SEED)))
	@$(if $(filter api,$(TARGET)),,$(BIN)/python -m tests.fuzz $(TARGET) --minutes $(or $(MINUTES),1))

screenshots: $(DEV) ## the README's pictures, taken from the real pages
	$(BIN)/python -m tests.browser.screenshots

sbom: $(DEV) ## the bill of materials (CycloneDX) of what runs: sbom.cdx.json
	$(BIN)/python -m tests.supply.sbom > sbom.cdx.json

audit: $(DEV) ## known weaknesses in what runs; REQUIRED=1 fails when they cannot be looked up
	@$(PIP_INSTALL) requirements-audit.lock
	$(BIN)/python -m tests.supply.audit $(if $(REQUIRED),--required)

lock: $(DEV) ## the lock files anew, from pyproject.toml
	$(PIP_COMPILE) --output-file requirements.lock pyproject.toml
	$(PIP_COMPILE) --extra dev --constraint requirements.lock --allow-unsafe \
		--output-file requirements-dev.lock pyproject.toml
	$(PIP_COMPILE) --output-file requirements-fuzz.lock requirements-fuzz.in
	$(PIP_COMPILE) --allow-unsafe --output-file requirements-audit.lock requirements-audit.in

$(RUN): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed. Install it, or say which one: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing. On Debian: apt install python3-venv"; exit 1; }
	@echo "Preparing the environment in $(VENV); this happens once and takes a minute …"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) requirements.lock
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo "Adding the tools for tests and checks …"
	@$(PIP_INSTALL) requirements-dev.lock
	@touch $@
