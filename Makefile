# The verbs. Each is thin; what it does is in scripts/ and bench/.

SERVER := target/release/my-cctv-server

.PHONY: help run build web test bench soak page-soak page-figures screenshots pictures fuzz dist dist-test deb-test cross-test container-test clean

help: ## Say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: build ## Build everything and serve on port 3000 (CAMERA=sim takes the simulated camera)
	@scripts/run "$(SERVER)" "$(CAMERA)"

build: web ## The release binary, page included: target/release/my-cctv-server
	cargo build --release --locked -p my-cctv-server

web: web/dist/index.html

# Files of the page that the bundle is made of.
PAGE := $(shell find web/src web/public web/build -type f 2>/dev/null) $(wildcard web/*.html) web/vite.config.ts web/tsconfig.json

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	@touch $@

web/dist/index.html: web/node_modules/.package-lock.json $(PAGE)
	cd web && npm run build
	@touch $@

test: ## Install what the tests need, then run them all
	scripts/test

bench: web ## Print every figure the README states (QUICK=1 for a short look)
	bench/all

soak: web ## Cameras that fail, viewers that come and go (SOAK=24h, 10m, 90s; SEED= repeats a run)
	bench/soak

page-soak: web ## Live view for long, tab shown and hidden: does the page's memory stay flat (PAGE_SOAK=1h, 2m)
	cargo build --locked -p my-cctv-server -p camera-sim
	cd web && PAGE_SOAK="$(or $(PAGE_SOAK),1h)" CCTV_SERVER="$(CURDIR)/target/debug/my-cctv-server" npx playwright test --project=page soak.spec

page-figures: web ## What a first visit costs: bytes, script, first picture, what jumps
	cargo build --locked -p my-cctv-server -p camera-sim
	cd web && CCTV_SERVER="$(CURDIR)/target/debug/my-cctv-server" npm run figures

screenshots: web ## Pictures of every view, in web/test-results/screenshots
	cargo build --locked -p my-cctv-server
	cd web && CCTV_SERVER="$(CURDIR)/target/debug/my-cctv-server" npm run screenshots

pictures: web ## The pictures of the README, into docs/images
	cargo build --locked -p my-cctv-server -p camera-sim
	cd web && CCTV_SERVER="$(CURDIR)/target/debug/my-cctv-server" npm run pictures

fuzz: ## Fuzz every parser (SECONDS_EACH=60)
	scripts/fuzz

dist: web ## Debian packages, SBOM and checksums, into target/dist (TARGETS="x86_64-unknown-linux-gnu …" chooses)
	@TARGETS="$(TARGETS)" scripts/dist

dist-test: deb-test container-test cross-test ## All that is given away, tried where it will run (root)

deb-test: ## Install, upgrade, remove and purge the package in a clean Debian that has booted (root)
	@scripts/dist-test

cross-test: ## Build for the Pi, and run it in an emulator (ARCHES="arm64 armhf")
	set -e; for arch in $(or $(ARCHES),arm64 armhf); do scripts/cross $$arch; scripts/cross-test $$arch; done

container-test: ## Build the container image, run it, look at it from outside (SOURCE=1 compiles in it)
	scripts/container-test $(if $(SOURCE),--source)

clean: ## Remove what was built
	cargo clean
	rm -rf web/dist web/node_modules web/test-results fuzz/target
