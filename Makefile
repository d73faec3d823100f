# State is kept in two folders only: .venv (what is installed) and var (data; AITRADER_HOME moves it).
PYTHON ?= python3
WORKERS ?= 2
PY := .venv/bin/python
# Every lock that make install installs; the runtime alone: make install LOCKS="core pg".
LOCKS ?= core pg dev
LOCK_FILES := $(LOCKS:%=requirements/%.txt)
TEST := $(PY) -m tests.tiers --workers $(WORKERS)
STAMP := .venv/.installed-$(subst $(eval ) ,-,$(LOCKS))

.DEFAULT_GOAL := help
.PHONY: help install run sandbox test check prove bench screenshots locks

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables of run: REPLAY SOURCE SECOND ORDERS SPEED PORT SYMBOL INTERVAL SEED OPERATOR, as in"
	@echo "  make run REPLAY=candles.csv.gz SPEED=60 PORT=8000"

install: $(STAMP) ## build .venv from the locks (nothing outside it is touched)

$(STAMP): $(LOCK_FILES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"aitrader needs Python 3.11 or newer; %s is %s (try make install PYTHON=python3.12)" \
	% (sys.executable, sys.version.split()[0]) or 0)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "Python has no venv module here (Debian: apt-get install python3-venv)"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --quiet --disable-pip-version-check --require-hashes $(LOCK_FILES:%=-r %)
	@rm -f .venv/.installed-* && touch $(STAMP)

# A value as one word of the shell, whatever is in it.
quoted = '$(subst ','\'',$(1))'
option = $(if $($(1)),--$(2) $(call quoted,$($(1))))
OPTIONS = $(call option,REPLAY,replay) $(call option,SPEED,speed) $(call option,PORT,port) \
	$(call option,SYMBOL,symbol) $(call option,INTERVAL,interval) $(call option,SEED,seed) \
	$(call option,OPERATOR,operator) $(call option,SOURCE,source) $(call option,SECOND,second-source) \
	$(call option,ORDERS,orders)

run: $(STAMP) ## trade on paper: on prices in real time, a simulated market, or candles (REPLAY=file)
	@exec $(PY) manage.py run $(OPTIONS)

sandbox: $(STAMP) ## an exchange of one's own, for drills: . var/sandbox/sandbox.env, then make run ORDERS=venue SOURCE=binance
	@exec $(PY) manage.py sandbox --port 9000 --env var/sandbox $(if $(HOLD),--hold $(HOLD)) $(if $(REPLAY),--replay $(call quoted,$(REPLAY)))

test: $(STAMP) ## every tier of tests that this machine can run
	@$(TEST) unit embedded services browser

check: $(STAMP) ## lint, format, types, floors, migrations, Django's checks
	.venv/bin/ruff check --output-format concise .
	.venv/bin/ruff format --check --output-format concise .
	.venv/bin/mypy .
	.venv/bin/lint-imports --no-logo
	@DJANGO_SETTINGS_MODULE=aitrader.settings.test $(PY) manage.py makemigrations --check --dry-run --no-input
	@DJANGO_SETTINGS_MODULE=aitrader.settings.test $(PY) manage.py check --fail-level WARNING

prove: $(STAMP) ## the long proofs (up to an hour)
	@$(TEST) prove proofs-on-servers

bench: $(STAMP) ## the figures that the documentation claims, measured here
	@set -e; for file in benchmarks/[a-z]*.py; do echo "$$file"; $(PY) -m benchmarks.$$(basename $$file .py); done

screenshots: $(STAMP) ## the pictures of the documentation, taken anew
	@$(PY) -m tests.browser.screenshots

# Existing pins stay: UPGRADE=1 takes the newest that fit.
locks: $(STAMP) ## resolve requirements/*.in into locks with hashes
	@cd requirements && for set in core pg dev; do ../.venv/bin/uv pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
	$(if $(UPGRADE),--upgrade) $$set.in -o $$set.txt || exit 1; done
