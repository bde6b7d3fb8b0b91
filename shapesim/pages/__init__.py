"""Web pages that need nothing but themselves: no server, no network."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shapesim.writing import replaced

_FOLDER = Path(__file__).parent


def page(name: str, title: str, data: Any, blobs: Iterable[bytes] = ()) -> str:
    """One of the pages of this folder, with all that it shows.

    Args:
        name: of its ``.js`` and ``.css``.
        title: of the page.
        data: JSON that its script reads from ``#data``.
        blobs: binary data, which its script reads in base64 from ``#blob-0`` and so on.
    """
    # What a name says must not end the script, nor begin a comment in it.
    content = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>",
        f"<style>{_text('page.css')}{_text(f'{name}.css')}</style></head><body>",
        f'<script type="application/json" id="data">{content}</script>',
        *(
            f'<script type="text/plain" id="blob-{number}">'
            f"{base64.b64encode(blob).decode('ascii')}</script>"
            for number, blob in enumerate(blobs)
        ),
        f"<script>{_text('vendor/three.min.js')}</script>",
        *(f"<script>{_text(f'{script}.js')}</script>" for script in ("page", name)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def write_page(text: str, out: Path) -> None:
    """Writes a page at once.

    Raises:
        ShapesimError: it cannot be written there.
    """
    with replaced(out) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _text(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
