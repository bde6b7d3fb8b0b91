"""Picture files to arrays, whatever they hold and however they are damaged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shapesim.errors import AssetError, UnreachableFileError
from shapesim.types import Raster, Shares

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jfif", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"}
)
"""Lower-case suffixes of picture files."""

_MOST = 0.7  # of a picture's side, from which on nothing is cut out
_SHOWN = 0.25  # of a part, from which on it belongs to the thing: poles and ropes fill no part
_LARGEST_SQUARE = 2048  # pixels of a side; up to twice as many are kept as they are
_ORIENTATION = 0x0112  # of EXIF: from 5 on, width and height are exchanged
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "TGA", "DDS")
_REDUCED = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})  # modes that Pillow reduces


def encoded(picture: Raster | PilImage, format: str, **options: Any) -> bytes:
    """A picture as the bytes of a file.

    Args:
        picture: (H, W, 3 or 4) uint8, or as Pillow has it.
        format: Pillow's name of it.
        options: of that format.
    """
    from PIL import Image

    made = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    buffer = BytesIO()
    made.save(buffer, format, **options)
    return buffer.getvalue()


def load_image(source: Path | str | PilImage, largest: int | None = None) -> NDArray[np.uint8]:
    """A picture as it is meant to be seen: turned as its EXIF says, in sRGB, its first frame.

    Args:
        source: a file, or a picture that Pillow has opened.
        largest: side in pixels to which a larger picture is reduced; None keeps its size.

    Returns:
        (H, W, 4) uint8 sRGB with alpha.

    Raises:
        AssetError: it is damaged, too large, or no picture.
    """
    if isinstance(source, str):
        source = Path(source)
    path = (
        source if isinstance(source, Path) else Path(getattr(source, "filename", "") or "texture")
    )
    with _readable(path):
        if isinstance(source, Path):
            with _opened(source) as opened:
                if largest:
                    opened.draft("RGB", (largest, largest))  # JPEG: a fraction of the size
                return np.asarray(_decoded(opened, largest))
        return np.asarray(_decoded(source, largest))


def open_picture(content: bytes, name: str) -> PilImage:
    """A picture that is kept within another file, to be decoded when it is needed.

    Args:
        content: of a picture file.
        name: that it had.

    Raises:
        AssetError: it is damaged, too large, or no picture.
    """
    from PIL import Image

    with _readable(Path(name)):
        return Image.open(BytesIO(content), formats=_FORMATS)


def image_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, without decoding it.

    Raises:
        AssetError: it is damaged, too large, or no picture.
    """
    with _readable(path), _opened(path) as picture:
        width, height = picture.size
        lies_on_its_side = picture.getexif().get(_ORIENTATION, 1) > 4
        return (height, width) if lies_on_its_side else (width, height)


@contextmanager
def _opened(path: Path) -> Iterator[PilImage]:
    from PIL import Image

    with path.open("rb") as file, Image.open(file, formats=_FORMATS) as picture:
        yield picture


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever Pillow raises, as an error with a reason."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures, and refuses those twice as large.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as error:
        raise AssetError(path, "is no picture that can be read, whatever its name says") from error
    except Image.DecompressionBombError as error:
        raise AssetError(
            path, f"has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels; reduce it"
        ) from error
    except MemoryError as error:
        raise AssetError(path, "does not fit into memory; reduce it") from error
    except OSError as error:
        if error.strerror:
            raise UnreachableFileError(path, error.strerror) from error
        raise AssetError(path, "is cut off or damaged; save it anew") from error
    except NotImplementedError as error:  # of a format that has many others within
        raise AssetError(path, "is of a kind that cannot be read; save it as PNG") from error
    except (ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError) as error:
        raise AssetError(path, "is damaged; save it anew") from error


def _decoded(picture: PilImage, largest: int | None) -> PilImage:
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    if largest and max(picture.size) > 2 * largest:
        if picture.mode not in _REDUCED:
            picture = _to_rgba(picture)
        picture = picture.reduce(max(picture.size) // largest)
    picture = _to_rgba(picture)
    if largest:
        picture.thumbnail((largest, largest), Image.Resampling.BICUBIC)
    return picture


def _to_rgba(picture: PilImage) -> PilImage:
    """8 bit RGBA; Pillow would cut the upper values off 16 bit grey."""
    from PIL import Image

    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, np.float64)
        is_share = picture.mode == "F" and values.max() <= 1
        top = 1.0 if is_share else 65535.0 if values.max() > 255 else 255.0
        picture = Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8))
    if picture.mode == "La":
        picture = picture.convert("LA")
    return picture.convert("RGBA")


def opaque(picture: NDArray[np.uint8]) -> Raster:
    """(H, W, 3 or 4) on white, without the sides that show nothing."""
    from PIL import Image

    image = Image.fromarray(picture)
    if image.mode == "RGBA":
        image = image.crop(image.getchannel("A").point(lambda a: 255 * (a > 8)).getbbox())
        ground = Image.new("RGB", image.size, (255, 255, 255))
        ground.paste(image, mask=image.getchannel("A"))
        image = ground
    return np.asarray(image)


def framed(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A picture as a network takes it: (S, S, 3), on white where it is transparent.

    What is transparent at its sides is cut off. It is stretched to a square: that keeps all of it,
    and no network at hand told things apart better with bars at two sides.

    Args:
        picture: (H, W, 3 or 4) uint8.
        size: S.
    """
    from PIL import Image

    image = Image.fromarray(opaque(picture))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def square_part(
    picture: Raster, left: int, top: int, side: int
) -> tuple[Raster, NDArray[np.bool_]]:
    """A square of a (H, W, 3) picture; beyond the picture, what is at its edge goes on.

    Of a large one, only every so manieth pixel: a square around a panorama would fill the memory.

    Returns:
        (S, S, 3) the square, and (S, S) where that is in the picture.
    """
    height, width = picture.shape[:2]
    steps = np.arange(0, side, max(1, side // _LARGEST_SQUARE))
    rows, columns = top + steps, left + steps
    inside = np.logical_and.outer((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    rows, columns = rows.clip(0, height - 1), columns.clip(0, width - 1)
    return picture[rows[:, None], columns], inside


def cut_out(picture: NDArray[np.uint8], foreground: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The part of a square picture that shows the thing, where that is a small part.

    Measured on pictures of known assets: what fills most of the picture is found better if left as
    it is, what does not is found only if cut out.

    Args:
        picture: (S, S, 3).
        foreground: (G, G) how much of each part is the thing, 0 to 1.

    Returns:
        (S, S, 3) the part, enlarged, or the picture itself.
    """
    from PIL import Image

    size = len(picture)
    box = box_of(foreground)
    if box is None:
        return picture
    # A square around it, as the views of assets are framed.
    corner, sides = np.array(box).reshape(2, 2) * size
    side = float(sides.max())
    left, top = (corner + (sides - side) / 2).tolist()
    # What lies beyond the picture is white, as behind the views.
    square = Image.new("RGB", (round(side), round(side)), (255, 255, 255))
    square.paste(Image.fromarray(picture), (-round(left), -round(top)))
    return np.asarray(square.resize((size, size), Image.Resampling.BICUBIC))


def box_of(foreground: NDArray[np.float32]) -> Shares | None:
    """Where a picture shows the thing; None where that is most of it, or nowhere.

    Args:
        foreground: (G, G) how much of each part is the thing, 0 to 1.
    """
    rows, columns = np.nonzero(foreground > _SHOWN)
    if not len(rows):
        return None
    x, y = columns.min() / len(foreground), rows.min() / len(foreground)
    width, height = ((p.max() + 1 - p.min()) / len(foreground) for p in (columns, rows))
    return None if max(width, height) > _MOST else (float(x), float(y), float(width), float(height))
