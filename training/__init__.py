"""How the weights and the tagger that ship were trained; no part of the package.

What needs no meshes trains in ``voxel_models``.
"""
