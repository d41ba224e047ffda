# Everyday work on lean-relay; `make` alone lists the targets. GNU make 3.81 (macOS) is enough.
#
#   ARGS="..."      is passed on:  make run ARGS="--port 8080",  make test ARGS="-k filters"
#   PYTHON=python3  names the Python to set .venv up with; otherwise the first one of 3.11 or newer
#   LOCKED=no       takes the newest versions that pyproject.toml allows, not those of .ci/lock

VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := $(PY) -m pip --disable-pip-version-check --no-input
LOCKED ?= yes
LOCK   := .ci/lock
LOCKS  := $(if $(filter no,$(LOCKED)),,yes)

.PHONY: help run demo test check bench torture lock clean

help:
	@echo "make run      start lean-relay (the first time sets .venv up); ARGS= is passed on"
	@echo "make demo     watch it work: signed samples, a relay, a backend that fails; nothing kept"
	@echo "make test     the tests but for the slow ones (about three minutes); ARGS= goes to pytest"
	@echo "make check    format, lint, types, import rules, all tests: what CI runs (some fifteen minutes)"
	@echo "make bench    how fast, beside a bare aiohttp server in the same run (some five minutes); ARGS=--help lists"
	@echo "              what else it measures, ARGS=\"--json FILE\" writes the figures as JSON, and ARGS=--manual"
	@echo "              measures what the manual quotes and writes its file"
	@echo "make torture  kill -9, power cuts, full disks, hostile and slow clients (a quarter of an hour); ROUNDS=10 for longer"
	@echo "make lock     write .ci/lock/*.txt again, after pyproject.toml changed; ARGS=--upgrade takes newer versions"
	@echo "make clean    remove .venv, caches and builds"

run: $(VENV)/.installed
	@$(PY) -m relay $(ARGS)

demo: $(VENV)/.installed
	@$(PY) -m tests.demo $(ARGS)

test: $(VENV)/.tools
	$(PY) -m pytest -n auto --dist worksteal -m "not slow" $(ARGS)

check: $(VENV)/.tools
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest -n auto --dist worksteal

bench: $(VENV)/.tools
	@$(PY) -m tests.bench $(ARGS)

torture: $(VENV)/.tools
	ROUNDS=$(ROUNDS) $(PY) -m tests.torture $(ARGS)

# One file for every supported Python and platform: markers say where a package is needed, hashes name all its
# wheels. Versions that are locked already stay unless pyproject.toml or --upgrade moves them.
COMPILE = $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--no-emit-index-url --no-header $(ARGS)

lock: $(VENV)/.installed
	@$(PIP) install --quiet uv
	@$(COMPILE) --group build --output-file $(LOCK)/run.txt
	@$(COMPILE) --all-extras --group build --group dev --constraints $(LOCK)/run.txt --output-file $(LOCK)/dev.txt

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find relay tui tests -name __pycache__ -type d -prune -exec rm -rf {} +

# Everything that the program needs. Installed again when pyproject.toml or the lock changes; a .venv whose
# Python has gone is replaced. The project itself is built with the locked backend, so nothing else is fetched.
$(VENV)/.installed: pyproject.toml $(if $(LOCKS),$(LOCK)/run.txt)
	@$(PY) -c '' 2>/dev/null || { $(find_python); \
		echo "==> Making $(VENV) with $$found ($$($$found --version))"; \
		"$$found" -m venv --clear $(VENV); }
	@echo "==> Installing lean-relay and its libraries into $(VENV) (once, about half a minute)"
ifeq ($(LOCKS),)
	@$(PIP) install $(if $(wildcard $@),--quiet) --upgrade --editable .
else
	@$(PIP) install $(if $(wildcard $@),--quiet) --require-hashes --requirement $(LOCK)/run.txt
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
endif
	@touch $@

# The tools for tests and checks. Dependency groups came with pip 25.1, which the first step brought.
$(VENV)/.tools: $(VENV)/.installed $(if $(LOCKS),$(LOCK)/dev.txt)
	@echo "==> Installing the tools for tests and checks into $(VENV) (once, about half a minute)"
ifeq ($(LOCKS),)
	@$(PIP) install --quiet --upgrade --group dev --editable '.[team,web]'
else
	@$(PIP) install --quiet --require-hashes --requirement $(LOCK)/dev.txt
endif
	@touch $@

# Sets `found`, or says what is missing. Debian splits ensurepip off into a package of its own.
define find_python
found=; bare=; \
for name in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	if "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then found="$$name"; break; fi; \
	bare="$${bare:-$$name}"; \
done; \
if test -z "$$found" && test -n "$$bare"; then \
	version=$$("$$bare" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
	echo "$$bare cannot make virtual environments here; on Debian or Ubuntu: sudo apt-get install $$version-venv" >&2; \
	exit 1; \
elif test -z "$$found" && test -n "$(PYTHON)"; then \
	echo "PYTHON=$(PYTHON) is not a Python 3.11 or newer that can be started." >&2; \
	exit 1; \
elif test -z "$$found"; then \
	echo "lean-relay needs Python 3.11 or newer, and none is on the PATH as python3, python3.13, python3.12 or python3.11." >&2; \
	echo "Install one (https://www.python.org/downloads, apt, brew), or name it: make run PYTHON=/path/to/python3" >&2; \
	exit 1; \
fi
endef
