# The commands of a checkout; each sets up what it needs by itself.
# Needs GNU make and Python 3.10 or newer.  Options for the program go into ARGS:
#     make run ARGS="--port 8080"

PYTHON ?= python3
SEEDS ?= 10
BOX_HOME ?= box-training
# One more than the cores of a small machine, because tests wait for browsers and servers.
TEST_PROCESSES ?= 3
# A file of tests stays in one process, so that it starts its server once; tests/conftest.py decides on the order.
# Without bytecode every process, and every program that a test starts, would compile all modules again.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
UNIT_TESTS := $(addprefix tests/,core data registry recognition training evaluation runs cli client web/wire)
ARGS ?=

PIP_AUDIT := pip-audit==2.10.1

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install
TSC := tests/js/node_modules/.bin/tsc
APPLICATION := $(VENV)/.stamp
DEVELOPMENT := $(VENV)/.dev-stamp
CLUSTER := $(VENV)/.cluster-stamp
DOCUMENTATION := $(VENV)/.docs-stamp

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run train box test test-unit test-bench test-cluster contract bench bench-training bench-serving bench-scale bench-soak fuzz check audit types format screenshots docs clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /	/' | expand -t 16

run: $(APPLICATION) ## start the web application
	@$(BIN)/python app.py $(ARGS)

train: $(APPLICATION) ## train a model on MNIST
	@$(BIN)/python train_model.py $(ARGS)

# A new installation numbers its versions from 1: versions 1 and 2 are the teachers, 3 is their ensemble, 4 is the model.
box: MNIST := env -u MNIST_DATABASE_URL -u MNIST_MODELS_URL MNIST_HOME=$(BOX_HOME) $(BIN)/mnist
box: $(DEVELOPMENT) ## train the model in the box again, after its two teachers (days without a GPU), in the new folder BOX_HOME
	@[ ! -e "$(BOX_HOME)/mnist.db" ] || { echo "$(BOX_HOME) has trainings already; continue with \`MNIST_HOME=$(BOX_HOME) mnist runs resume\` and the commands of docs/training.md, or delete it."; exit 1; }
	$(MNIST) train --recipe src/mnist_classifier/training/box_teacher.json --ensemble 2 $(ARGS)
	$(MNIST) train --recipe handwriting --teacher 3 $(ARGS)
	$(MNIST) evaluate --suite robust --model-version 4
	$(MNIST) models box 4

test: $(DEVELOPMENT) ## run the tests of the program, Python's and JavaScript's
	$(PYTEST) --ignore tests/bench --ignore tests/cluster $(ARGS)
	@files=$$(find tests/js -name node_modules -prune -o -name '*.test.*js' -print 2>/dev/null); \
	if [ -z "$$files" ]; then \
		echo "No JavaScript tests in tests/js."; \
	elif command -v node >/dev/null; then \
		echo "node --test tests/js"; node --test $$files; \
	else \
		echo "The JavaScript tests were not run: they need node (18 or newer)."; \
		[ "$$CI" != true ]; \
	fi

test-unit: $(DEVELOPMENT) ## run the quick tests of the rooms below the web application
	$(PYTEST) -m "not slow" $(ARGS) $(UNIT_TESTS)

test-bench: $(DEVELOPMENT) ## run every measurement of bench/ with little input
	$(PYTEST) $(ARGS) tests/bench

test-cluster: $(CLUSTER) ## run the tests with Ray, PostgreSQL, an object store, containers and two hosts
	$(PYTEST) $(ARGS) tests/cluster

contract: $(DEVELOPMENT) ## let schemathesis try the API for longer than the tests do
	$(BIN)/python -m pytest tests/web/openapi/test_contract.py --contract-examples 300 -s $(ARGS)

