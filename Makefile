# Everyday work on lean-relay; `make` alone lists the targets. GNU make 3.81 (macOS) is enough.
#
#   ARGS="..."      is passed on:  make run ARGS="--port 8080",  make test ARGS="-k filters"
#   PYTHON=python3  names the Python to set .venv up with; otherwise the first one of 3.11 or newer

VENV := .venv
PY   := $(VENV)/bin/python
PIP  := $(PY) -m pip --disable-pip-version-check --no-input

.PHONY: help run demo test check bench torture clean

help:
	@echo "make run      start lean-relay (the first time sets .venv up); ARGS= is passed on"
	@echo "make demo     watch it work: signed samples, a relay, a backend that fails; nothing kept"
	@echo "make test     the tests; ARGS= goes to pytest"
	@echo "make check    format, lint, types, import rules, tests: what CI runs"
	@echo "make bench    how fast, held against a bare aiohttp server in the same run (about a minute);"
	@echo "              ARGS=--tui measures the screen on a million captures (some two minutes)"
	@echo "make torture  kill -9, full disks, hostile and slow clients, many rounds (some minutes)"
	@echo "make clean    remove .venv, caches and builds"

run: $(VENV)/.installed
	@$(PY) -m relay $(ARGS)

demo: $(VENV)/.installed
	@$(PY) -m tests.demo $(ARGS)

test: $(VENV)/.tools
	$(PY) -m pytest -n auto --dist worksteal $(ARGS)

check: $(VENV)/.tools
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m pytest -n auto --dist worksteal

bench: $(VENV)/.tools
	@$(PY) -m tests.bench $(ARGS)

torture: $(VENV)/.tools
	$(PY) -m pytest tests/torture $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find relay tui tests -name __pycache__ -type d -prune -exec rm -rf {} +

# What the program needs. Made anew when pyproject.toml changes; a .venv whose Python has gone is replaced.
$(VENV)/.installed: pyproject.toml
	@$(PY) -c '' 2>/dev/null || { $(find_python); \
		echo "==> Making $(VENV) with $$found ($$($$found --version))"; \
		"$$found" -m venv --clear $(VENV); }
	@echo "==> Installing lean-relay and what it needs into $(VENV) (once, about half a minute)"
	@$(PIP) install $(if $(wildcard $@),--quiet) --editable .
	@touch $@

# What tests and checks need besides. Dependency groups came with pip 25.1, hence the upgrade.
$(VENV)/.tools: $(VENV)/.installed
	@echo "==> Installing the tools for tests and checks into $(VENV) (once, about half a minute)"
	@$(PIP) install --quiet --upgrade 'pip>=25.1'
	@$(PIP) install --quiet --group dev
	@touch $@

# Sets `found`, or says what is missing. Debian splits ensurepip off into a package of its own.
define find_python
found=; bare=; \
for name in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	if "$$name" -c 'import ensurepip, venv' >/dev/null 2>&1; then found="$$name"; break; fi; \
	bare="$${bare:-$$name}"; \
done; \
if test -z "$$found" && test -n "$$bare"; then \
	version=$$("$$bare" -c 'import sys; print("python%d.%d" % sys.version_info[:2])'); \
	echo "$$bare cannot make virtual environments here; on Debian or Ubuntu: sudo apt-get install $$version-venv" >&2; \
	exit 1; \
elif test -z "$$found"; then \
	echo "lean-relay needs Python 3.11 or newer, and none is on the PATH as python3, python3.13, python3.12 or python3.11." >&2; \
	echo "Install one (https://www.python.org/downloads, apt, brew), or name it: make run PYTHON=/path/to/python3" >&2; \
	exit 1; \
fi
endef
