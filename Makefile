# make demo    sets up all it needs in .venv, shows a leak being caught, runs the example's leak tests
# make test    sets up all it needs in .venv, and runs every test
# make acceptance   measures what the plugin is held to: counts, overhead, start-up (half an hour)
# make corpus       checks all services of the corpus, leaky and healthy (RUNS=10: ten times)
# make soak-healthy    checks the healthy ones over and over (CHECKS=1000; may take an hour)
# make simulate   shows by simulation how often the verdict errs (an hour or two)
# make bench   compares the plugin's speed with wrk's and go tool pprof's (ten minutes; the README has the table)
# make lint    ruff, mypy --strict, gofmt and go vet
#
# Python 3.10 or later is all that must be there; `make demo PYTHON=/path/to/python3.12` takes another.

SHELL := /bin/sh
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	if $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; \
	then echo $$python; exit; fi; done; echo python3)
endif

BIN := $(CURDIR)/.venv/bin
# A Go toolchain is there only where PATH had none that could build the example.
export PATH := $(BIN):$(PATH)
# One process of pytest per core; each has services of its own.
WORKERS := -n auto --maxprocesses 4
GO_FOLDERS := example_project tests/goapps tests/benchmarks tests/corpus pytest_echoleak/agent pytest_echoleak/heap

.PHONY: help demo test test-lowest acceptance corpus soak-healthy simulate lint format picture env dev-env clean

help:
	@sed -n 's/^# make /make /p' Makefile

env: python
	@$(PYTHON) tools/setup_env.py

dev-env: python
	@$(PYTHON) tools/setup_env.py dev

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	echo "==> Python 3.10 or later is needed, and there is none on PATH (make PYTHON=/path/to/it)."; exit 1; }

demo: env
	@$(BIN)/python tools/demo.py

# The example's tests are a project of their own, as a user would have it.
test: dev-env
	@status=0; \
	echo "==> the example's tests"; \
	(cd example_project && $(BIN)/python -m pytest $(WORKERS)) || status=1; \
	echo "==> the plugin's tests"; \
	$(BIN)/python -m pytest $(WORKERS) || status=1; \
	exit $$status

# The oldest versions that pyproject.toml names, in an environment of their own.
test-lowest: dev-env
	@$(BIN)/python tools/lowest.py

acceptance: dev-env
	@$(BIN)/python tools/acceptance.py

# The tools share the corpus with the tests: modules, so that they find it.
corpus: dev-env
	@$(BIN)/python -m tools.corpus $(or $(RUNS),1)

soak-healthy: dev-env
	@$(BIN)/python -m tools.soak_healthy $(or $(CHECKS),1000)

simulate: dev-env
	@$(BIN)/python -m tools.simulate

bench: dev-env
	@$(BIN)/python -m tests.benchmarks

lint: dev-env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd example_project && $(BIN)/mypy --strict --allow-untyped-defs --allow-incomplete-defs --disable-error-code union-attr tests
	test -z "$$(gofmt -l $(GO_FOLDERS) | tee /dev/stderr)"
	cd example_project && go vet ./...

# docs/failure.svg and the text in README.md, from a real run.
picture: env
	@$(BIN)/python tools/picture.py

format: dev-env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	gofmt -w $(GO_FOLDERS)

clean:
	rm -rf .venv .echoleak example_project/.echoleak .mypy_cache .ruff_cache .pytest_cache
