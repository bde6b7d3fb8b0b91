# make demo   install into .venv and find replacements for the assets of a small game
# make test   install and run the tests
# make check  all that must hold before a change lands: lint, types, layers, tests
# make vendor bundle three.js for the pages anew
# make bench  print the figures of docs/figures.md, hours of work: make bench STORE=folder LABELS=labels.csv PICTURES=folder
#             TWINS=folder MODELNET=file GALLERY=folder

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test browser lint check bench vendor

demo: $(INSTALLED)
	$(BIN)/shapesim index sample_meshes/store --gallery demo/gallery
	$(BIN)/shapesim swap sample_meshes/game/props/chair.fbx sample_meshes/game/props/crate.obj \
		-k 5 --gallery demo/gallery
	$(BIN)/shapesim swap sample_meshes/game/props/chair.fbx -k 3 --new-since 2026-11-01 \
		--gallery demo/gallery
	$(BIN)/shapesim swap sample_meshes/game/*/*.fbx -k 5 --gallery demo/gallery \
		--sheet demo/swap.png > demo/swap.txt
	$(BIN)/shapesim render sample_meshes/game/props/chair.fbx --views 1 --background white --out demo
	$(BIN)/shapesim search demo/chair.png -k 3 --gallery demo/gallery
	$(BIN)/shapesim tag sample_meshes/game/props/chair.fbx demo/chair.png

# The tests run in one process for each core, each of which keeps to one thread.
test: $(INSTALLED) browser
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n auto --dist loadscope

# The tests open pages in Chromium or Chrome. What is there serves; on Debian it is installed.
browser:
	@for name in chromium chromium-browser google-chrome chrome msedge; do \
		command -v $$name >/dev/null && exit 0; done; \
	if command -v apt-get >/dev/null; then \
		$$([ "$$(id -u)" = 0 ] || echo sudo) sh -c \
			'apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium' >/dev/null; \
	else echo "install Chromium or Chrome for the tests" >&2; exit 1; fi

# Bundles what the pages use of three.js anew: needs node and npm.
vendor:
	cd shapesim/pages/vendor && npm ci --silent && npm run --silent build

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

bench: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(BIN)/python -m benchmarks.indexing $(STORE)
	$(BIN)/python -m benchmarks.voxelising $(STORE)
	$(BIN)/python -m benchmarks.invariance $(STORE) $(if $(TWINS),--twins $(TWINS))
	$(BIN)/python -m benchmarks.cross_artist $(STORE) $(LABELS) --look lite0.no-kenney
	$(BIN)/python -m benchmarks.fitting $(STORE)
	$(BIN)/python -m benchmarks.duplicates $(STORE) --copies 400 --seed 1
	$(BIN)/python -m benchmarks.graph $(STORE)
	$(BIN)/python -m benchmarks.picture_search $(STORE) --asked 400
	$(BIN)/python -m benchmarks.mesh_tags $(STORE) $(LABELS)
	$(BIN)/python -m benchmarks.partial $(STORE)
	$(BIN)/python -m benchmarks.objects $(STORE) --scenes 60 --compared 30
	$(BIN)/python -m benchmarks.objects $(STORE) --scenes 24 --size 1280 --assets 16 39 --compared 0
	$(BIN)/python -m voxel_models.bench throughput
	$(if $(MODELNET),$(BIN)/python -m benchmarks.modelnet $(MODELNET))
	$(if $(MODELNET),$(BIN)/python -m voxel_models.bench modelnet10 --data $(MODELNET))
	$(if $(MODELNET),$(BIN)/python -m voxel_models.bench modelnet10 --data $(MODELNET) --one-view)
	$(if $(MODELNET),$(BIN)/python -m voxel_models.bench completion --data $(MODELNET))
	$(if $(GALLERY),$(BIN)/python -m benchmarks.swapping $(GALLERY))
	$(if $(GALLERY),$(BIN)/python -m benchmarks.mapping $(GALLERY))
	$(if $(PICTURES),$(BIN)/python -m benchmarks.looking $(STORE) $(PICTURES))
	$(if $(PICTURES),$(BIN)/python -m benchmarks.tracing $(STORE) $(PICTURES) --queries 150 --seed 3 --enlarged 1000000)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@
