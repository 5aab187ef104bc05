# Everything a newcomer, a developer and CI run. Needs git, make and Python 3.11 or newer; each target sets up what it needs.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ARGS ?=
JARS := $(BIN)/python -m deploy.local.kafka --if-possible
# The tests start a Kafka of their own, whatever the shell says of another.
TEST_JARS := env -u LONEWATCH_KAFKA -u LONEWATCH_KAFKA_BOOTSTRAP $(JARS)
# Judges the audit tree as Go's checksum database judges modules; without Go those tests are left out, and it is said.
VERIFIERS := $(BIN)/python -m tests.support.outside
# The peer of the benchmarks has a Python of its own, so that nothing of ours depends on it.
PEER := var/bench/peer/.ready
LOCK := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-annotate $(ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup kafka demo up check test prove bench bench-quick image requirements lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything that is locked (again only when a lock or pyproject.toml changed)
	@:

$(READY): requirements/dev.txt requirements/runtime.in pyproject.toml
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Lonewatch needs Python 3.11 or newer. Name one: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) (about a minute the first time)"
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@{ $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt && \
		$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
		} >$(VENV)/setup.log 2>&1 || { cat $(VENV)/setup.log >&2; exit 1; }
	@touch $@

kafka: $(READY) ## fetch Apache Kafka into var/kafka with Maven, once; needs Java 17 or newer (demo, up and test do it too)
	@$(BIN)/python -m deploy.local.kafka

demo: $(READY) ## a sample site on this machine, with a worker who stops answering (ARGS: see lonewatch demo --help)
	@$(JARS)
	@$(BIN)/lonewatch demo $(ARGS)

up: $(READY) ## the services on this machine, empty and ready (ARGS: see lonewatch up --help)
	@$(JARS)
	@$(BIN)/lonewatch up $(ARGS)

check: $(READY) ## format, lint, types, import rules, unit and architecture tests: under a minute
	@$(BIN)/ruff format --check --quiet --output-format concise .
	@$(BIN)/ruff check --quiet --output-format concise .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports >$(VENV)/imports.log 2>&1 || { cat $(VENV)/imports.log >&2; exit 1; }
	@$(BIN)/python -m pytest -q tests/unit tests/architecture $(ARGS)

test: $(READY) ## all that must hold at every landing: at most 15 minutes, two files at a time (ARGS: pytest's)
	@$(TEST_JARS)
	@$(VERIFIERS)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

prove: $(READY) ## campaigns of faults: the same tests, larger and one after another; an hour or more (ARGS: pytest's)
	@$(TEST_JARS)
	@$(VERIFIERS)
	@LONEWATCH_PROVE=1 REQUIRE_KAFKA=1 $(BIN)/python -m pytest tests/faults tests/system tests/store \
		tests/integration/audit $(ARGS)

bench-quick: $(READY) $(PEER) ## measure against limits and a peer within five minutes, on a disk; fails where one is missed (ARGS: --only …)
	@$(JARS)
	@$(BIN)/python -m bench $(ARGS)

bench: $(READY) $(PEER) ## the same with larger logs and more rounds: half an hour
	@$(JARS)
	@$(BIN)/python -m bench --long $(ARGS)

$(PEER): requirements/bench.txt $(READY)
	@rm -rf $(@D) && $(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@touch $@

image: $(READY) ## build the container image and try it; needs Docker, or Debian's buildah as root (ARGS: --base, --tag)
	@$(BIN)/python -m deploy.image.build $(ARGS)

requirements: $(READY) ## each requirement with how many tests carry it; fails where one has none
	@$(BIN)/python -m tests.support.requirements

lock: $(READY) ## resolve requirements/*.in into hashed versions (ARGS=--upgrade for newer ones)
	@$(LOCK) requirements/runtime.in -o requirements/runtime.txt
	@$(LOCK) -c requirements/runtime.txt requirements/dev.in -o requirements/dev.txt
	@$(LOCK) requirements/bench.in -o requirements/bench.txt

clean: ## remove .venv, caches and whatever was built; var/ with its data stays
	@rm -rf $(VENV) build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
