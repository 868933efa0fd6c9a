# Everything that can be asked of a clone. `make compare` is the main job.
# Needs Python 3.11 or newer; the virtual environment is made here, in .venv.
#
#   make PYTHON=python3.13 compare    another interpreter
#   make WORKERS=8 test               more processes for the tests

PYTHON ?= python3
WORKERS ?= 2
CHIPS ?= 512
MODEL ?= llama3-70b
SYSTEMS ?= trn2-ultraserver,trn3-ultraserver-gen2,dgx-h100,gb200-nvl72

PEERS := llm-analysis==0.2.2 PyChOpMarg==3.4.0 scikit-rf==2.2.0 serdespy==1.0
RUN := .benchmarks/run.json

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# What is installed changes with these files alone: the install is editable, so that
# the sources need none of it.
PINS := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help compare validate test accuracy lint types docs bench \
	bench-write soak clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

compare: $(VENV)/.runtime ## Compare a training run on Trainium and on GPUs
	@$(BIN)/accelsim compare $(MODEL) --systems $(SYSTEMS) --chips $(CHIPS)

validate: $(VENV)/.runtime ## Compare our predictions with all measurements here
	@$(BIN)/python -m benchmarks.accuracy

# make FULL=FOLDER accuracy: with the whole tables, of which the clone has parts
accuracy: $(VENV)/.runtime ## Renew the accuracy baseline and docs/accuracy.md
	@$(BIN)/python -m benchmarks.accuracy --write $(if $(FULL),--full $(FULL))

# Two passes: compiled, and as plain Python for what compiled code cannot tell
# (coverage, integers that do not overflow, indices out of range). Tests of one file
# share a process, so that two processes seldom compile the same kernel.
test: $(VENV)/.dev ## Run the tests, compiled and as plain Python
	$(BIN)/python -m pytest tests -q -n $(WORKERS) --dist loadfile
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest tests/kernels -q -n $(WORKERS) \
		--dist loadfile --cov --cov-fail-under=90

lint: $(VENV)/.dev ## Check style, format and which room imports which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.dev ## Check the types, strictly
	$(BIN)/mypy

docs: $(VENV)/.dev ## Build these pages as a site, in docs/_build
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build
	@echo "docs/_build/index.html"

# A peer that does not install is left out, and its row has none.
bench: $(VENV)/.peers ## Time the rooms beside peers, as one table of ratios
	@$(BIN)/python -m pytest benchmarks -q --benchmark-enable --benchmark-only \
		--benchmark-quiet --benchmark-json=$(RUN)
	@$(BIN)/python -m benchmarks.performance $(RUN) $(BENCH_FLAGS)

bench-write: ## Do that, and renew docs/performance.md and its baseline
	@$(MAKE) --no-print-directory bench BENCH_FLAGS=--write

# make SOAK_INPUTS=1000000 SOAK_SEED=7 soak: more of them, others
soak: $(VENV)/.dev ## Send 100,000 broken inputs through every door; kill sweeps
	$(BIN)/python -m pytest tests -q -m soak -n $(WORKERS)
	$(BIN)/python -m pytest tests/fuzz/test_structures.py tests/explorer/test_design.py \
		-q -n $(WORKERS) --hypothesis-profile=soak

clean: ## Remove the virtual environment and everything that tools left
	rm -rf $(VENV) build dist docs/_build .coverage .benchmarks .hypothesis \
		.import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find accelsim kernels benchmarks tests -name __pycache__ -exec rm -rf {} +

# The stamps: an install that failed leaves none, and is tried again.
$(VENV)/.runtime: $(PINS) | $(BIN)/pip
	@echo "installing accelsim into $(VENV) ..."
	@$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

# Groups came with pip 25.1.
$(VENV)/.dev: $(PINS) $(VENV)/.runtime
	@echo "installing the tools for tests and checks into $(VENV) ..."
	@$(PIP) install --quiet 'pip>=25.1'
	@$(PIP) install --quiet --constraint constraints.txt --group dev
	@touch $@

$(VENV)/.peers: $(PINS) $(VENV)/.dev
	@echo "installing peers into $(VENV) ..."
	@mkdir -p $(dir $(RUN))
	@for peer in $(PEERS); do \
		$(PIP) install --quiet --constraint constraints.txt $$peer || \
			echo "without $$peer" >&2; \
	done
	@touch $@

$(VENV)/.browser: $(PINS) $(VENV)/.dev
	@$(PIP) install --quiet --constraint constraints.txt --group browser
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "accelsim needs Python 3.11 or newer, and '$(PYTHON)' is not:" \
			"try make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "'$(PYTHON)' cannot make a virtual environment: install its venv module" \
			"(Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)
