"""What the commands share: consoles, progress, options, and the report of failed files."""

from __future__ import annotations

import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO
from unicodedata import category

import typer
from rich import markup
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typer.core import TyperCommand

from shapesim.errors import AssetError, GalleryNotFoundError, ShapesimError, WeightsError

if TYPE_CHECKING:
    from shapesim.embedders import Embedder
    from shapesim.gallery import Gallery
    from shapesim.swap import Filters

# Into a file or another program, lines are as long as they must be.
stdout = Console(width=None if sys.stdout and sys.stdout.isatty() else 200, emoji=False)
stderr = Console(stderr=True, emoji=False, soft_wrap=True)

_SHOWN = 20  # lines of one kind on a terminal; the rest is counted


class Command(TyperCommand):
    """One whose help is wrapped where the terminal ends, not where the source has its lines."""

    def __init__(self, *args: Any, help: str | None = None, **kwargs: Any) -> None:
        paragraphs = inspect.cleandoc(help or "").split("\n\n")
        wrapped = [
            # Examples keep their lines, and by a tag of which nothing is seen, their indent.
            one.replace("\n  ", "\n[dim][/dim]  ") if "\n  " in one else one.replace("\n", " ")
            for one in paragraphs
        ]
        super().__init__(*args, help="\n\n".join(wrapped), **kwargs)


def check_space(given: str | None) -> str | None:
    """Whether there may be such a space.

    Raises:
        BadParameter: there is none.
    """
    from shapesim.embedders import SPACES, is_space

    if given and not is_space(given):
        raise typer.BadParameter(f"'{given}' is none of {SPACES}")
    return given


SpaceOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="SPACE",
        callback=check_space,
        help="What has to be alike: shape, look, both; shape:FILE or both:FILE by a voxel network"
        " that you have trained; or what a network of timm sees by weights that you have, as"
        " timm:MODEL=FILE. Default: as the gallery was indexed.",
        show_default=False,
    ),
]

IndexedByOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="SPACE",
        callback=check_space,
        help="What has to be alike: shape, look, both, or copy; shape:FILE or both:FILE by a voxel"
        " network that you have trained; or what a network of timm sees by weights that you have,"
        " as timm:MODEL=FILE. Default: as before, copy aside; both for a new gallery.",
        show_default=False,
    ),
]


def _named_folder(text: str) -> Path:
    """A folder; not the working folder for what a script left empty."""
    if not text:
        raise typer.BadParameter("is empty; name a folder")
    return Path(text)


GalleryOption = Annotated[
    Path | None,
    typer.Option(
        "--gallery",
        metavar="DIR",
        parser=_named_folder,
        help="The gallery's folder. Default: $SHAPESIM_GALLERY, or .shapesim in the working folder"
        " or its nearest parent.",
        show_default=False,
    ),
]
NewSinceOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Only assets that arrived since: 12h, 7d, 2w, or a date.",
        show_default=False,
    ),
]
TagOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TAG",
        help="Only assets with this tag (see 'tags apply'). May be given several times.",
        show_default=False,
    ),
]
MaxTrianglesOption = Annotated[
    int | None, typer.Option(min=1, help="Only assets of no more triangles.", show_default=False)
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="SUFFIX",
        help="Only such files, such as glb, or glb,fbx.",
        show_default=False,
    ),
]
LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--licence",
        "--license",
        help="Only assets that their catalogue gives this licence.",
        show_default=False,
    ),
]
MaxPriceOption = Annotated[
    float | None,
    typer.Option(
        min=0, help="Only assets that their catalogue gives no higher price.", show_default=False
    ),
]
StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Only assets below this folder, or in this pack.",
        show_default=False,
    ),
]


class Need(StrEnum):
    """What an asset can be asked to have."""

    RIG = "rig"
    ANIMATIONS = "animations"
    TEXTURES = "textures"
    UVS = "uvs"
    NORMALS = "normals"
    WATERTIGHT = "watertight"


