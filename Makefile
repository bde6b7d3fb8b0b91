# make demo   install into .venv and find replacements for the assets of a small game
# make test   install and run the tests
# make check  all that must hold before a change lands: lint, types, layers, tests
# make bench  print the figures of the README: make bench STORE=folder LABELS=labels.csv PICTURES=folder

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint check bench

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

test: $(INSTALLED)
	$(BIN)/python -m pytest

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
	$(BIN)/python -m benchmarks.cross_artist $(STORE) $(LABELS) --look lite0.no-store
	$(BIN)/python -m benchmarks.fitting $(STORE)
	$(BIN)/python -m benchmarks.duplicates $(STORE)
	$(BIN)/python -m benchmarks.graph $(STORE)
	$(BIN)/python -m benchmarks.picture_search $(STORE) --weights lite0.no-store
	$(BIN)/python -m benchmarks.mesh_tags $(STORE) $(LABELS)
	$(if $(PICTURES),$(BIN)/python -m benchmarks.looking $(STORE) $(PICTURES))

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@
