"""Pictures for people: views of files, turntables, contact sheets, and a swap side by side."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError, ShapesimError
from shapesim.meshes import load_mesh
from shapesim.pictures.images import load_image, open_picture
from shapesim.rendering.texturing import lost_textures
from shapesim.rendering.views import on_background, render, ring
from shapesim.types import Camera, Raster, UpAxis
from shapesim.workers import map_isolated
from shapesim.writing import replaced

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage
    from PIL.ImageFont import FreeTypeFont

    from shapesim.objects.finder import FoundObject
    from shapesim.tracing import Original, Trace

_TURN = 4.0  # seconds
_SAMPLES = 3  # along each side of a pixel: smooth edges
PAPER = (243, 244, 246)
"""Behind assets: light, and yet something that white assets stand out from."""
_INK, _FAINT, _LINE = (32, 36, 42), (120, 126, 134), (222, 225, 230)
_FRAMES = ((214, 56, 40), (24, 110, 190), (30, 130, 70), (150, 60, 170), (190, 100, 0))
_SMALL_FRAME = 6  # times the area of its number, up to which that would hide what is in a frame
_RENDERED = 4  # assets that wait to be written: a turntable has 50 MB
_LONGEST = {".webp": 16383, ".jpg": 65500, ".jpeg": 65500}  # pixels of a side that formats have
_SOFTWARE, _NAME = 0x0131, "shapesim"  # in EXIF
_PAD = 12
_CELL = 224  # pixels of a side
_TEXT = 15  # height of a line
_SQUARE, _MATRIX = 34, 2400  # pixels of a confusion matrix' cells at most, and of all of them
_FONTS = (
    "NotoSansCJK-Regular.ttc", "msyh.ttc", "YuGothM.ttc", "malgun.ttf", "PingFang.ttc",
    "Hiragino Sans GB.ttc", "AppleSDGothicNeo.ttc", "Arial Unicode.ttf", "wqy-zenhei.ttc",
    "wqy-microhei.ttc", "DroidSansFallbackFull.ttf", "segoeui.ttf", "DejaVuSans.ttf",
)  # fmt: skip
"""Files of Windows, macOS and Linux with letters that our own font lacks."""
_NO_LETTER = "\U0010ffff"  # which no font has


@dataclass(frozen=True, slots=True)
class RenderTask:
    """A file to render: views in a circle of so many pixels, or one by a camera of its own."""

    path: Path
    views: int = 1
    size: int = 224
    elevation: float = 20.0
    up: UpAxis | None = None
    camera: Camera | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a file looks like.

    Attributes:
        views: (V, S, S, 4).
        warnings: what of it could not be read, a line each.
    """

    views: NDArray[np.uint8]
    warnings: tuple[str, ...]


def render_file(task: RenderTask) -> Rendered:
    """Runs in a worker."""
    mesh = load_mesh(task.path, task.up)
    cameras = [task.camera] if task.camera else ring(task.views, task.elevation)
    views = render(mesh, cameras, task.size, _SAMPLES)
    return Rendered(views, (*mesh.warnings, *lost_textures(mesh)))


def render_files(
    tasks: Sequence[RenderTask],
) -> Iterator[tuple[RenderTask, Rendered | AssetError]]:
    """Renders files in workers, in the order of completion."""
    yield from map_isolated(render_file, tasks, lambda task: task.path, queued=_RENDERED)


def write_picture(picture: Raster | PilImage, out: Path) -> None:
    """Writes a picture at once, in the format that the suffix names.

    Raises:
        ShapesimError: it cannot be written there.
    """
    _write([_as_pil(picture)], out)


def write_turntable(frames: NDArray[np.uint8], out: Path) -> None:
    """Writes (V, S, S, 3 or 4) views as an endless animation, .webp or .gif.

    Raises:
        ShapesimError: it cannot be written there.
    """
    pictures = [_as_pil(frame) for frame in frames]
    # Each frame in the place of the one before, not upon it.
    _write(pictures, out, duration=round(1000 * _TURN / len(pictures)), disposal=2)


