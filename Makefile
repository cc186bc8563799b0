# Every target sets up what it needs; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.installed-$(shell cksum requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

# make demo RULES=2i2c_2026: another profile of dbt/seeds, in a home of its own
ifdef RULES
export RULES_DIR := $(CURDIR)/dbt/seeds/$(RULES)
export HANDOFF_HOME ?= data-$(RULES)
endif

.DEFAULT_GOAL := help
.PHONY: help demo dashboard sync test test-spark check promises bench lock

help: # list these targets; `make` alone is the way to it
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | awk -F'|' '{printf "make %-10s %s\n", $$1, $$2}'

# uv installs the hash-locked set in seconds where pip takes minutes; it is itself pinned by hash in the lock.
$(SETUP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@grep -E -A200 '^uv==' requirements.lock | awk 'NR>1 && /^[a-z]/{exit} {print}' > $(VENV)/uv.lock.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock.txt
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

# for schedules that only want the command
$(BIN)/handoff: $(SETUP) ;

demo: $(SETUP) ## Try everything on an invented organisation, without any account
	$(BIN)/handoff sync --fresh-sandbox --brief
	$(BIN)/handoff report handoff-gaps missing-intake renewals-due budget-overruns
	$(BIN)/handoff status

dashboard: $(SETUP) ## Serve the dashboard on 127.0.0.1
	$(BIN)/handoff dashboard

sync: $(SETUP) ## Read the vendors, build the reports, publish a snapshot
	$(BIN)/handoff sync

test: $(SETUP) ## Run the tests (continuous integration also runs `pytest -m thorough`)
	$(BIN)/python -m pytest -m "not thorough"

# In an environment of its own: Spark is 460 MB that no other target needs.
SPARK_VENV := .venv-spark

$(SPARK_VENV)/.installed: $(SETUP) requirements-spark.lock
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SPARK_VENV)
	$(BIN)/uv pip sync --quiet --python $(SPARK_VENV)/bin/python --require-hashes requirements-spark.lock
	$(BIN)/uv pip install --quiet --python $(SPARK_VENV)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

test-spark: $(SPARK_VENV)/.installed # build the models on Spark as well and compare every row of every mart
	$(SPARK_VENV)/bin/python -m pytest -p no:xdist -o addopts="" -m spark

check: $(SETUP) ## Lint Python and SQL, check types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 dbt

promises: $(SETUP) ## Try every promise and print what held, as docs/promises.md has it (takes long)
	$(BIN)/python tests/promises.py

bench: $(SETUP) ## Measure handoff beside its peers, and its models at size
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.build
	$(BIN)/python -m benchmarks.pages

lock: $(SETUP) ## Write requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra spark --universal --python-version 3.11 --generate-hashes \
		--constraint requirements.lock --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet -o requirements-spark.lock
