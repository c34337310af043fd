# Needs make, git and Python >= 3.11. Everything that is installed or cached goes into .venv;
# what the locks name, and nothing else, is installed there.

.DEFAULT_GOAL := help
.PHONY: help run test chaos check bench bench-peers audit lock clean
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PY := .venv/bin/python
SOURCES := main.py job_runner_client.py models engine api ui tests
UV := uv==0.13.9
WORKERS ?= 2

export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/pycache
export HYPOTHESIS_STORAGE_DIRECTORY := $(CURDIR)/.venv/hypothesis
export PLAYWRIGHT_BROWSERS_PATH ?= $(CURDIR)/.venv/browsers
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_USER := 0
unexport PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 13
	@echo 'ARGS=… is handed to main.py, pytest, the benchmarks or the lock; PYTHON=… chooses the Python of .venv.'

run: ## Serve on http://127.0.0.1:8080, data in ./data
	@sh -c "$$SETUP" setup requirements.lock
	@exec $(PY) main.py $(ARGS)

test: ## Run every test, browser tests included (ARGS='-k words', WORKERS=2 files at once)
	@sh -c "$$SETUP" setup requirements-dev.lock
	@$(PY) -m tests.browser.chromium
	@exec $(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

chaos: ## The long form of the tests in tests/chaos: 1,000 kills and more (about 40 minutes)
	@sh -c "$$SETUP" setup requirements-dev.lock
	@exec env CHAOS=long $(PY) -m pytest tests/chaos $(ARGS)

check: ## Formatter, linter, type checker, import rules
	@sh -c "$$SETUP" setup requirements-dev.lock
	@sh -c "$$CHECK"

bench: ## Run the benchmarks; prints tables, judges nothing
	@sh -c "$$SETUP" setup requirements-dev.lock
	@exec $(PY) -m tests.benchmarks $(ARGS)

bench-peers: ## Drain and enqueue no-op jobs beside huey, Procrastinate, SAQ and arq (about 6 minutes)
	@sh -c "$$SETUP" setup requirements-dev.lock
	@sh -c "$$PEERS"
	@exec $(PY) -m tests.peers $(ARGS)

audit: ## Look the locked packages up among known vulnerabilities
	@sh -c "$$SETUP" setup requirements-dev.lock
	@exec $(PY) -m pip_audit --disable-pip --require-hashes -r requirements-dev.lock $(ARGS)

lock: ## Write the locks anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@sh -c "$$SETUP" setup
	@sh -c "$$LOCK"

clean: ## Remove .venv and caches; ./data stays
	@rm -rf .venv
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Makes .venv if there is none that works, then brings it to the lock that $1 names, if any. A copy of each lock that
# is installed lies in .venv, so a lock that has not changed costs nothing. requirements-dev.lock holds all of
# requirements.lock.
define SETUP
set -eu

main() {
  works .venv/bin/python && chosen || create
  [ $$# = 0 ] || cmp -s "$$1" ".venv/$$1" || sync "$$1"
}

fail() { echo "$$*" >&2; exit 1; }

# A Python that runs (a version manager's shim may exist and not run), is new enough and has what serving needs.
usable() { "$$1" -c 'import sys, ssl, sqlite3; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_venv() { usable "$$1" && "$$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }
works() { usable "$$1" && "$$1" -c 'import pip' >/dev/null 2>&1; }
version() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

# No PYTHON is asked for, or .venv is of its version.
chosen() { [ -z "$${PYTHON:-}" ] || { usable "$$PYTHON" && [ "$$(version "$$PYTHON")" = "$$(version .venv/bin/python)" ]; }; }

create() {
  find_python
  makes_venv "$$python" || add_venv_module
  echo "Setting up .venv with Python $$(version "$$python") (once, about a minute) …"
  "$$python" -m venv --clear .venv
}

find_python() {
  if [ -n "$${PYTHON:-}" ]; then
    usable "$$PYTHON" || fail "PYTHON=$$PYTHON is not a Python 3.11 or newer that runs and has the ssl and sqlite3 modules."
    python=$$PYTHON
    return
  fi
  for fit in makes_venv usable; do
    for python in python3.14 python3.13 python3.12 python3.11 python3 python; do
      ! $$fit "$$python" || return 0
    done
  done
  fail "No Python 3.11 or newer found: install one, or name it: make … PYTHON=/path/to/python"
}

# Debian and Ubuntu keep what makes a virtual environment in a package of its own.
add_venv_module() {
  package=python$$(version "$$python")-venv
  if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
    echo "Installing $$package, which $$python needs to make .venv …"
    as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends \
      "$$package" >/dev/null 2>&1 || true
  fi
  makes_venv "$$python" || fail "$$python cannot make virtual environments: install its venv module" \
    "(on Debian and Ubuntu: sudo apt-get install $$package), then try again."
}

as_root() { if [ "$$(id -u)" = 0 ]; then "$$@"; else sudo -n "$$@"; fi; }

sync() {
  [ -n "$${python:-}" ] || echo "Bringing .venv up to $$1 …"
  rm -f .venv/*.lock
  .venv/bin/python -m pip install --quiet --no-cache-dir --no-compile --only-binary=:all: --no-deps --require-hashes -r "$$1" \
    || fail "The packages of $$1 could not be installed; pip says above why."
  gone=$$(installed | grep -vxF "$$(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' requirements-dev.lock)" || true)
  [ -z "$$gone" ] || .venv/bin/python -m pip uninstall --quiet --yes $$gone
  cp requirements.lock .venv/
  cp "$$1" .venv/
}

installed() {
  .venv/bin/python -m pip list --format=freeze 2>/dev/null | sed 's/[= ].*//' | tr 'A-Z_.' 'a-z--' | grep -vxE 'pip|setuptools|wheel'
}

main "$$@"
endef
export SETUP

# Makes .venv/peers, which is no part of what runs or tests Job Runner, and holds what its lock names.
define PEERS
set -eu
lock=requirements-peers.lock
if ! cmp -s "$$lock" ".venv/peers/$$lock" || ! .venv/peers/bin/python -c ""; then
  echo "Setting up .venv/peers (once, half a minute) …"
  $(PY) -m venv --clear .venv/peers
  .venv/peers/bin/python -m pip install --quiet --no-cache-dir --no-compile --only-binary=:all: --no-deps --require-hashes -r "$$lock"
  cp "$$lock" .venv/peers/
fi
endef
export PEERS

# Runs every check, even after one has failed; a check that passes says one line.
define CHECK
failed=0
step() {
  name=$$1; shift
  if output=$$("$$@" 2>&1); then echo "ok      $$name"; else echo "FAILED  $$name"; echo "$$output"; failed=1; fi
}
step "formatting" $(PY) -m ruff format --check $(SOURCES)
step "lint" $(PY) -m ruff check $(SOURCES)
step "types" $(PY) -m mypy $(SOURCES)
step "import rules" $(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo --cache-dir .venv/import_linter_cache
exit $$failed
endef
export CHECK

# NOTE: uv writes the locks but never installs; what installs everywhere is the pip that comes with Python.
define LOCK
set -eu
echo "Writing requirements.lock, requirements-dev.lock and requirements-peers.lock …"
[ -x .venv/lock/bin/uv ] || { $(PY) -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet --no-cache-dir "$(UV)"; }
compile() {
  .venv/lock/bin/uv pip compile --quiet --no-config --no-cache --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" "$$@" $(ARGS)
}
compile pyproject.toml -o requirements.lock
compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
compile --group peers -o requirements-peers.lock
endef
export LOCK
