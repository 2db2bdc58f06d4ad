# The few verbs. Each sets itself up; Python 3.11 or later is all that it needs.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONPATH := src:.

.PHONY: run test check lock clean

.venv/run: requirements/run.txt
	$(PYTHON) -m venv .venv && $(BIN)/pip install -q --require-hashes -r $< && touch $@
.venv/dev: requirements/dev.txt .venv/run
	$(BIN)/pip install -q --require-hashes -r $< && touch $@
.venv-sam/done: requirements/sam.txt
	$(PYTHON) -m venv .venv-sam && .venv-sam/bin/pip install -q --require-hashes -r $< && touch $@

test: .venv/dev
	$(BIN)/pytest tests -n 2 -m "not e2e and not chaos"
check: .venv/dev .venv-sam/done
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
