# make help lists what there is. More than three lines of shell belong into hack/.
MAKEFLAGS += --no-print-directory --warn-undefined-variables
.DEFAULT_GOAL := help
FAULT ?= errors
# STORIES chooses end-to-end tests by name: make e2e STORIES=Promote
STORIES ?= .
RUNS ?= 2000
FUZZTIME ?= 5m
FUZZ ?=
# VERSION is what make image and make release build; PUSH the repository that make image pushes to, such as registry.example.com/stagger.
VERSION ?= v0.0.0-dev
PUSH ?=
# CHAOS is for how long make chaos begins releases, SEEDS which of them; without any, from one on that nobody knows.
CHAOS ?= 30m
SEEDS ?=
TOOL := go tool -modfile=$(CURDIR)/hack/tools/go.mod
PACKAGES := ./pkg/... ./operator/...
export CGO_ENABLED ?= 0
# One way of compiling for everything, so that nothing is compiled twice.
export GOFLAGS ?= -trimpath
# What collects its own garbage less often takes less time: the compiler a tenth, the tests a quarter.
COMPILE := GOGC=400 go
say = @printf '\n==> %s\n' "$(1)"

.PHONY: help demo shell build image release test unit race lint verify generate docs mesh mesh-test promtool krew packaging-test gitops dashboards pictures e2e transcripts matrix peers bench fuzz soak chaos clean

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

demo: ## A release on a real mesh, from one annotation: make demo FAULT=errors|crash|slow-start|none
	@FAULT=$(FAULT) hack/demo.sh

shell: build mesh ## A mesh with Stagger and a sample service, and a shell inside it
	@hack/shell.sh

build: ## bin/stagger and bin/kubectl-stagger, with bin/kubectl_complete-stagger for completion
	$(call say,building the operator and the plugin)
	$(COMPILE) build -trimpath -o bin/stagger ./operator
	$(COMPILE) build -trimpath -o bin/kubectl-stagger ./operator/cmd/kubectl-stagger
	@install operator/cmd/kubectl-stagger/kubectl_complete-stagger bin/

image: ## The operator's image, by ko: make image VERSION=v0.1.0 PUSH=registry.example.com/stagger; without PUSH bin/stagger-image.tar
	$(call say,building the image $(VERSION))
	@mkdir -p bin
	go -C hack/packaging tool image -version "$(VERSION)" $(if $(PUSH),-push "$(PUSH)",-archive $(CURDIR)/bin/stagger-image.tar)

release: ## All that a release consists of, into dist/: make release VERSION=v0.1.0
	@hack/release.sh "$(if $(filter file,$(origin VERSION)),,$(VERSION))"

mesh: ## bin/localmesh, and the programs of the mesh: minutes the first time, nothing after it
	$(call say,building the mesh (step i of n is shown when something is to be built))
	$(COMPILE) -C hack/localmesh build -trimpath -o $(CURDIR)/bin/localmesh .
	bin/localmesh build

generate: ## CRDs, deepcopy, RBAC, the dashboards, the schema of the chart's values, the reference in manifests/docs and manifests/kustomize from their sources
	$(call say,generating)
	hack/generate.sh

test: ## Everything: what CI runs
	$(call say,1 of 6: lint) && $(MAKE) lint
	$(call say,2 of 6: generated files; the documentation) && $(MAKE) verify docs
	$(call say,3 of 6: units and scenarios with the race detector) && $(MAKE) race
	$(call say,4 of 6: the image; the plugin by krew; the counting expressions on Prometheus) && $(MAKE) packaging-test krew mesh promtool
	$(call say,5 of 6: the mesh itself; what GitOps tools think of a release; the dashboards) && $(MAKE) mesh-test gitops dashboards
	$(call say,6 of 6: the API and the user stories on the mesh) && $(MAKE) e2e
	$(call say,all is well)

