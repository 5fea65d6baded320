# Everything starts here. `make help` lists the targets.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
# Where it is set, each of the hundreds of processes that the tests start compiles all of the project anew.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help install check format test test-ladder demo bench fuzz histories simulate wire-fuzz chaos conformance verify verify-slice requirements clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

install: $(BIN)/.installed ## create .venv and install the pinned, hashed requirements

$(BIN)/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else "surefoot needs Python >= 3.11, found %d.%d; set PYTHON=/path/to/python3.11" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

check: install ## ruff, format, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## let ruff fix and format the tree
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: install ## the tests, on real Temporal servers and Postgres that they start, in JOBS= processes (4); not the long ones of test-ladder
	$(BIN)/python -m pytest -n $(or $(JOBS),4) -m 'not ladder' --durations=20

test-ladder: install ## the long tests: whole stacks killed, demos played, broken code noticed
	$(BIN)/python -m pytest -n $(or $(JOBS),4) -m ladder --durations=20

demo: install ## the whole system once: RECORDING= GAME= FROM= TO= SPEED= choose what is played
	@$(BIN)/surefoot demo $(if $(RECORDING),--recording '$(RECORDING)') $(if $(GAME),--game '$(GAME)') \
		$(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)') $(if $(SPEED),--speed '$(SPEED)')

bench: install ## measure, one JSON line a figure (about three minutes; FIGURES= chooses: decision polymarket markets sign startup trades feed; stages, load, and soak with MINUTES=)
	@$(BIN)/surefoot-proof bench $(FIGURES) $(if $(MINUTES),--minutes $(MINUTES))

fuzz: install ## search for input that breaks a decoder, guided where atheris is installed (MINUTES= for all, TARGETS= chooses)
	@$(BIN)/surefoot-proof fuzz $(TARGETS) --minutes $(or $(MINUTES),5)

wire-fuzz: install ## real clients and whole trades against venues that answer wrongly: MINUTES= (5), SEED=s replays one world
	@$(BIN)/surefoot-proof wire-fuzz $(if $(SEED),--seed '$(SEED)',--minutes $(or $(MINUTES),5) --resume)

simulate: install ## SEEDS=n worlds on virtual time, faults and crashes at every await (SEED=s replays one, with its trace; RESUME=1, MINUTES=)
	@$(BIN)/surefoot-proof simulate $(if $(SEED),--seed '$(SEED)' --trace,--seeds '$(or $(SEEDS),20000)') \
		$(if $(RESUME),--resume) $(if $(MINUTES),--minutes $(MINUTES))

chaos: install ## kill real processes at every step of every path; MINUTES= bounds it, ONLY= names one step, RESUME=1 leaves out those done
	@$(BIN)/surefoot-proof chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only '$(ONLY)') \
		$(if $(RESUME),--resume)

verify: install ## the long ladder: 1,000,000 seeds, all of chaos, two hours of the wire fuzzer, every mutant; goes on where it stopped (MINUTES= each, ONLY=)
	@$(BIN)/surefoot-proof verify $(ONLY) $(if $(MINUTES),--minutes $(MINUTES))

verify-slice: install ## at most ten minutes of it, keeping nothing: the first 20,000 seeds, and a minute and a half of lies on the wire
	$(BIN)/surefoot-proof simulate --seeds 20000
	$(BIN)/surefoot-proof wire-fuzz --minutes 1.5

histories: install ## record one history of every path for the replay tests (20 seconds; PATHS= chooses)
	@$(BIN)/surefoot-proof histories $(PATHS)

conformance: install ## official clients and our own trade against the paper exchange (CLIENTS= chooses); JSON last
	@$(BIN)/surefoot-proof conformance $(CLIENTS)

requirements: install ## re-pin requirements.txt (all hashes, no hosts) from pyproject.toml
	$(BIN)/python -m pip install --quiet pip-tools==7.6.2
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --extra dev --strip-extras --no-emit-index-url \
		--no-emit-find-links --no-emit-trusted-host --no-header --output-file requirements.txt pyproject.toml

clean: ## remove the environment and caches (not .surefoot, which holds your ledger)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