def is_drawn(path: Path) -> bool:
    """Whether a file is a picture that was written here."""
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    try:
        Image.MAX_IMAGE_PIXELS = None  # nothing is decoded, and sheets of many assets are large
        with Image.open(path) as picture:
            is_marked = picture.getexif().get(_SOFTWARE) == _NAME
            return is_marked or picture.info.get("comment") == _NAME.encode()
    except (OSError, ValueError, SyntaxError):
        return False
    finally:
        Image.MAX_IMAGE_PIXELS = most


def _write(pictures: list[PilImage], out: Path, **options: object) -> None:
    from PIL import Image

    about = Image.Exif()
    about[_SOFTWARE] = _NAME
    options |= {"comment": _NAME} if out.suffix.lower() == ".gif" else {"exif": about}
    if len(pictures) > 1:
        options |= {"save_all": True, "append_images": pictures[1:], "loop": 0}
    if out.suffix.lower() == ".webp":
        options |= {"quality": 90}
    longest = _LONGEST.get(out.suffix.lower())
    if longest and max(pictures[0].size) > longest:
        pictures = [picture.copy() for picture in pictures]
        for picture in pictures:
            picture.thumbnail((longest, longest))
    with replaced(out) as temporary:
        try:
            pictures[0].save(temporary, **options)  # type: ignore[arg-type]
        except ValueError as error:  # of what the format cannot hold
            raise ShapesimError(f"{out}: cannot be written ({error})") from error


def contact_sheet(pictures: Sequence[Raster], captions: Sequence[str]) -> PilImage:
    """Pictures of one size in rows, each with a caption."""
    from PIL import Image

    columns = min(len(pictures), round(len(pictures) ** 0.5 * 1.4) or 1)
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    cell_x, cell_y = width + _PAD, height + _PAD + _TEXT + 4
    sheet = Image.new("RGB", (columns * cell_x + _PAD, rows * cell_y + _PAD), "white")
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = number % columns * cell_x + _PAD, number // columns * cell_y + _PAD
        sheet.paste(_as_pil(picture), (x, y))
        _caption(sheet, caption, x, y + height + 2, width, _INK)
    return sheet


@dataclass(frozen=True, slots=True)
class SwapRow:
    """A query and what could stand in its place: pictures with a name and a line below it."""

    query: Raster
    name: str
    matches: Sequence[tuple[Raster, str, str]]
    wish: str = "to replace"


