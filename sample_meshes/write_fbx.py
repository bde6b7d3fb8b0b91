"""Turn a GLB file into an FBX file; runs in a Python that has Blender's bpy module.

Usage: python write_fbx.py in.glb out.fbx [--up y|z] [--unit m|cm]
"""

from __future__ import annotations

import argparse

import bpy


def main() -> None:
    """Read the command line and write one FBX file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("target")
    parser.add_argument("--up", choices=["y", "z"], default="y", help="up axis in the file")
    parser.add_argument("--unit", choices=["m", "cm"], default="m", help="unit of the file")
    options = parser.parse_args()

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=options.source)
    forward, up = ("-Z", "Y") if options.up == "y" else ("Y", "Z")
    bpy.ops.export_scene.fbx(
        filepath=options.target,
        object_types={"MESH"},
        axis_forward=forward,
        axis_up=up,
        apply_scale_options="FBX_SCALE_UNITS" if options.unit == "m" else "FBX_SCALE_NONE",
        bake_anim=False,
        add_leaf_bones=False,
    )


if __name__ == "__main__":
    main()