unit: ## The fast loop: units and scenarios
	$(COMPILE) test $(PACKAGES)

race: ## Units and scenarios, those of operator/ with the race detector, where there is the C compiler it needs
	$(COMPILE) test ./pkg/...
	@if command -v "$$(go env CC)" >/dev/null; then CGO_ENABLED=1 $(COMPILE) test -race ./operator/...; \
	else echo "no C compiler here: the race detector is left out" >&2; $(COMPILE) test ./operator/...; fi

lint: ## golangci-lint with the budgets, purity of pkg/, lengths of functions, modules as their checksums say and without known vulnerabilities
	$(TOOL) golangci-lint run --allow-parallel-runners $(PACKAGES) ./e2e/... ./hack/...
	@for module in localmesh packaging gitops dashboards; do \
		(set -x; cd hack/$$module && $(TOOL) golangci-lint run --allow-parallel-runners --config $(CURDIR)/.golangci.yml ./...) || exit 1; \
	done
	hack/purity.sh
	hack/lengths.sh
	hack/modules.sh

verify: ## Fail when generated files have drifted
	hack/verify.sh

docs: ## The site of the documentation, into bin/docs/site; fails on a link that leads nowhere
	hack/docs.sh

promtool: ## The counting expressions and the alerts on Prometheus's own engine
	hack/promtool.sh

krew: ## The plugin's archive for krew, installed by krew
	hack/krew.sh

packaging-test: ## The image: built twice, pushed, pulled and run; the chart by Helm, and by the Prometheus operator's types
	go -C hack/packaging test -count=1 -timeout=40m ./...

mesh-test: ## The tests of hack/localmesh
	@# -count=1 where a test reads files beside its module: what is kept of a test that passed knows nothing of them.
	go -C hack/localmesh test -count=1 ./build
	go -C hack/localmesh test ./...

gitops: ## What GitOps tools think of a release, by their own libraries
	go -C hack/gitops test -count=1 ./...

dashboards: ## The dashboards: read strictly, their queries by Prometheus's parser; the day that is in their pictures
	go -C hack/dashboards test -count=1 ./...
	go test ./hack/pictures

pictures: ## The boards as pictures for the docs, light and dark; wants npm
	hack/pictures.sh

e2e: ## API tests and user stories: on a mesh of their own, or on the cluster of KUBECONFIG; STORIES=name chooses
	@hack/browser.sh
	@# -p=1 shows how each story ended as soon as it has.
	go test -count=1 -timeout=75m -p=1 -parallel=5 -v -run '$(STORIES)' ./e2e/...

transcripts: ## README and the pages of the docs with what is really printed now, by the stories that type their commands (some ten minutes)
	@hack/transcripts.sh

matrix: ## Stories on the oldest Kubernetes and Istio that are supported: builds them first, which takes half an hour
	hack/matrix.sh

peers: ## The stories of teams who come from Flagger and Argo Rollouts, with those beside them: records what they leave
	hack/peers.sh

bench: ## Benchmarks of the core, and the tables of BENCHMARKS.md: RUNS=2000
	go test -run '^$$' -bench . -benchmem $(PACKAGES)
	hack/bench.sh $(RUNS)

fuzz: ## Every fuzz target, each for FUZZTIME: for the night. FUZZ chooses by name: make fuzz FUZZTIME=10m FUZZ=Commands
	@hack/fuzz.sh "$(FUZZTIME)" "$(FUZZ)"

soak: ## The stories that take hours, and what comes too seldom for make unit to see
	@hack/soak.sh

chaos: ## Releases while the mesh is killed, paused and lied to by seeds: make chaos CHAOS=30m SEEDS="8 5"
	go test -count=1 -timeout=3h -v -run '^TestChaos$$' ./e2e/ -chaos $(CHAOS) -seeds '$(SEEDS)'

clean: ## Remove what was built here; the mesh's programs stay in the cache
	rm -rf bin dist
