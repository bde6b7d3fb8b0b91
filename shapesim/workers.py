"""Work on many files in processes that may die.

A parser of a foreign format can crash its process or never return. Each file is therefore read in
a worker that can be replaced: a crash or a time-out costs that one file.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from shapesim.errors import AssetError, ShapesimError, UnreachableFileError, is_passing

Task = TypeVar("Task")
Result = TypeVar("Result")

SECONDS_PER_FILE = 120.0
# Native libraries keep what they once allocated; a fresh process gives it back.
_TASKS_PER_WORKER = 1000
# Long enough that workers stay busy while the caller embeds a batch.
_QUEUED = 128
_LOOK_AFTER_POOL = 1.0
_ANEW = "export it anew"
_STOPPED = (
    -9,
    -15,
)  # exit codes: SIGKILL, which the system also sends when memory is full; SIGTERM


_kept: list[Any] | None = None


def cores() -> int:
    """How many this process may use: fewer than the machine has, where it was given some."""
    given = getattr(os, "sched_getaffinity", None)  # which Windows and macOS lack
    return len(given(0)) if given else os.cpu_count() or 1


@contextmanager
def kept_workers() -> Iterator[None]:
    """A context in which workers wait for the next call: to start them takes seconds.

    Within another, it does nothing.
    """
    global _kept  # noqa: PLW0603 - one main thread maps
    if _kept is not None:
        yield
        return
    _kept = []
    try:
        yield
    finally:
        for pool in _kept:
            pool.stop()
            pool.join()
        _kept = None


def map_isolated(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    path_of: Callable[[Task], Path],
    seconds: float = SECONDS_PER_FILE,
    queued: int = _QUEUED,
) -> Iterator[tuple[Task, Result | AssetError]]:
    """Yields every task with its result, in the order of completion.

    Args:
        function: importable by name; runs in a worker. An AssetError that it raises is yielded.
        tasks: picklable.
        path_of: the file that a task is about, for the error.
        seconds: after which a worker is stopped.
        queued: tasks that wait for a worker, or results for the caller: few where they are large.
    """
    workers = max(1, min(cores(), len(tasks)))
    waiting = deque(tasks)
    running: dict[Any, Task] = {}
    # Tasks that a broken pool held: each is tried by itself, to see which one breaks it.
    suspects = 0
    pool = _take_pool(workers)
    try:
        while waiting or running:
            room = 1 if suspects else queued + workers
            while waiting and len(running) < room and pool.active:
                with suppress(RuntimeError):  # the pool broke since it was asked
                    future = pool.schedule(function, args=[waiting[0]], timeout=seconds)
                    running[future] = waiting.popleft()
            if not pool.active:
                # A reader died before the pool knew what it was reading.
                lost = list(running.values())
                running.clear()
                pool.stop()
                pool.join()
                pool = _start_pool(workers)
                if len(lost) == 1:
                    yield lost[0], AssetError(path_of(lost[0]), f"crashed its reader; {_ANEW}")
                    lost = []
                waiting.extendleft(reversed(lost))
                suspects = len(lost)
            done, _ = wait(running, timeout=_LOOK_AFTER_POOL, return_when=FIRST_COMPLETED)
            for future in done:
                if isinstance(future.exception(), BrokenProcessPool):
                    continue
                task = running.pop(future)
                suspects = max(0, suspects - 1)
                try:
                    yield task, future.result()
                except AssetError as error:
                    yield task, error
                except ProcessExpired as error:
                    yield task, _expired(path_of(task), error.exitcode)
                except OSError as error:
                    yield task, _refused(path_of(task), error, seconds)
                except MemoryError:  # next time there may be more
                    reason = "does not fit into memory; split or decimate it"
                    yield task, UnreachableFileError(path_of(task), reason)
                except Exception as error:  # what a damaged file provokes cannot be foreseen
                    yield task, _unforeseen(path_of(task), error)
    finally:
        _put_away(pool, is_idle=not running)


def _refused(path: Path, error: OSError, seconds: float) -> AssetError:
    if is_passing(error):
        return UnreachableFileError(path, error.strerror or "cannot be read")
    if isinstance(error, TimeoutError):
        return AssetError(path, f"took longer than {seconds:.0f} s to read; decimate or convert it")
    return _unforeseen(path, error)


def _unforeseen(path: Path, error: Exception) -> AssetError:
    reason = " ".join(f"cannot be used ({type(error).__name__}: {error})".split())
    return AssetError(path, reason[:200])


def _expired(path: Path, code: int) -> AssetError:
    """Of a reader that was stopped from outside, the file may be innocent."""
    if code in _STOPPED:
        reason = "its reader was stopped, maybe for want of memory; run the command again"
        return UnreachableFileError(path, reason)
    return AssetError(path, f"crashed its reader (exit code {code}); {_ANEW}")


def _what_to_do() -> str:
    """Where readers do not start: they import the caller's main module."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    if main and not Path(main).is_file():
        return f"they import the main program, and {main} is no file: save it as one"
    return "call from below 'if __name__ == \"__main__\":'"


def _take_pool(workers: int) -> Any:
    if _kept is None:
        return _start_pool(workers)
    return _kept.pop() if _kept else _start_pool(cores())


def _put_away(pool: Any, is_idle: bool) -> None:
    if _kept is not None and is_idle and pool.active:
        _kept.append(pool)
    else:
        pool.stop()
        pool.join()


def _start_pool(workers: int) -> Any:
    if multiprocessing.current_process().daemon:
        raise ShapesimError(
            "no reader can start from a daemonic process, such as one of multiprocessing.Pool;"
            " concurrent.futures.ProcessPoolExecutor has others"
        )
    pool: Any = ProcessPool(
        max_workers=workers,
        max_tasks=_TASKS_PER_WORKER,
        # What is wrong with a file comes back with its result; parsers that log it say it twice.
        initializer=logging.disable,
        initargs=[logging.CRITICAL],
        # spawn everywhere: the same on Windows and macOS, and safe beside the threads of torch.
        context=multiprocessing.get_context("spawn"),
    )
    try:
        pool.schedule(os.getpid).result()
    except BrokenProcessPool as error:
        pool.stop()
        pool.join()
        raise ShapesimError(f"no reader can start; {_what_to_do()}") from error
    return pool