def swap_sheet(rows: Sequence[SwapRow]) -> PilImage:
    """Each query at the left, its matches beside it, best first."""
    from PIL import Image, ImageDraw

    height, width = rows[0].query.shape[:2]
    columns = 1 + max(len(row.matches) for row in rows)
    cell_x, cell_y = width + _PAD, height + 2 * _TEXT + 2 * _PAD
    gap = 2 * _PAD
    sheet = Image.new("RGB", (columns * cell_x + gap + _PAD, len(rows) * cell_y + _PAD), "white")
    draw = ImageDraw.Draw(sheet)
    for number, row in enumerate(rows):
        y = number * cell_y + _PAD
        if number:
            draw.line([(_PAD, y - _PAD // 2), (sheet.width - _PAD, y - _PAD // 2)], _LINE)
        line_x = cell_x + gap // 2
        draw.line([(line_x, y), (line_x, y + height + 2 * _TEXT)], _LINE, 2)
        cells = [(row.query, row.name, row.wish), *row.matches]
        for column, (picture, name, line) in enumerate(cells):
            x = _PAD + column * cell_x + (gap if column else 0)
            sheet.paste(_as_pil(picture), (x, y))
            _caption(sheet, name, x, y + height, width, _INK)
            _caption(sheet, line, x, y + height + _TEXT + 2, width, _FAINT)
    return sheet


def trace_sheet(traces: Sequence[Trace]) -> PilImage:
    """Found pictures with a frame around what is left of an original, which stands beside.

    A picture that holds several is there once for each.
    """
    from PIL import Image, ImageOps

    pairs = [(one, match) for one in traces for match in (one.matches if one.found else (None,))]
    cell, height = _CELL + _PAD, _CELL + 2 * _TEXT + 2 * _PAD
    wide = 2 * cell + 2 * _PAD
    columns = max(1, round((len(pairs) * height / wide) ** 0.5))
    rows = -(-len(pairs) // columns)
    sheet = Image.new("RGB", (columns * wide - _PAD, rows * height + _PAD), "white")
    for number, (trace, match) in enumerate(pairs):
        x, y = _PAD + number % columns * wide, _PAD + number // columns * height
        found = _framed_picture(trace, match)
        sheet.paste(ImageOps.pad(found, (_CELL, _CELL), color=PAPER), (x, y))
        _caption(sheet, trace.query.name, x, y + _CELL, _CELL, _INK)
        if match is None:
            _caption(sheet, "not from this store", x + cell, y + _CELL, _CELL, _INK)
            continue
        # As it was when it was indexed: its file may be gone by now, or be another.
        original = open_picture(match.stored, match.path.name).convert("RGB")
        sheet.paste(ImageOps.pad(original, (_CELL, _CELL), color=PAPER), (x + cell, y))
        _caption(sheet, match.path.name, x + cell, y + _CELL, _CELL, _INK)
        line = f"confidence {match.confidence:.0%}"
        _caption(sheet, line, x + cell, y + _CELL + _TEXT + 2, _CELL, _FAINT)
    return sheet


def _framed_picture(trace: Trace, match: Original | None) -> PilImage:
    from PIL import Image, ImageDraw

    found = Image.fromarray(on_background(load_image(trace.query), PAPER))
    if match:
        x, y, width, height = match.box
        frame = (x, y, x + width - 1, y + height - 1)
        line = max(2, max(found.size) // 100)
        ImageDraw.Draw(found).rectangle(frame, outline=(230, 60, 40), width=line)
    return found


def objects_picture(picture: Raster, objects: Sequence[FoundObject]) -> PilImage:
    """A picture with a numbered frame around each object."""
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture)
    draw = ImageDraw.Draw(drawn)
    line = max(2, max(drawn.size) // 320)
    font = _font(max(_TEXT, max(drawn.size) // 36))
    colours = [_FRAMES[number % len(_FRAMES)] for number in range(len(objects))]
    for one, colour in zip(objects, colours, strict=True):
        x, y, width, height = one.box
        draw.rectangle((x, y, x + width - 1, y + height - 1), outline=colour, width=line)
    labels: list[tuple[float, float, float, float]] = []
    for one, colour in zip(objects, colours, strict=True):
        x, y, width, height = one.box
        left, top, right, bottom = draw.textbbox((0, 0), str(one.id), font=font)
        wide, tall = right - left + 4 * line, bottom - top + 4 * line
        # In a corner of the frame where no other number is, if there is one; beside what is small.
        places = [
            (at_x, at_y)
            for at_y in (y, max(y, y + height - 1 - tall))
            for at_x in (x, max(x, x + width - 1 - wide))
        ]
        if wide * tall * _SMALL_FRAME > width * height:
            beside = [(x, y - tall), (x, y + height), (x + width, y), (x - wide, y)]
            room = np.subtract(drawn.size, (wide, tall))
            places = [
                at for at in beside if (np.array(at) >= 0).all() and (at <= room).all()
            ] + places
        corners = [(at_x, at_y, at_x + wide, at_y + tall) for at_x, at_y in places]
        free = (corner for corner in corners if not any(_meet(corner, other) for other in labels))
        label = next(free, corners[0])
        labels.append(label)
        draw.rectangle(label, fill=colour)
        place = label[0] + 2 * line - left, label[1] + 2 * line - top
        draw.text(place, str(one.id), "white", font=font)
    return drawn


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether boxes of left, top, right and bottom share something."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def confusion_picture(counts: NDArray[np.int64], labels: Sequence[str]) -> PilImage:
    """(C, C) counts as a table of shades: rows are the true labels, columns those given.

    Of labels too many for it, neither names nor numbers are drawn.
    """
    from PIL import Image, ImageDraw

    labels = [_composed(label) for label in labels]
    font = _font(_TEXT - 2, "".join(labels))
    legend = "true ↓  given →"
    cell = min(_SQUARE, max(1, _MATRIX // len(labels)))
    is_named = cell > _TEXT
    names = round(font.getlength(legend)) + 2 * _PAD
    if is_named:
        names = max(names, round(max(map(font.getlength, labels))) + 2 * _PAD)
    side = cell * len(labels)
    picture = Image.new("RGB", (names + side + _PAD, names + side + _PAD), "white")
    draw = ImageDraw.Draw(picture)
    # Upright names cannot be drawn; they are drawn lying and turned with what lies under them.
    lying = Image.new("RGB", (names, side), "white")
    for number, label in enumerate(labels if is_named else ()):
        at = (names - _PAD / 2, number * cell + cell / 2)
        ImageDraw.Draw(lying).text((_PAD / 2, at[1]), label, _INK, font, "lm")
        draw.text((at[0], at[1] + names), label, _INK, font, "rm")
    picture.paste(lying.transpose(Image.Transpose.ROTATE_90), (names, 0))
    for row, of_row in enumerate(counts):
        total = max(int(of_row.sum()), 1)
        for column, count in enumerate(of_row.tolist()):
            share = count / total
            shade = tuple(round(255 + (end - 255) * share**0.6) for end in (38, 92, 160))
            x, y = names + column * cell, names + row * cell
            edge = max(cell - 2, 0)
            draw.rectangle([x, y, x + edge, y + edge], shade if count else (246, 247, 249))
            if count and is_named:
                ink = "white" if share > 0.35 else _INK
                draw.text((x + cell / 2 - 1, y + cell / 2 - 1), str(count), ink, font, "mm")
    draw.text((_PAD / 2, _PAD / 2), legend, _FAINT, font)
    return picture


def _font(size: int, text: str = "") -> FreeTypeFont:
    """Of letters so high, that has those of a text if there is one on this machine.

    Pillow's own has none but English ones, and the one that comes with shapesim none of Asia's.
    """
    from font_manrope import font_files
    from PIL import ImageFont

    own = ImageFont.truetype(font_files["Manrope"], size)
    if all(_has(own, letter) for letter in set(text)):
        return own
    for name in _FONTS:
        try:
            other = ImageFont.truetype(name, size)
        except OSError:  # not on this machine
            continue
        if all(_has(other, letter) for letter in set(text)):
            return other
    return own


def _has(font: FreeTypeFont, letter: str) -> bool:
    """Whether it is drawn as itself, not as what stands for all that a font lacks."""
    return bytes(font.getmask(letter)) != bytes(font.getmask(_NO_LETTER))


def _caption(
    sheet: PilImage, text: str, x: int, y: int, width: int, colour: tuple[int, int, int]
) -> None:
    """A line of text, centred; the end of a long one is kept, since it tells files apart."""
    from PIL import ImageDraw

    text = _composed(text)
    font = _font(_TEXT - 2, text)
    draw = ImageDraw.Draw(sheet)
    text = _shortened(text, width, font)
    draw.text((x + (width - font.getlength(text)) / 2, y), text, colour, font)


def _composed(name: str) -> str:
    """A name of a file with ü as one letter, of which macOS makes two, on one line."""
    composed = unicodedata.normalize("NFC", name)
    return "".join("\ufffd" if unicodedata.category(one) == "Cc" else one for one in composed)


def _shortened(text: str, width: int, font: FreeTypeFont) -> str:
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"…{text}") > width:
        text = text[1:]
    return f"…{text}"


def _as_pil(picture: Raster | PilImage) -> PilImage:
    from PIL import Image

    return Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
