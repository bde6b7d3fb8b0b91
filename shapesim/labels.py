"""Labels of asset files: a CSV of path and label."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path

from shapesim.errors import ShapesimError
from shapesim.listings import table_of, text_of


def read_labels(path: Path) -> dict[str, str]:
    """Maps paths to one label each: of several, ``chair;seat`` or a row each, the first.

    Rows without a label are left out.

    Args:
        path: CSV with the columns ``path`` and ``label``.

    Raises:
        ShapesimError: the file or one of the columns is missing.
    """
    labels: dict[str, str] = {}
    for name, cell in read_rows(path):
        if label := cell.split(";")[0].strip():
            labels.setdefault(name, label)
    return labels


def read_rows(path: Path) -> list[tuple[str, str]]:
    """Pairs of path, with slashes, and label, in their order; see ``read_labels``."""
    try:
        rows = table_of(text_of(path))
        rows.fieldnames = [name.strip().casefold() for name in rows.fieldnames or ()]
        if not {"path", "label"} <= set(rows.fieldnames):
            raise ShapesimError(f"{path}: needs the columns path and label")
        return [(_plain(row["path"]), row["label"] or "") for row in rows]
    except (OSError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or "is no CSV file"
        raise ShapesimError(f"{path}: {reason}; name a CSV file of labels") from error


def _plain(name: str | None) -> str:
    return (name or "").strip().replace("\\", "/").removeprefix("./")


def label_from_name(path: Path, vocabulary: Collection[str]) -> str:
    """The last word of the file's name that is a label, or else an empty string.

    The last, because a name ends with the thing itself: ``TableLamp`` is a lamp. Both ``lamp``
    and ``lamps`` match.
    """
    for word in reversed(
        [str(part) for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", path.stem)]
    ):
        singular = word.lower().removesuffix("s")
        for candidate in (word.lower(), singular):
            if candidate in vocabulary:
                return candidate
    return ""
