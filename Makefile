# make setup | demo | test | test-slow | check | docs | pictures | audit | bench. PYTHON chooses the interpreter (3.11 or newer).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Models come from the installed packages; nothing is fetched while tests and demo run.
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: setup demo test test-slow check docs pictures audit bench
setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

demo: setup
	$(BIN)/rag-flywheel demo

# Two at a time, with one thread each: more would only wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test: setup
	$(PYTEST) --ignore tests/slow

# Whole manuals and replays, people by the hundred, and what the benchmarks measure.
test-slow: setup
	$(PYTEST) tests/slow

# Fails where the service that knows weaknesses does not answer; a mirror may have packages and no advisories.
ADVISED := import json, urllib.request as web; json.load(web.urlopen("https://pypi.org/pypi/pip/24.0/json", timeout=4))["vulnerabilities"]

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@if timeout 5 $(BIN)/python -c '$(ADVISED)' 2>/dev/null; \
	then $(MAKE) --no-print-directory audit; \
	else echo 'audit: PyPI could not be asked about known weaknesses of the pinned packages; run `make audit` where it can'; fi

# The handbook as a site in build/site; fails on a broken link and on a missing anchor.
docs: setup
	$(BIN)/python -m handbook.build

# The pictures of the pages in docs/pictures, in a real browser.
pictures: setup
	$(BIN)/python -m handbook.pictures

# Asks PyPI which of the pinned packages have known weaknesses; one that cannot be asked about fails it. Part of `check`
# where PyPI can be reached.
audit: setup
	$(BIN)/python -m pip_audit --requirement constraints.txt --no-deps --disable-pip --strict --progress-spinner off

# Speed beside others, written to build/performance.json and docs/performance.md; the extra [bench] brings LlamaIndex's
# side, and [openvino] that engine's rows. The other benchmarks are started by themselves: see benchmarks/search.py,
# gate_power.py and gate_speed.py.
bench: setup
	$(BIN)/python benchmarks/performance.py
