# Each verb installs what it needs. CONTRIBUTING.md explains them. They need Python 3.11 or later.
PYTHON ?= python3
BIN := .venv/bin
SAM := .venv-sam/bin/sam
export PYTHONPATH := src:.
export SAM_CLI_TELEMETRY := 0

.PHONY: run event invoke test bench soak check chaos e2e rehearse build build-local deploy protect unprotect uninstall publish check-deployment lock clean

.venv/run: requirements/run.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.13 …")'
	@test ! -L .venv || { echo ".venv is a link, and what it leads to would be emptied: remove the link (rm .venv), and try again" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv && $(BIN)/pip install -q --require-hashes -r $<
	$(BIN)/pip install -q --no-deps --no-build-isolation --no-index --editable . && touch $@  # .venv/bin/omni-relay
.venv/dev: requirements/dev.txt .venv/run
	$(BIN)/pip install -q --require-hashes -r $< && touch $@
# SAM CLI requires an extra of a pinned package, which pip refuses together with hashes. --no-deps is safe: the lock is
# complete.
.venv-sam/done: requirements/sam.txt
	$(PYTHON) -m venv .venv-sam && .venv-sam/bin/pip install -q --no-deps --require-hashes -r $< && touch $@
.venv-checkov/done: requirements/checkov.txt
	$(PYTHON) -m venv .venv-checkov && .venv-checkov/bin/pip install -q --no-deps --require-hashes -r $< && touch $@
.venv-lock/done:
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install -q uv==0.13.9 && touch $@

# Starts everything on this machine. RELAY_PORT, SANDBOX_PORT, AWS_PORT, LAMBDA_PORT, CONFIG, SECRETS and LOGS choose
# ports, files and the folder for logs.
run: .venv/run
	@$(BIN)/python -m sandbox
# Signs a file of events/ and posts it to the running stack: make event EVENT=github-release, make event EVENT=schedule
event: .venv/run
	@$(BIN)/python -m sandbox.event_files post $(EVENT)
# Does the same in Lambda's own container: make invoke EVENT=github-release [FUNCTION=WebhookFunction]
invoke: .venv/run build-local
	@$(BIN)/python -m sandbox.sam_local $(EVENT) $(FUNCTION)

# Fails below the coverage floor in pyproject.toml.
test: .venv/dev
	$(BIN)/pytest tests -n 3 --dist worksteal --cov -m "not e2e and not chaos and not slow"
# Compares what `sam build` makes with two floors and a peer, and writes docs/performance.md: make bench [ROUNDS=7]
# [BENCH_ARGS=--no-page]. It takes some minutes, and makes .venv-bench of the functions' Python.
bench: .venv/run build-local
	@$(BIN)/python -m bench --rounds $(or $(ROUNDS),7) $(BENCH_ARGS)
# Runs the tests that take long: 20,000 hostile requests, 1,000 events while everything fails, lapses in real time.
soak: .venv/dev
	EVENTS=$(or $(EVENTS),1000) $(BIN)/pytest tests -n 2 --dist worksteal -m "slow or chaos"
check: .venv/dev .venv-sam/done .venv-checkov/done
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/mypy tests && $(BIN)/lint-imports
	$(SAM) validate && .venv-sam/bin/cfn-lint template.yaml && .venv-sam/bin/python deploy/partitions.py
	.venv-checkov/bin/checkov --file template.yaml --framework cloudformation --compact --quiet --skip-download
# Lets everything fail at once, for longer: make chaos [EVENTS=3000] [CHAOS_SEED=…]. A failing run prints both.
chaos: .venv/dev
	EVENTS=$(or $(EVENTS),3000) $(BIN)/pytest tests/integration/reliability -m chaos -s
# Tests the built functions in Lambda's own container, and real senders. Without Docker or Alertmanager, their tests are
# skipped, unless REQUIRE_DOCKER=1 or REQUIRE_ALERTMANAGER=1.
e2e: .venv/dev .venv-sam/done
	$(BIN)/pytest tests -m e2e
# Creates the stack in moto's CloudFormation, pushes a configuration, invokes each function, updates and deletes the stack.
# The report says what moto can't make. It is part of `make e2e`.
rehearse: .venv/dev .venv-sam/done
	@$(BIN)/python -W ignore -m sandbox.rehearsal

# Checks the workflows, and the templates beside the stack's.
check: check-deployment
check-deployment: .venv/dev .venv-sam/done
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/actionlint -shellcheck= .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet --min-severity medium .github/workflows
	.venv-sam/bin/cfn-lint deploy/github.yaml && .venv-sam/bin/cfn-lint --regions us-east-1 -- deploy/waf.yaml

# Builds for AWS and deploys, without a question. CONFIG_ENV=prod chooses an installation of samconfig.toml. STACK,
# PARAMETERS="Stage=dev AlarmEmail=…" and TAGS="team=…" add to it. CONFIRM=1 asks before anything changes.
build: .venv-sam/done
	@.venv-sam/bin/python -m deploy build $(SAM_ARGS)
deploy: build
	@.venv-sam/bin/python -m deploy deploy
# protect keeps the stack from being deleted, and its data from an update. uninstall lists all that it would remove, and
# removes it with REMOVE=<the stack's name>.
protect unprotect uninstall: .venv-sam/done
	@.venv-sam/bin/python -m deploy $@
# Publishes in the AWS Serverless Application Repository: make publish SAR_BUCKET=… VERSION=v1.2.0
publish: build
	$(SAM) package --s3-bucket "$(SAR_BUCKET)" --output-template-file .aws-sam/packaged.yaml
	$(SAM) publish --template .aws-sam/packaged.yaml --semantic-version "$(VERSION:v%=%)"
# Builds for Docker on this machine.
build-local: .venv-sam/done
	$(SAM) build --config-env local --parameter-overrides Architecture=$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x86_64)

# Pins what the *.in files ask for. UPGRADE=--upgrade takes the newest versions. The locks agree, because dev.txt
# constrains those of what runs.
LOCK = .venv-lock/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes $(UPGRADE) \
	--no-emit-index-url --no-header --no-annotate
lock: .venv-lock/done
	$(LOCK) requirements/dev.in -o requirements/dev.txt && $(LOCK) requirements/sam.in -o requirements/sam.txt
	$(LOCK) requirements/checkov.in -o requirements/checkov.txt
	$(LOCK) -c requirements/dev.txt requirements/run.in -o requirements/run.txt
	$(LOCK) -c requirements/dev.txt src/requirements.in -o src/requirements.txt
	$(LOCK) -c requirements/dev.txt requirements/bench.in -o requirements/bench.txt
	$(LOCK) -c requirements/dev.txt requirements/peer.in -o requirements/peer.txt
clean:
	rm -rf .aws-sam .local .coverage .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
