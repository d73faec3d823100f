# State is kept in two folders only: .venv (what is installed) and var (data; AITRADER_HOME moves it).
PYTHON ?= python3
WORKERS ?= 2
PY := .venv/bin/python
# Every lock that make install installs; the runtime alone: make install LOCKS="core pg".
LOCKS ?= core pg dev
LOCK_FILES := $(LOCKS:%=requirements/%.txt)
STAMP := .venv/.installed-$(subst $(eval ) ,-,$(LOCKS))

.DEFAULT_GOAL := help
.PHONY: help install run test check prove bench screenshots locks

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## build .venv from the locks (nothing outside it is touched)

$(STAMP): $(LOCK_FILES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"aitrader needs Python 3.11 or newer; %s is %s (try make install PYTHON=python3.12)" \
	% (sys.executable, sys.version.split()[0]) or 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "Python has no venv module here (Debian: apt-get install python3-venv)"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes $(LOCK_FILES:%=-r %)
	@rm -f .venv/.installed-* && touch $(STAMP)
