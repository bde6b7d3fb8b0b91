"""Runs the command line."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from shapesim.cli import main


class Following:
    """A pool whose workers go to the folder where their caller is, which a new one would be in."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def schedule(self, function: Callable[..., Any], args: Sequence[Any] = (), **how: Any) -> Any:
        """As of the pool."""
        return self._pool.schedule(_there, args=[Path.cwd(), function, *args], **how)


def _there(folder: Path, function: Callable[..., Any], *args: Any) -> Any:
    os.chdir(folder)
    return function(*args)


def in_own_process(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command as its user does."""
    return subprocess.run(
        [sys.executable, "-m", "shapesim", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=600,
        check=False,
    )


def shapesim(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command in this process, which has loaded what takes a new one seconds to."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv, warnings.formatwarning, logging.root.manager.disable
    handler = signal.getsignal(signal.SIGINT)
    sys.argv = ["shapesim", *map(str, words)]
    code: object = 0
    try:
        with contextlib.chdir(cwd or Path.cwd()), redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code
    finally:
        sys.argv, warnings.formatwarning, disabled = before
        logging.disable(disabled)
        signal.signal(signal.SIGINT, handler)
    return subprocess.CompletedProcess(words, int(str(code or 0)), out.getvalue(), err.getvalue())
