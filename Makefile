# Janus. `make help` lists what there is; docs/design.md says why it is built like this.

SHELL := /bin/sh
.DEFAULT_GOAL := build

# Everything downloaded or built once lives here. An absolute path, since tests run in
# their package's folder.
CACHE := $(abspath $(or $(JANUS_CACHE),.cache))
export JANUS_CACHE := $(CACHE)

GO := scripts/goenv go
PLUGIN := $(CACHE)/xla/pjrt_c_api_cpu_plugin.so
MODEL := $(CACHE)/models/SmolLM2-135M-Instruct
GGUF := $(MODEL).Q4_1.gguf
FIXTURES ?= testdata/golden
DEMO_REPORT ?= examples/flawfinder.sarif
DEMO_FLAGS ?= --source-root examples/src
FUZZTIME ?= 30s
TEST_FLAGS ?=
GOLANGCI_LINT_VERSION := v2.5.0
GOLANGCI_LINT := $(CACHE)/bin/golangci-lint-$(GOLANGCI_LINT_VERSION)

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -X main.version=$(VERSION) -X main.commit=$(COMMIT)

# Packages whose tests read the parity fixtures.
PARITY := ./tokenizer ./lora ./classifier ./transformer ./model ./train ./train/head ./eval/metrics

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: native plugin ## Build bin/janus (fetches the XLA CPU plugin)
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/janus ./cmd/janus

# cargo is optional: without it, or when its build fails, the pure-Go tokenizer is used.
.PHONY: native
native:
	@scripts/build-tokenizers $(CACHE) || { code=$$?; [ $$code -eq 3 ] || \
		echo 'make: the native tokenizer could not be built: using the pure-Go one' >&2; }

# The plugin is optional for building and running; `make test` needs it.
.PHONY: plugin
plugin:
	@scripts/fetch xla || echo 'make: no XLA plugin: Janus will use the slower pure-Go backend' >&2

.PHONY: fetch
fetch: ## Fetch the XLA CPU plugin, the model and a small encoder, checked by SHA-256
	@scripts/fetch xla model minilm

.PHONY: model
model: $(MODEL)/config.json ## Fetch SmolLM2-135M-Instruct and convert it

$(GGUF):
	@scripts/fetch model

# convert writes the folder under a temporary name and renames it, so config.json means all of it.
$(MODEL)/config.json: $(GGUF) | build
	@rm -rf $(MODEL)
	bin/janus convert $(GGUF) $(MODEL)

.PHONY: demo
demo: build model ## Review a real report with a real model
	bin/janus review $(DEMO_REPORT) --model $(MODEL) $(DEMO_FLAGS)

.PHONY: test
test: native model ## Run all tests
	@scripts/fetch xla model minilm
	JANUS_REQUIRE_FETCHED=1 $(GO) test -timeout 25m $(TEST_FLAGS) ./...

# On XLA unless GOMLX_BACKEND names another backend (GOMLX_BACKEND=go is the pure-Go one).
.PHONY: parity
parity: native model ## Compare with the golden fixtures: make parity FIXTURES=DIR
	@[ -n "$$GOMLX_BACKEND" ] || scripts/fetch xla
	@ls -d '$(FIXTURES)'/decoders '$(FIXTURES)'/encoders '$(FIXTURES)'/lora '$(FIXTURES)'/head '$(FIXTURES)'/tokenizers '$(FIXTURES)'/chat \
		'$(FIXTURES)'/smollm2 2>/dev/null | grep -q . || { echo 'make: FIXTURES=$(FIXTURES) holds no fixtures' >&2; exit 2; }
	GOMLX_BACKEND="$${GOMLX_BACKEND:-xla:$(PLUGIN)}" JANUS_FIXTURES='$(abspath $(FIXTURES))' \
		$(GO) test -count=1 -timeout 25m -run Parity -v $(PARITY)

