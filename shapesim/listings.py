"""What a store says of its assets: ``catalog.csv`` or ``catalog.json`` in its root."""

from __future__ import annotations

import csv
import io
import json
import math
import posixpath
import re
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shapesim.encoding import as_utf8

_FILES = ("catalog.csv", "catalog.json")
_DECIMAL_COMMA = re.compile(r"\d+,\d{1,2}")
_DAY = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_AHEAD = timedelta(hours=14)  # of UTC, somewhere it is that much later
_ALIASES = {"id": "path", "license": "licence"}


@dataclass(frozen=True, slots=True)
class Listing:
    """What a store says of one asset.

    Attributes:
        name: shown instead of the file's.
        tags: labels.
        licence: such as ``CC0-1.0``.
        price: in the store's currency.
        url: where it is sold.
        arrived_at: ISO 8601 in UTC; of what came on a day, the day's end.
        more: all other columns.
    """

    name: str | None = None
    tags: tuple[str, ...] = ()
    licence: str | None = None
    price: float | None = None
    url: str | None = None
    arrived_at: str | None = None
    more: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What is given, by name."""
        given = {name: value for name, value in asdict(self).items() if value not in (None, (), {})}
        return given | ({"tags": list(self.tags)} if self.tags else {})

    @staticmethod
    def from_json(given: dict[str, Any]) -> Listing:
        """The inverse of ``to_json``."""
        return Listing(**(given | {"tags": tuple(given.get("tags", ()))}))


def read_listings(store: Path) -> tuple[dict[str, Listing] | None, list[str]]:
    """Listings by path under the store's root, and what is wrong with them, a line each.

    A value that is wrong is left out and the rest of its row counts; of two rows for one asset the
    first does. None where a file of them cannot be read.
    """
    listings: dict[str, Listing] = {}
    problems: list[str] = []
    is_readable = True
    for file in (store / name for name in _FILES):
        if not file.is_file():
            continue
        try:
            rows = _json_rows(file) if file.suffix == ".json" else _csv_rows(file, problems)
        except (OSError, ValueError, csv.Error, RecursionError) as error:
            problems.append(f"{file}: cannot be read ({error}); what it said before stays")
            is_readable = False
            continue
        for number, row in enumerate(rows, 1):
            path = _below(store, row.pop("path", ""))
            if not path:
                problems.append(f"{file}: entry {number} names no path; left out")
            elif path.split("/")[0] == "..":
                problems.append(f"{file}: {path} leads out of the store; left out")
            elif path in listings:
                problems.append(f"{file}: {path} is listed twice; the first counts")
            else:
                wrong: list[str] = []
                listings[path] = _listing(row, wrong)
                problems += [f"{file}: {path}: {what}; left out" for what in wrong]
    return listings if is_readable else None, problems


def _below(store: Path, given: str) -> str:
    """A path as it is from the store's root, from where also those that begin with a slash count.

    Empty where it is none, and with .. in front where it leads out.
    """
    path = given.replace("\\", "/")
    for root in (store.absolute(), store.resolve()):  # by the name of a link, too
        path = path.removeprefix(f"{root.as_posix()}/")
    path = posixpath.normpath(path.lstrip("/"))
    return "" if path == "." else path


def table_of(text: str) -> csv.DictReader[str]:
    """Rows of a CSV file's text, separated by what its first line has most of.

    Spreadsheets write semicolons where numbers have decimal commas, or tabs.
    """
    head = re.split(r"[\r\n]", text, maxsplit=1)[0]
    return csv.DictReader(io.StringIO(text, newline=None), delimiter=max(",;\t", key=head.count))


def text_of(file: Path) -> str:
    """What stands in a text file, in UTF-8, UTF-16 or, else, Latin-1; line ends as they are.

    Raises:
        OSError: it cannot be read.
    """
    return as_utf8(file.read_bytes()).decode()


def _csv_rows(file: Path, problems: list[str]) -> list[dict[str, str]]:
    text = text_of(file)
    table = table_of(text)
    rows = [_plain(row) for row in table]
    try:
        delimiter = table.reader.dialect.delimiter
        for _ in csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, strict=True):
            pass
    except csv.Error as error:  # such as a quote that swallows all behind it
        problems.append(f"{file}: is a quote left open? ({error})")
    return rows


def _json_rows(file: Path) -> list[dict[str, str]]:
    """Of a list of objects, of one under ``assets``, or of objects by path."""
    content = json.loads(text_of(file))
    if isinstance(content, dict):
        content = content.get("assets", content)
    if isinstance(content, dict):
        content = [{"path": path} | row for path, row in content.items() if isinstance(row, dict)]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise ValueError("no list of objects")
    return [_plain(row) for row in content]


def _plain(row: dict[Any, Any]) -> dict[str, str]:
    """What is given as text, lists joined by commas, columns by our names."""
    plain: dict[str, str] = {}
    for key, value in row.items():
        if key is None or value is None or isinstance(value, dict):
            continue
        name = str(key).strip().lower()
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
        text = text.encode(errors="replace").decode()  # JSON may hold what is no text
        if text:
            plain.setdefault(_ALIASES.get(name, name), text)
    return plain


def _listing(row: dict[str, str], wrong: list[str]) -> Listing:
    price = arrived_at = None
    if text := row.pop("price", None):
        try:
            price = float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
        except ValueError:
            price = math.nan
        if not (math.isfinite(price) and price >= 0):
            wrong.append(f"the price '{text}' is no number")
            price = None
    if text := row.pop("arrived_at", None):
        try:
            moment = datetime.fromisoformat(text)
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
            is_to_come = moment > datetime.now(UTC) + _AHEAD
            if _DAY.fullmatch(text):  # at any time of it: until it ends, it is news of that day
                moment += timedelta(days=1, seconds=-1)
            if is_to_come:
                wrong.append(f"the day '{text}' is yet to come")
            else:
                arrived_at = moment.isoformat(timespec="seconds")
        except (ValueError, OverflowError):
            wrong.append(f"'{text}' is no ISO date")
    tags = [tag.strip() for tag in row.pop("tags", "").replace(";", ",").split(",")]
    return Listing(
        name=row.pop("name", None),
        tags=tuple(tag for tag in tags if tag),
        licence=row.pop("licence", None),
        price=price,
        url=row.pop("url", None),
        arrived_at=arrived_at,
        more=row,
    )
