# On a fresh clone `make run` and `make test` do all the set-up themselves: they need Python, make
# and a package registry.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check
HOST ?= 127.0.0.1
PORT ?= 8000
# Texts are read as they were written, in a locale of another encoding too.
PYTHONUTF8 := 1
export HOST PORT PYTHONUTF8

.PHONY: run test lint proofs bench crash-test screens pictures integrations lock sbom clean

run: $(VENV)/run
	@exec $(VENV)/bin/tryon demo $(ARGS)

# Side by side, a file at a time, since a file's tests share their servers; the order is that of
# tests/conftest.py. Four on two cores, too: most of the time they wait for a server or a browser.
# ARGS="-n 0" for one.
SIDE_BY_SIDE := -n 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/test
	$(RUN) -m pytest -m "not slow" $(SIDE_BY_SIDE) $(ARGS)

lint: $(VENV)/test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

proofs: $(VENV)/test ## the slow ones: crash, load, fuzz
	$(RUN) -m pytest -m slow $(SIDE_BY_SIDE) $(ARGS)

bench: $(VENV)/test
	$(RUN) -m benchmarks $(ARGS)

crash-test: $(VENV)/test ## the long form: a hundred kills
	CRASHES=100 $(RUN) -m pytest -m slow -k "crash or kill" $(ARGS)

screens: $(VENV)/test ## every state of every page, to look at; ARGS=dialog for those alone
	$(RUN) -m tests.browser.screens $(ARGS)

pictures: $(VENV)/test ## those that README opens with
	$(RUN) -m tests.browser.pictures

integrations: ## what shops upload: build/integrations
	$(PYTHON) -m integrations build/integrations

$(VENV)/run: requirements.lock deploy/parser.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --require-hashes --no-build-isolation -r deploy/parser.lock 2>/dev/null || \
		echo "No C compiler with Python's headers: requests are read by gunicorn's slower parser."
	PYTHONWARNINGS=ignore $(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/test: $(VENV)/run tests/requirements.lock
	$(INSTALL) --require-hashes -r tests/requirements.lock
	@touch $@

lock: ## resolve the dependencies anew (needs uv)
	uv pip compile $(LOCK) --extra build pyproject.toml -o requirements.lock
	echo gunicorn-h1c | uv pip compile $(LOCK) - -o deploy/parser.lock
	uv pip compile $(LOCK) --extra build --extra test pyproject.toml -o tests/requirements.lock

LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header --no-emit-index-url --no-emit-find-links

# The list for whoever asks what is in it (CycloneDX), out of the locks alone: the same bytes each time.
sbom: $(VENV)/sbom/bin/cyclonedx-py ## build/sbom.json
	@mkdir -p build
	cat requirements.lock deploy/parser.lock | PYTHONWARNINGS=ignore $< requirements - \
		--pyproject pyproject.toml --output-reproducible --of JSON --output-file build/sbom.json

# A program of its own, none of the app's or the tests'.
$(VENV)/sbom/bin/cyclonedx-py: Makefile
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		cyclonedx-bom==7.5.0
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
