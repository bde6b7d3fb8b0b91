"""Made-up low-poly game assets: a sample store, a sample game and training meshes."""