NeedsOption = Annotated[
    list[Need] | None,
    typer.Option(
        "--needs", help="Only assets that have this; may be repeated.", show_default=False
    ),
]
SheetOption = Annotated[
    Path | None,
    typer.Option(
        "--sheet",
        metavar="FILE",
        help="Draw the queries with their matches beside them, as a PNG, JPEG or WebP.",
        show_default=False,
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a web page on which assets turn beside what would replace them.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
UpOption = Annotated[
    Literal["y", "z"] | None,
    typer.Option(
        help="Up axis of all files. Default: what each file says, or its format's convention.",
        show_default=False,
    ),
]


def indexed_by(gallery: Gallery, by: str | None) -> Embedder:
    """What embeds and compares the assets of a gallery: as asked, or else as before.

    Raises:
        WeightsError: there are no such weights.
    """
    from shapesim.embedders import make_embedder

    before = gallery.compared_by()
    try:
        return make_embedder(by or before)
    except WeightsError as error:
        if by:
            raise
        raise WeightsError(
            f"{gallery.folder}: was indexed by {before}, which cannot be used now; bring it"
            " back, or embed all anew by 'shapesim index --by both'"
        ) from error


def gallery_folder(given: Path | None) -> Path:
    """The folder of an existing gallery.

    Raises:
        GalleryNotFoundError: none is given and none is found.
    """
    from shapesim.gallery.gallery import default_folder

    folder = given or default_folder()
    if folder is None:
        raise GalleryNotFoundError(
            "no gallery in this folder or above it; make one by 'shapesim index STORE'"
        )
    return folder


def expanded(
    files: Sequence[Path], kind: Literal["meshes", "pictures", "meshes or pictures"]
) -> list[Path]:
    """Files as they are given, and in the place of a folder or pack what it holds, each once.

    One that holds nothing of the kind is named, as by ``report_failures``.

    Raises:
        ShapesimError: none is left.
    """
    from shapesim.meshes import MESH_SUFFIXES, find_assets, find_originals
    from shapesim.meshes.finding import find_pictures, is_pack
    from shapesim.meshes.packs import object_of

    find = {
        "meshes": find_assets, "pictures": find_pictures, "meshes or pictures": find_originals
    }[kind]  # fmt: skip
    found: list[Path] = []
    empty: list[AssetError] = []
    for file in files:
        if kind == "pictures" and file.suffix.lower() in MESH_SUFFIXES and not file.is_dir():
            reason = "is a mesh; find what could replace it by 'shapesim swap'"
            empty.append(AssetError(file, reason))
            continue
        is_whole = object_of(file)[0] == file
        if not file.is_dir() and (kind == "pictures" or not (is_pack(file) and is_whole)):
            found.append(file)
            continue
        inside = find(file)
        if not inside.files:
            reason = (inside.notes or [f"holds no {kind}"])[0]
            empty.append(AssetError(file, reason.removeprefix(f"{file}: ")))
            continue
        found += inside.files
        report_lines(inside.notes, "red", "failed")
    if empty and not found:
        report_failures(empty[:-1])
        raise empty[-1]
    report_failures(empty)
    return list(dict.fromkeys(found))


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "", style="progress.data.speed")


def _is_seen(file: TextIO | None) -> bool:
    """Whether it is a terminal, whatever the environment has colours forced on."""
    return file is not None and file.isatty()


@contextmanager
def progress_bar(title: str) -> Iterator[Progress]:
    """A bar on stderr with rate and time left; nothing where stderr is no terminal."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=stderr,
        transient=True,
        redirect_stdout=_is_seen(sys.stdout),  # above the bar; what goes to a file stays out of it
        disable=not _is_seen(sys.stderr),
    ) as progress:
        progress.add_task(title, total=None, note="")
        try:
            yield progress
        except KeyboardInterrupt:
            stderr.print("interrupted")
            raise


def escape(text: str) -> str:
    """Text as it is shown: neither markup nor what steers a terminal, which strangers may write."""
    return markup.escape("".join("�" if category(sign) == "Cc" else sign for sign in text))


def counted(number: int, noun: str) -> str:
    """Such as ``1 asset``, ``2 assets`` and ``3 matches``."""
    ending = "" if number == 1 else "es" if noun.endswith(("ch", "sh")) else "s"
    return f"{number} {noun}{ending}"


def report_lines(lines: Sequence[str], style: str, noun: str) -> None:
    """Prints lines to stderr; where none but a person reads them, the first and how many more."""
    shown = lines[:_SHOWN] if _is_seen(sys.stdout) and _is_seen(sys.stderr) else lines
    for line in shown:
        stderr.print(f"[{style}]{noun}:[/{style}] {escape(line)}", soft_wrap=True, highlight=False)
    if len(shown) < len(lines):
        stderr.print(f"[{style}]… and {len(lines) - len(shown)} more[/{style}]")


def report_failures(failures: Sequence[AssetError]) -> None:
    """Names every failed file with its reason."""
    report_lines([str(failure) for failure in failures], "red", "failed")


def report_gone(paths: Iterable[Path]) -> int:
    """Tells how many files that were found are not there any more."""
    from shapesim.meshes.packs import is_there

    if gone := sum(not is_there(path) for path in set(paths)):
        advice = "run 'shapesim index' for where they are now"
        stderr.print(f"{counted(gone, 'file')} no longer there; {advice}")
    return gone


def parse_since(text: str | None, option: str = "--new-since") -> datetime | None:
    """``7d``, ``12h``, ``2w`` or an ISO date, in UTC where it names no zone."""
    if text is None:
        return None
    if span := re.fullmatch(r"(\d{1,5})([hdw])", text.strip()):
        hours = int(span[1]) * {"h": 1, "d": 24, "w": 168}[span[2]]
        return datetime.now(UTC) - timedelta(hours=hours)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is neither a span like 7d nor a date", param_hint=option
        ) from None
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def make_filters(
    new_since: str | None,
    tags: Sequence[str] | None,
    max_triangles: int | None = None,
    formats: Sequence[str] | None = None,
    licence: str | None = None,
    max_price: float | None = None,
    store: Path | None = None,
    needs: Sequence[Need] | None = None,
) -> Filters:
    """The filters that options ask for."""
    from shapesim.swap import Filters

    return Filters(
        new_since=parse_since(new_since),
        tags=tuple(tags or ()),
        max_triangles=max_triangles,
        formats=tuple(suffix for several in formats or () for suffix in several.split(",")),
        licence=licence,
        max_price=max_price,
        store=store,
        needs=tuple(needs or ()),
    )


PICTURES = (".png", ".jpg", ".jpeg", ".webp")
"""Of sheets."""
PAGES = (".html", ".htm")


def check_writable(out: Path, suffixes: Sequence[str] = (), inputs: Sequence[Path] = ()) -> None:
    """Whether a file can be written there, asked before long work instead of after it.

    Args:
        out: the file.
        suffixes: one of which it has to have, lest one of many names that a shell makes of
            ``*.fbx`` is taken for it. Pictures that were not drawn here are not written over.
        inputs: files that are read, which are not written over either.

    Raises:
        ShapesimError: it cannot.
    """
    if suffixes and out.suffix.lower() not in suffixes:
        raise ShapesimError(f"{out}: cannot be written; name a {', '.join(suffixes)} file")
    if out.is_dir():
        raise ShapesimError(f"{out}: is a folder; name a file")
    if out.resolve() in {path.resolve() for path in inputs}:
        raise ShapesimError(f"{out}: is what is asked about; name another file to write")
    if not out.parent.is_dir():
        raise ShapesimError(f"{out}: cannot be written; name a file in a folder that exists")
    if not os.access(out.parent, os.W_OK):
        raise ShapesimError(f"{out}: cannot be written; name a file in a folder that you may write")
    if suffixes == PICTURES and out.exists():
        from shapesim.showing import is_drawn

        if not is_drawn(out):
            raise ShapesimError(f"{out}: is another picture; name a new file, or delete that one")
