"""Base colour textures of glTF, and which of them are lost: trimesh says nothing of that."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Any

from shapesim.errors import AssetError
from shapesim.pictures.images import open_picture

Tree = dict[str, Any]

_WEBP, _BASIS = "EXT_texture_webp", "KHR_texture_basisu"


def lost_pictures(
    tree: Tree, read_view: Callable[[Tree], bytes], read_file: Callable[[str], bytes]
) -> list[str]:
    """Base colour textures that cannot be read, a line each; files that are missing are not told.

    Args:
        tree: of the file.
        read_view: gives the content of a buffer view.
        read_file: gives that of a file that the tree names, or raises a FileNotFoundError.
    """
    lost: list[str] = []
    sources: set[int] = set()
    for number in sorted(_base_colours(tree)):
        name = f"{number}"
        try:
            texture = tree["textures"][number]
            others = texture.get("extensions", {})
            source = others.get(_WEBP, texture).get("source")
            if source is None:
                if _BASIS in others:
                    lost.append("a texture in KTX2 cannot be read; export PNG or JPEG beside it")
                continue
            if source in sources:
                continue
            sources.add(source)
            image = tree["images"][source]
            uri = str(image.get("uri") or "")
            name = str(image.get("name") or ("" if uri.startswith("data:") else uri) or number)
            if uri.startswith("data:"):
                content = b64decode(uri.partition(",")[2])
            elif uri:
                content = read_file(uri)
            else:
                content = read_view(tree["bufferViews"][image["bufferView"]])
            open_picture(content, name)
        except FileNotFoundError:
            continue
        except AssetError as error:
            lost.append(f"texture {name} {error.reason}")
        except (ValueError, LookupError, TypeError, AttributeError):  # the rest may be of use
            lost.append(f"texture {name} is damaged; export it anew")
    return lost


def _base_colours(tree: Tree) -> set[int]:
    """Numbers of textures."""
    shown = [
        material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
        for material in tree.get("materials", [])
    ]
    return {texture["index"] for texture in shown if texture and "index" in texture}
