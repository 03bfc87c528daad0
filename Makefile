# `make test` and `make demo` need Python 3.11 or newer, Git and this file; they set up all else below .venv and .cache.

PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
DVC_VENV := .cache/dvc-env
RUN := $(VENV)/bin/python -m
# bytecode is made once, not by each of the thousands of processes that tests start
COMPILE = $(RUN) compileall -q dvx demo
PYTEST = PYTHONDONTWRITEBYTECODE= $(RUN) pytest
READY := $(VENV)/.ready
DVC_READY := $(DVC_VENV)/.ready
VSCODE := .cache/vscode
VSCODE_READY := $(VSCODE)/.ready
# what is imported gets its bytecode then
INSTALL := install --quiet --disable-pip-version-check --no-deps --no-compile
# tests wait now and then
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help quick test test-all test-vscode lint format demo bench docs faults pins clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# decisions, and the main commands on real folders; no DVC, no server but the one for S3
QUICK := tests/unit tests/cli/test_data_cli.py $(patsubst %,tests/ops/test_%.py,add_checkout sync repro experiments)

quick: $(READY) ## run some tests for a first look, in less than two minutes on two cores
	@$(COMPILE)
	$(PYTEST) -n $(WORKERS) --dist worksteal $(QUICK) $(ARGS)

test: $(READY) $(DVC_READY) ## run the tests, most in one dialect by turns; ARGS="-k word" for some
	@$(COMPILE)
	$(PYTEST) -n $(WORKERS) --dist worksteal $(ARGS)

test-all: $(READY) $(DVC_READY) ## run all tests, in both dialects
	@$(COMPILE)
	$(PYTEST) -n $(WORKERS) --dist worksteal --both-dialects $(ARGS)

test-vscode: $(READY) $(VSCODE_READY) ## test schemas in a language server, and tasks in a real VS Code (npm, Chromium)
	$(RUN) pytest -m "vscode or not vscode" tests/editor $(ARGS)

lint: $(READY) ## check style and types
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: $(READY) ## mend style
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

demo: $(READY) ## tell the whole story on the example project
	@$(RUN) demo.story

bench: $(READY) $(DVC_READY) ## measure against DVC
	$(RUN) benchmarks $(ARGS)

docs: $(READY) $(DVC_READY) ## bring docs up to date with what dvx prints, make a site of them (.cache/site), then check them
	$(RUN) tests.docs.reference
	$(RUN) tests.docs.rooms
	$(RUN) tests.docs.session README.md docs/tutorial.md docs/formats.md docs/guides/*.md
	$(RUN) demo.picture
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict --quiet
	$(RUN) pytest -n $(WORKERS) tests/docs $(ARGS)

faults: $(READY) ## kill and fault every command at every change it makes
	@$(COMPILE)
	$(PYTEST) -n $(WORKERS) tests/faults --all-points $(ARGS)

pins: ## resolve the pinned versions again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-emit-index-url --no-emit-find-links --upgrade \
		--custom-compile-command "make pins" --extra dev pyproject.toml --output-file constraints.txt
	echo 'dvc[s3]==3.67.1' | uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-emit-index-url \
		--no-emit-find-links --upgrade --custom-compile-command "make pins" - --output-file constraints-dvc.txt

clean: ## remove environments and caches
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip $(INSTALL) --requirement constraints.txt
	$(RUN) pip $(INSTALL) --no-build-isolation --editable .
	touch $@

# DVC is a peer in tests and benchmarks; dvx never imports it, hence an environment of its own
$(DVC_READY): constraints-dvc.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	rm -rf $(DVC_VENV)
	$(PYTHON) -m venv $(DVC_VENV)
	$(DVC_VENV)/bin/python -m pip $(INSTALL) --requirement constraints-dvc.txt
	touch $@

# VS Code has parts to compile: that needs a C++ compiler, Python, and the headers of Kerberos, libsecret, X11 and xkbfile.
# Its installer runs in the Node that it needs, so that comes first.
$(VSCODE_READY): tests/editor/package.json
	@command -v npm >/dev/null || { echo "npm is needed" >&2; exit 1; }
	rm -rf $(VSCODE)
	mkdir -p $(VSCODE)/node_modules
	cp tests/editor/package.json $(VSCODE)/package.json.all
	cd $(VSCODE) && echo '{"private": true, "allowScripts": {"node": true}}' > package.json && \
		npm install --silent --no-audit --no-fund node@24.21.0
	cd $(VSCODE) && mv package.json.all package.json && \
		PATH="$(CURDIR)/$(VSCODE)/node_modules/.bin:$$PATH" npm install --silent --no-audit --no-fund --unsafe-perm --foreground-scripts
	touch $@
