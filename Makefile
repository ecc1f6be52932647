# A fresh clone needs Python 3.11 or newer, make and a network; everything else comes into .venv.

PYTHON ?= python3
PORT   ?= 8000
VENV   := .venv
RUN     = PYTHONDONTWRITEBYTECODE= PYTHONPATH="$(CURDIR)" $(VENV)/bin/python# bytecode kept: each start compiles otherwise
PIP     = $(VENV)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve migrate test fuzz soak check schema docs bench bench-all web lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PORT=18080 serves elsewhere than on 8000; PYTHON=python3.12 takes another Python."

demo: $(VENV)/run ## A sample province with log-ins for every role, served at 127.0.0.1:8000 (PORT=...)
	@$(RUN) -m hub demo --port $(PORT)

serve: $(VENV)/run ## The hub as the HUB_* environment says (PORT=...)
	@$(RUN) -m hub serve --port $(PORT)

migrate: $(VENV)/run ## Bring the database to this release's schema
	@$(RUN) -m hub migrate

test: $(VENV)/dev ## All tests, each process on a PostgreSQL of its own; ARGS="-k name" for some (with CI set, a skipped test fails)
	@$(RUN) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(if $(CI),-p tests.no_skips) $(ARGS)

fuzz: $(VENV)/run ## 10,000 random queries for random callers, each compared with a slow oracle (some minutes)
	@$(RUN) -m hub fuzz --own --documents 10000 $(ARGS)

soak: $(VENV)/dev ## Ten times as much in the tests of what a process keeps and of undoing: 100,000 documents, 50,000 rows of a sheet (some minutes)
	@SOAK=10 $(RUN) -m pytest tests/loaders/test_bounds.py tests/intake/test_intake_memory.py \
	  tests/test_import_undo.py $(ARGS)

check: $(VENV)/dev ## Lint, format, types, import directions, checked-in GraphQL schema
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check --quiet . || { echo "Not formatted: run $(VENV)/bin/ruff format ."; exit 1; }
	@$(RUN) -m mypy
	@PYTHONPATH="$(CURDIR)" $(VENV)/bin/lint-imports --no-logo
	@$(RUN) -m hub schema --check

schema: $(VENV)/run ## Write schema/schema.graphql from the code
	@$(RUN) -m hub schema

docs: $(VENV)/run ## Write docs/errors.md, rules.md, settings.md, policy.md and codes.md from the code
	@$(RUN) docs/generate.py

bench: $(VENV)/dev ## The hub raced against PostGraphile and plain Strawberry (STUDENTS=1000000); NAME=... for another one
	@$(RUN) -m benchmarks $(if $(filter command,$(origin NAME)),$(NAME),race)

bench-all: $(VENV)/dev ## All benchmarks; like bench: tables here, JSON in benchmarks/out
	@$(RUN) -m benchmarks

web: $(VENV)/dev ## Rebuild hub/static/graphiql from web/graphiql
	@$(RUN) web/graphiql/build.py

lock: $(VENV)/dev ## Resolve pyproject.toml into requirements*.txt anew (needs uv)
	@command -v uv >/dev/null || { echo "uv is missing: https://docs.astral.sh/uv/"; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev pyproject.toml -o requirements-dev.txt

clean: ## Remove what was installed and cached; the data in .hub stay
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache benchmarks/out \
	  benchmarks/peers/node_modules
	@find . -name __pycache__ -type d -not -path './.hub/*' -prune -exec rm -rf {} +

# .venv/run: what serving needs. .venv/dev: that and what testing needs.
$(VENV)/run: requirements.txt | $(VENV)/bin/pip
	@echo "Installing the hub's libraries into $(VENV) (about a minute) ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/dev: requirements-dev.txt | $(VENV)/bin/pip
	@echo "Installing the hub's libraries and the tools of testing into $(VENV) (a minute or two) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $(VENV)/run $@

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The hub needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
