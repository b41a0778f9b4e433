# Everything runs in .venv in this directory. uv is used where one is there that builds this project by itself (build-system in
# pyproject.toml); otherwise a private copy comes from PyPI into .uv, by any Python that has venv. Nothing is installed whose hash
# is not written down: uv.lock has them of all packages, .ci/uv.txt of uv. Interpreters are never downloaded: Python 3.13 must be
# on the machine.

SHELL := /bin/sh
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

BOOT := .uv
UV := $(shell uv --version 2>/dev/null | grep -Eq '^uv 0\.(9|1[0-3])\.' && echo uv || echo $(BOOT)/bin/uv)
BOOTSTRAP := $(if $(filter uv,$(UV)),,$(BOOT)/bin/uv)
# Five processes on any machine, because many tests wait for a real clock. The tests of one file stay in one process; files
# begin in the order of tests/conftest.py.
PYTEST := .venv/bin/pytest --numprocesses 5 --dist loadfile --no-loadscope-reorder
ROOMS := orders lakehouse sentinel strategies venues engine sim live analysis commands
# Progress bars for a person; nothing between the two lines of ours for a log.
QUIET := $(shell test -t 2 || echo --quiet)

.DEFAULT_GOAL := help
.PHONY: help setup runtime paper test check static mutation

help: ## Say what can be made (this).
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "After setup or paper: .venv/bin/sluice --help"

setup: $(BOOTSTRAP) ## Make or update .venv, with what the tests need.
	@echo "setting up .venv with the test tools; the first time fetches about 1.3 GB"
	@$(UV) sync --frozen $(QUIET)
	@.venv/bin/python -m compileall -q $(ROOMS)
	@echo "setting up: done"

# Takes nothing away that `make setup` put there, hence --inexact.
runtime: $(BOOTSTRAP)
	@echo "setting up .venv; the first time fetches about 1.2 GB"
	@$(UV) sync --frozen --no-default-groups --inexact $(QUIET)
	@.venv/bin/python -m compileall -q $(ROOMS)
	@echo "setting up: done"

paper: runtime ## Run the shadow loop on the bundled sample and report on it; ends by itself within three minutes.
	@.venv/bin/sluice shadow data/configs/shadow.toml
	@echo
	@.venv/bin/sluice report --config data/configs/shadow.toml

test: setup ## Run the whole test suite.
	$(PYTEST)

check: static ## Format, lint, types, imports, then the whole test suite.
	$(PYTEST)

mutation: setup ## Make the Sentinel wrong in every small way, and see that its tests notice; about half an hour of one core.
	.venv/bin/python -m tests.mutation.run

static: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/bandit --quiet --recursive --configfile pyproject.toml $(ROOMS) docs

# A failed try leaves nothing behind that a second try would take for the real thing.
$(BOOT)/bin/uv:
	@echo "no working uv here: fetching a private one into $(BOOT)"
	@rm -rf $(BOOT)
	@for python in python3.13 python3 /usr/bin/python3 python; do \
		"$$python" -c 'import venv, ensurepip' >/dev/null 2>&1 && "$$python" -m venv $(BOOT) && break; \
	done; \
	test -x $(BOOT)/bin/pip || { echo "A Python with venv was expected, none was found. Install Python 3.13 (Debian: python3.13-venv), or uv."; exit 1; }
	@$(BOOT)/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement .ci/uv.txt || { rm -rf $(BOOT); exit 1; }
