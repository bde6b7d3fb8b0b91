"""Files that are written as a whole, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from shapesim.errors import ShapesimError


@contextmanager
def replaced(out: Path) -> Iterator[Path]:
    """A file beside another, in whose place it comes when all is written; nothing is left else.

    Raises:
        ShapesimError: it cannot be written there.
    """
    # Hidden, so that no store takes it for an asset, and of a name that nobody else has.
    temporary = out.with_name(f".{token_hex(8)}{out.suffix}")
    try:
        yield temporary
        os.replace(temporary, out)
    except OSError as error:
        raise ShapesimError(f"{out}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):  # it is of no use, and no reason to fail
            temporary.unlink(missing_ok=True)
