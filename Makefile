# Each target sets up what it needs: .venv here, jars in the user's cache folder; nothing else is changed.
.DEFAULT_GOAL := help
SHELL := /bin/sh

PY := .venv/bin/python
READY := .venv/.installed
SERVICES := catalog enquiry notification web
STORED := catalog enquiry notification
ARGS ?=
VERSION ?=
PASSAGE ?= .devstack/passage
RESTORE ?=
TO ?= backup
FROM ?= $(TO)
JOURNAL ?= $(FROM)/erasures.journal

COMPILE := $(PY) -m uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -q
CHECKS := format lint types imports dead-code dependencies migrations documents

.PHONY: help demo up test backup restore bench faults soak proof fuzz plans compose-env compose-up compose-down compose-test check audit release lock docs clean $(addprefix check-,$(CHECKS))

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## one enquiry from the seed's page to mailbox and webhook, hop by hop, on real parts
	$(PY) -m devstack demo $(ARGS)

up: $(READY) ## all of Passage on this machine until ctrl-C; ARGS=--docker takes PostgreSQL and Kafka from Docker
	$(PY) -m devstack up $(ARGS)

test: $(READY) ## the whole test suite on real PostgreSQL and Kafka; ARGS='-k sentence' for a part of it
	$(PY) -m pytest -rs -n 2 --dist loadgroup $(ARGS)

faults: $(READY) ## 4 minutes of faults under load and the count of every promise; ARGS='--seed N' has the same again
	$(PY) -m tests.faults $(ARGS)

soak: $(READY) ## the same for an hour, with the faults that take long; ARGS='--minutes 600' for a night
	$(PY) -m tests.faults --soak --minutes 60 $(ARGS)

proof: $(READY) ## that a moment is given once: 200 people take one slot at once, then a storm; ARGS='--seed N --seconds 300' for more of it
	$(PY) -m tests.proof $(ARGS)

fuzz: $(READY) ## a quarter of an hour of requests made from the OpenAPI documents; ARGS='--seconds 240 --rounds 20' for a night
	$(PY) -m tests.security $(ARGS)

compose-env:
	@docker compose version >/dev/null 2>&1 || { echo "no Docker with compose here: docs/operator.md says which one is needed; make up needs none" >&2; exit 1; }
	docker compose build enquiry-web
	deploy/write-secrets

compose-up: compose-env ## all of Passage in containers, by docker-compose.yml; writes .env and .secrets once
	docker compose up --build --detach
	@echo "the first catalog: docker compose run --rm catalog-import; the site: $$(sed -n 's/^SITE_URL=//p' .env)"

compose-down: ## end what compose-up started; its data stays (docker compose down --volumes removes it)
	docker compose down

compose-test: $(READY) ## docker-compose.yml tried for real: scale, crash, restart, deploy while enquiries come, then count
	$(PY) -m pytest -n 0 -m compose tests/compose $(ARGS)

bench: $(READY) ## our figures beside the machine's limits, by interleaved repeats; ARGS='page_get --repeats 5' for one of them
	$(PY) -m bench $(ARGS)

plans: $(READY) ## docs/plans.md anew: how PostgreSQL goes about every statement of a hot path
	$(PY) -m bench.plans

backup: ## every database and the journal of erasures into TO=folder; of the stack that is up, or of yours by PASSAGE='sh -c …'
	@mkdir -p "$(TO)" && chmod 700 "$(TO)"
	for service in $(STORED); do $(PASSAGE) "$$service" backup "$(TO)/$$service.dump" || exit 1; done
	$(PASSAGE) enquiry erasure-journal > "$(TO)/erasures.journal"

restore: ## fill empty databases from FROM=folder and forget again whom JOURNAL (the newest there is) names; nothing of Passage may run
	for service in $(STORED); do $(PASSAGE) "$$service" restore "$(FROM)/$$service.dump" $(RESTORE) || exit 1; done
	$(PASSAGE) enquiry erasure-journal --apply "$(JOURNAL)"

check: $(READY) $(addprefix check-,$(CHECKS)) ## format, lint, types, import contracts, dead code, dependencies, migrations, documents: what CI runs before the tests

check-format: $(READY)
	$(PY) -m ruff format --check .

check-lint: $(READY)
	$(PY) -m ruff check .

check-types: $(READY)
	$(PY) -m mypy services shared devstack docs bench

check-imports: $(READY)
	.venv/bin/lint-imports

check-dead-code: $(READY)
	$(PY) -m vulture

check-dependencies: $(READY)
	$(PY) -m deptry .

check-migrations: $(READY)
	.venv/bin/squawk services/*/migrations/versions/*.sql shared/sql/*.sql

check-documents: $(READY)
	$(PY) -m docs.generate --check

audit: $(READY) ## ask OSV whether a vulnerability is known of anything we lock; ARGS=--may-be-offline lets no answer pass
	.ci/audit $(ARGS)

release: ## a release of a clean main: VERSION=x.y.z moves CHANGELOG's Unreleased to it, commits and tags
	@deploy/release "$(VERSION)"

lock: $(READY) ## write requirements/*.txt anew from pyproject.toml
	$(COMPILE) --all-extras -o requirements/dev.txt
	for service in $(SERVICES); do $(COMPILE) --extra "$$service" -o "requirements/$$service.txt" || exit 1; done

docs: $(READY) ## write the generated documents anew
	$(PY) -m docs.generate

clean: ## remove everything that was made here
	rm -rf .venv .devstack .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "kept, as other checkouts share it: $${XDG_CACHE_HOME:-$$HOME/.cache}/passage (Kafka's jars), and uv's and pip's own caches"

$(READY): requirements/dev.txt devstack/install.sh
	@sh devstack/install.sh $@
