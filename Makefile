# Everything a user or a developer types. `make quote` and `make test` set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One more than there are cores: many tests wait for a program that they started.
JOBS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))

.PHONY: quote setup test long slow core fuzz cover lint format types contracts terraform docs sizing k8s-smoke site bench lock sbom audit clean help

help:            ## this list
	@grep -E '^[a-z0-9-]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "planner needs Python 3.11 or newer; set PYTHON=python3.12 or the like" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "no venv module: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.made
	@echo "installing planner into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -m tools.compile
	@touch $@

$(VENV)/.tested: pyproject.toml $(VENV)/.made
	@echo "installing planner and what the tests need into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,parquet]'
	@$(BIN)/python -m tools.compile
	@touch $(VENV)/.installed $@

quote: $(VENV)/.installed   ## what 720 hours cost on three clouds
	@$(BIN)/planner quote --hours 720

setup: $(VENV)/.tested      ## a development environment in .venv

test: setup                 ## the suite, with lint, types and import contracts (LONG=1: with what takes long, as CI does)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(if $(LONG),-m 'not slow')

long: setup                 ## what takes long alone: the browser, LibreOffice, lives of modules
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m 'long and not slow'

slow: setup                 ## the full matrices, which `make test` leaves out, and the long ones
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m 'slow or long'

# Not what looks at the repository itself, starts programs or repeats what another interpreter cannot change.
NOT_CORE = terraform safe tools web gate agents compat test_notebook.py rendering buying measure providers cli kubernetes test_house.py test_newcomer.py test_writing.py test_i18n.py \
  test_readme.py test_layers.py test_supply.py test_benchmarks.py prices/test_zones.py prices/test_snapshot.py quoting/test_shortlist.py

core: setup                 ## the suite without what needs a program of the system (CI: on the newest Python)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m 'not slow and not long and not system' $(NOT_CORE:%=--ignore=tests/%)

fuzz: setup                 ## damaged and hostile input, N times each (N=20000), with a fixed seed
	PLANNER_FUZZ=$(or $(N),20000) $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup -m fuzz

cover: setup                ## the suite with branch coverage of planner/ and providers/
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --cov --cov-report=term

lint: setup                 ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup               ## ruff: write the format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup                ## mypy, strict
	$(BIN)/mypy

contracts: setup            ## who may import whom
	$(BIN)/lint-imports

terraform: setup            ## rewrite terraform/ from the templates
	$(BIN)/python -m tools.reference_modules
	$(BIN)/python -m tools.reference_kubernetes

k8s-smoke:                  ## ten commands against a cluster, dry run first (KUBECONFIG=... DIR=... and APPLY=1)
	@KUBECONFIG="$(KUBECONFIG)" DIR="$(DIR)" APPLY="$(APPLY)" tools/k8s_smoke.sh

docs: setup                 ## rewrite the generated parts of README.md and docs/
	$(BIN)/python -m tools.architecture
	$(BIN)/python -m tools.notice
	$(BIN)/python -m tools.claims
	$(BIN)/python -m tools.reference
	$(BIN)/python -m tools.clouds
	$(BIN)/python -m tools.readme
	$(BIN)/python -m tools.notebook

$(VENV)/.site: $(VENV)/.installed
	@echo "installing what the site is built with ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[site]'
	@touch $@

site: $(VENV)/.site         ## the documentation as a site, in build/docs/site; open its index.html
	$(BIN)/python -m tools.site

sizing: setup               ## rewrite the tables of docs/sizing.md and docs/bootstrap.md (FIT=1 refits the sizing first)
	@if [ -n "$(FIT)" ]; then $(BIN)/python -m pip install --quiet --disable-pip-version-check numpy scipy && $(BIN)/python -m tools.fit_sizing --write; fi
	$(BIN)/python -m tools.sizing_tables --write

bench: setup                ## all benchmarks, into benchmarks/RESULTS.md (ONLY="startup sizing" for some, printed alone)
	@$(BIN)/python -m tools.compile
	$(BIN)/python -m benchmarks $(ONLY)

lock: setup                 ## rewrite constraints.txt and requirements/*.lock (asks the package index)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip-tools
	$(BIN)/python -m tools.lock

sbom: setup                 ## a CycloneDX bill of materials of this release, in sbom.cdx.json
	$(BIN)/python -m tools.sbom --output sbom.cdx.json

audit: setup                ## known vulnerabilities of what is installed; says so where it cannot look them up
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.7' || echo "pip-audit cannot be installed now"
	$(BIN)/python -m tools.audit

clean:                      ## remove the environment
	rm -rf $(VENV) .venv-*
