# make setup | demo | test | check | bench. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Models come from the installed packages; nothing is fetched while tests and demo run.
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: setup demo test check bench
setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup
	$(BIN)/rag-flywheel demo

# Two at a time: the tests that start servers and commands wait for them most of the time.
test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The others want a data set: see benchmarks/gate_power.py and benchmarks/gate_speed.py.
bench: setup
	$(BIN)/python benchmarks/search.py