bench: $(DEVELOPMENT) ## run every measurement in bench/ but those of serving, scale and fuzzing
	@set -e; for script in $(filter-out bench/measuring.py bench/fuzz.py bench/serving.py bench/soak.py bench/scale.py bench/reading_at_scale.py bench/servers.py,$(wildcard bench/*.py)); do echo "== $$script"; $(BIN)/python "$$script" $(ARGS); done

bench-training: $(DEVELOPMENT) ## every recipe over SEEDS seeds, where a step spends its time, time to 99 % beside PyTorch's example
	$(BIN)/python bench/training.py --recipes all --seeds $(SEEDS) $(ARGS)
	$(BIN)/python bench/training_step.py
	$(BIN)/python bench/time_to_accuracy.py --recipes lightning,fast,classic

bench-serving: $(DEVELOPMENT) ## speed and memory of the server beside five others; Linux, needs wrk
	$(BIN)/python bench/serving.py $(ARGS)

bench-scale: $(CLUSTER) ## a million pictures, several processes and servers, and what follows for more of them (docs/scale.md)
	$(BIN)/python bench/scale.py $(ARGS)

bench-soak: $(DEVELOPMENT) ## ten minutes of load, rubbish and slow clients; Linux, needs wrk
	$(BIN)/python bench/soak.py $(ARGS)

fuzz: $(DEVELOPMENT) ## a million damaged pictures through decode, glyph and reading
	$(BIN)/python bench/fuzz.py $(ARGS)

check: $(DEVELOPMENT) ## formatting, lint, types (JavaScript's too), import law
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -x $(TSC) ]; then \
		echo "tsc --project tests/js"; $(TSC) --project tests/js; \
	else \
		echo "The types of the JavaScript modules were not checked: npm ci --prefix tests/js installs what does it."; \
	fi

audit: $(DEVELOPMENT) ## look the pinned packages up among known vulnerabilities; needs a network
	@$(BIN)/python -c 'import pip_audit' 2>/dev/null || $(PIP) $(PIP_AUDIT)
	@grep -v '^-e' requirements.txt > $(VENV)/.pins
	@$(BIN)/python -m pip_audit --strict --no-deps --disable-pip --progress-spinner off -r $(VENV)/.pins $(ARGS) || { \
		echo "Something is known, or could not be looked up: connection errors and 'Dependency not found' mean that"; \
		echo "the list of known vulnerabilities cannot be reached from here. Try again where there is a network."; exit 1; }

types: $(DEVELOPMENT) ## write the TypeScript types of the API for the pages, from the OpenAPI document
	$(BIN)/python -m tests.web.openapi.typescript

format: $(DEVELOPMENT) ## let ruff format and tidy the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(DEVELOPMENT) ## take the README's pictures anew, in Chromium
	MNIST_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest tests/e2e/test_screenshots.py $(ARGS)

docs: $(DOCUMENTATION) ## build the documentation site into site/; a broken link is an error
	$(BIN)/zensical build --clean --strict
	@echo "Open site/index.html, or with search: $(BIN)/python -m http.server --bind 127.0.0.1 --directory site"

clean: ## remove caches and builds; .venv/, models/ and data/ stay
	rm -rf build dist site .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp that is older than what it was made from means: install again.
$(APPLICATION): requirements.txt pyproject.toml
	@if ! $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then \
		command -v "$(PYTHON)" >/dev/null || { \
			echo "$(PYTHON) was not found. Install Python 3.10 or newer, or name one: make PYTHON=python3.12"; \
			exit 1; }; \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
			echo "Python 3.10 or newer is needed; $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." \
				"Name another: make PYTHON=python3.12"; \
			exit 1; }; \
		echo "Making a virtual environment in $(VENV)/."; \
		"$(PYTHON)" -m venv --clear $(VENV) || { \
			echo "That failed; on Debian and Ubuntu it needs: apt-get install python3-venv"; \
			rm -rf $(VENV); exit 1; }; \
	fi
	@echo "Installing the packages of requirements.txt into $(VENV)/; the first time takes minutes."
	@$(PIP) -r requirements.txt
	@touch $@

$(DEVELOPMENT): $(APPLICATION) pyproject.toml
	@echo "Installing the development tools into $(VENV)/."
	@$(PIP) -e ".[dev]"
	@touch $@

$(CLUSTER): $(DEVELOPMENT) pyproject.toml
	@echo "Installing Ray and what else a cluster needs into $(VENV)/."
	@$(PIP) -e ".[dev,cluster,dev-cluster]"
	@touch $@

$(DOCUMENTATION): $(APPLICATION) pyproject.toml
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "The documentation needs Python 3.11 or newer: rm -r $(VENV), then make docs PYTHON=python3.12"; exit 1; }
	@echo "Installing what builds the documentation into $(VENV)/."
	@$(PIP) -e ".[docs]"
	@touch $@
