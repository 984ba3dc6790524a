# The commands of this repository; `make` alone lists them.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PLAIN := build/plain
DEMO := build/demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint format bench clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,postgres]'
	touch $@

demo: $(VENV)/installed ## the agents analyze a messy table, print what is wrong with it, and write a report
	@rm -f $(DEMO)/report.html
	@$(BIN)/python examples/orders.py $(DEMO) > /dev/null
	@REFINERY_WORKSPACE=$(DEMO)/workspace $(BIN)/refinery analyze $(DEMO)/orders_2026-05.csv \
		--goal "Are these orders fit to train a model that predicts returned?" --output $(DEMO)/report.html

test: $(VENV)/installed ## the tests, a few minutes
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal

test-slow: $(VENV)/installed ## the tests that take minutes each
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/installed ## formatting, style, strict types, the floors of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	rm -rf build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --target $(PLAIN) .
	rm -rf build/lib build/bdist.*
	MYPYPATH=$(PLAIN) $(BIN)/mypy -p refinery
	$(BIN)/lint-imports

format: $(VENV)/installed ## put the code in its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed ## measure against peers in the same run
	$(BIN)/python -m benchmarks

clean: ## remove what the other commands made
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
