# The two commands: `make conformance [IMPL="<cmd>"] [PEER="<cmd>"]` and `make test`. Everything else is a part of them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The system's own interpreter first: an ordinary user can reach it, and it starts faster than a shim.
PYTHON ?= $(shell for p in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
IMPL ?= $(CURDIR)/$(BIN)/ovsi
PEER ?= $(CURDIR)/$(BIN)/ovsi
WORKERS ?= auto
PYTEST_ARGS ?=
BENCH_ARGS ?=
RECORD ?=

SOURCES := $(shell find reference conformance schemas distribution -type f -not -path '*/__pycache__/*' 2>/dev/null) pyproject.toml README.md
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help conformance test lint types unit mutants suite-root suite-user site results bench hostile install clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/.dependencies: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with venv found: install python3-venv, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip uninstall --quiet --yes setuptools 2>/dev/null || true  # its .pth would slow every start
	$(BIN)/python tests/support/dependencies.py dev build > $(VENV)/requirements.txt
	$(BIN)/pip install --quiet --requirement $(VENV)/requirements.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	@touch $@

install: $(VENV)/.installed  ## Make the environment in .venv

conformance: $(VENV)/.installed  ## Judge IMPL by the conformance suite, with PEER as the other end (default: the reference)
	$(BIN)/pytest conformance --impl="$(IMPL)" --peer="$(PEER)" -n $(WORKERS) $(PYTEST_ARGS)

# The unit tests come last: they end with what the requirements and the mutants came to.
test: lint types site suite-user suite-root unit  ## Everything: lint, types, site, the suite as user and as root, tests, mutants

lint: $(VENV)/.dependencies  ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dependencies  ## mypy --strict
	$(BIN)/mypy

unit: $(VENV)/.installed  ## The project's own tests, the mutants among them
	$(BIN)/pytest tests -n $(WORKERS) $(PYTEST_ARGS)

mutants: $(VENV)/.installed  ## Each mutant by every kind of test that can notice it (hours; PYTEST_ARGS="-k name" for some)
	OVSI_MUTANTS=wide $(BIN)/pytest tests/test_mutants.py -n $(WORKERS) $(PYTEST_ARGS)

# Not --quiet: mkdocs counts, as --strict, only warnings that it would print.
site: $(VENV)/.dependencies  ## The site, strictly
	$(BIN)/mkdocs build --strict --site-dir build/site

suite-user: $(VENV)/.installed  ## The suite as an ordinary user
	tests/support/as-ordinary-user $(BIN)/python -m pytest conformance --impl="$(CURDIR)/$(BIN)/python -m ovsi" --peer="$(CURDIR)/$(BIN)/python -m ovsi" -n $(WORKERS) -p no:cacheprovider $(PYTEST_ARGS)

suite-root: $(VENV)/.installed  ## What of the suite needs root: the vantage outside (`make conformance` runs both)
	@if [ "$$(id -u)" = 0 ]; then $(BIN)/pytest conformance --impl="$(CURDIR)/$(BIN)/ovsi" --peer="$(PEER)" --vantage outside -n $(WORKERS) $(PYTEST_ARGS); \
	else echo "suite-root: not root, so the root tier was not run"; fi

hostile: $(VENV)/.installed  ## Restores killed and failed at every system call, and thousands of races (20 minutes on idle cores)
	$(BIN)/python -m tests.hostile
	OVSI_RACES=1000 $(BIN)/pytest -q -s tests/unit/restore/test_restore_races.py

results: $(VENV)/.installed  ## Record what the suite finds of the implementations here (docs/results)
	record() { \
		$(BIN)/pytest conformance --impl="$$1" --peer="$$2" -n $(WORKERS) -q --report "build/reports/$${1##*/}" || true; \
		gzip -9nc "build/reports/$${1##*/}/report.json" > "docs/results/$${1##*/}.report.json.gz"; }; \
	record $(CURDIR)/$(BIN)/ovsi $(CURDIR)/examples/second/ovsi-pl; \
	record $(CURDIR)/examples/second/ovsi-pl $(CURDIR)/$(BIN)/ovsi

bench: $(VENV)/.installed  ## Measure the ratios of the design; RECORD=1: the suite too, and keep the figures for the site
	$(BIN)/python -m benchmarks.run $(if $(RECORD),--record) $(BENCH_ARGS)

clean:  ## Remove what make made
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache
