"""The whole exception tree.

    ShapesimError                   everything this package raises on purpose
    ├── AssetError                  one file cannot be used: ``path`` and ``reason``
    │   ├── UnsupportedFormatError  no loader for its suffix
    │   ├── NoSuchObjectError       the file is there, and holds no such object
    │   └── UnreachableFileError    the system does not hand it out just now
    ├── GalleryError                the gallery on disk cannot be used
    │   ├── GalleryNotFoundError    there is none here
    │   ├── GalleryBusyError        another process is writing to it
    │   └── EmbedderMismatchError   its vectors were made by other weights
    ├── TaggerError                 a tagger is missing, damaged or for other weights
    └── WeightsError                weights are missing, damaged or of another architecture

Each message is one line that says what is wrong and what to do next.
"""

from __future__ import annotations

import errno
from pathlib import Path

# Of names that a file gives, such as of a texture: they are the file's own fault.
_OF_NAMES = {
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP,
    errno.EILSEQ, errno.EACCES, errno.EPERM,
}  # fmt: skip


class ShapesimError(Exception):
    """Base of every error raised on purpose."""


class AssetError(ShapesimError):
    """One file cannot be used; the rest of the work goes on.

    Attributes:
        path: the file.
        reason: one line, without the path.
        missing: names of other files, as the file gives them, without which it cannot be used.
    """

    def __init__(self, path: Path | str, reason: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(path, reason, missing)
        self.path = Path(path)
        self.reason = reason
        self.missing = missing

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class UnsupportedFormatError(AssetError):
    """No loader is known for the file's suffix."""


class NoSuchObjectError(AssetError):
    """The file holds no object of that name."""


class UnreachableFileError(AssetError):
    """The system does not hand the file out: a matter of rights, disks or networks.

    It says nothing of the file, so what is known of it stays and it is tried again next time.
    """


def is_passing(error: Exception) -> bool:
    """Whether an error is the system's, such as of a share that does not answer, and may pass."""
    # A time-out of our own has words for a number.
    if not isinstance(error, OSError) or not isinstance(error.errno, int):
        return False
    return error.errno not in _OF_NAMES or _is_there(error.filename)


def _is_there(name: object) -> bool:
    """Whether there is such a file: Windows refuses one that another program writes or scans."""
    try:
        return isinstance(name, str) and Path(name).is_file()
    except (OSError, ValueError):
        return False


class GalleryError(ShapesimError):
    """The gallery on disk cannot be used."""


class GalleryNotFoundError(GalleryError):
    """No gallery in this folder or any parent."""


class GalleryBusyError(GalleryError):
    """Another process is writing to the gallery."""


class EmbedderMismatchError(GalleryError):
    """The gallery's vectors were made by other weights or preprocessing."""


class TaggerError(ShapesimError):
    """A tagger is missing, damaged, or was made for other weights."""


class WeightsError(ShapesimError):
    """Network weights are missing, damaged or of another architecture."""