.PHONY: floors
floors: build ## What accepting all and a bag of words reach on the labelled findings in models/data
	bin/janus floors models/data/*.jsonl.gz

# Every step goes on where it stopped, and is not done again where it is done.
MODELS_RUN ?= $(CACHE)/models-run
.PHONY: models
models: build model ## Train the adapter and head that Janus ships, and measure them
	$(GO) run ./models/build rows $(MODELS_RUN)
	[ -f $(MODELS_RUN)/verdict/done.json ] || bin/janus train joint --config models/smollm2-135m/verdict.yaml --model $(MODEL) \
		--data $(MODELS_RUN)/verdict.jsonl --out $(MODELS_RUN)/verdict --resume
	[ -f $(MODELS_RUN)/second/done.json ] || bin/janus train joint --config models/smollm2-135m/second.yaml --model $(MODEL) \
		--init-adapter $(MODELS_RUN)/verdict/adapter --data $(MODELS_RUN)/second.jsonl --out $(MODELS_RUN)/second --resume
	[ -f $(MODELS_RUN)/third/done.json ] || bin/janus train joint --config models/smollm2-135m/second.yaml --model $(MODEL) \
		--init-adapter $(MODELS_RUN)/second/adapter --data $(MODELS_RUN)/third.jsonl --out $(MODELS_RUN)/third --resume
	[ -f $(MODELS_RUN)/fourth/done.json ] || bin/janus train joint --config models/smollm2-135m/second.yaml --model $(MODEL) \
		--init-adapter $(MODELS_RUN)/third/adapter --data $(MODELS_RUN)/fourth.jsonl --out $(MODELS_RUN)/fourth --resume
	[ -f $(MODELS_RUN)/merged/model.safetensors ] || bin/janus adapter merge $(MODELS_RUN)/fourth/adapter --model $(MODEL) --out $(MODELS_RUN)/merged
	[ -f $(MODELS_RUN)/lora/done.json ] || bin/janus train lora --config models/smollm2-135m/adapter.yaml --model $(MODELS_RUN)/merged \
		--data $(MODELS_RUN)/adapter.jsonl --out $(MODELS_RUN)/lora --resume
	[ -f $(MODELS_RUN)/lora2/done.json ] || bin/janus train lora --config models/smollm2-135m/adapter.yaml --model $(MODELS_RUN)/merged \
		--init-adapter $(MODELS_RUN)/lora/adapter --seed 2 --learning-rate 6e-4 --data $(MODELS_RUN)/adapter.jsonl --out $(MODELS_RUN)/lora2 --resume
	$(GO) run ./models/build adapter $(MODELS_RUN)/fourth/adapter $(MODELS_RUN)/lora2/adapter
	$(GO) run ./models/build head $(MODELS_RUN)/fourth/head $(MODELS_RUN)/fourth/adapter $(MODEL)
	$(MAKE) build model-figures

.PHONY: model-figures
model-figures: build model ## Measure the shipped adapter and head on findings that they did not learn from
	$(GO) run ./models/build rows $(MODELS_RUN)
	bin/janus review $(MODELS_RUN)/heldout.jsonl --model $(MODEL) --margin 0 --out $(MODELS_RUN)/verdicts.jsonl
	{ printf '# Figures of the shipped adapter and head\n\n`make model-figures` writes this page. README.md says what the rows are.\n\n'; \
		bin/janus floors models/data/*.jsonl.gz $(MODELS_RUN)/floors.jsonl --verdicts shipped=$(MODELS_RUN)/verdicts.jsonl; } > models/figures.md.new
	mv models/figures.md.new models/figures.md

.PHONY: bench
bench: build model ## Measure Janus beside transformers and llama.cpp (5.8 GB of Python packages)
	bench/run

.PHONY: study
study: build model ## Run the reference study and write docs/study
	@scripts/fetch minilm
	scripts/study

.PHONY: gpu-bundle
gpu-bundle: ## Pack what scripts/gpu/run needs on a machine without Go
	scripts/gpu/bundle

.PHONY: fuzz
fuzz: native ## Run each fuzz test for FUZZTIME (30s)
	scripts/fuzz $(FUZZTIME)

.PHONY: fmt
fmt: ## Format the Go code
	gofmt -w $(shell git ls-files '*.go')

.PHONY: lint
lint: native $(GOLANGCI_LINT) ## gofmt, go vet and golangci-lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not formatted, run make fmt:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	JANUS_NATIVE=0 $(GO) vet ./tokenizer/...
	scripts/goenv $(GOLANGCI_LINT) run ./...

# Built from its module's source: 2 to 3 minutes on 2 cores, once.
$(GOLANGCI_LINT):
	@mkdir -p $(CACHE)/bin
	GOBIN=$(CACHE)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv $(CACHE)/bin/golangci-lint $@

.PHONY: clean
clean: ## Remove what was built; .cache stays (rm -r .cache removes it)
	rm -rf bin
