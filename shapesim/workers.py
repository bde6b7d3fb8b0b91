"""Work on many files in processes that may die.

A parser of a foreign format can crash its process or never return. Each file is therefore read in
a worker that can be replaced: a crash or a time-out costs that one file.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from shapesim.errors import AssetError, ShapesimError

Task = TypeVar("Task")
Result = TypeVar("Result")

SECONDS_PER_FILE = 120.0
# Native libraries keep what they once allocated; a fresh process gives it back.
_TASKS_PER_WORKER = 1000
# Long enough that workers stay busy while the caller embeds a batch.
_QUEUED = 64


def map_isolated(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    path_of: Callable[[Task], Path],
    seconds: float = SECONDS_PER_FILE,
) -> Iterator[tuple[Task, Result | AssetError]]:
    """Yields every task with its result, in the order of completion.

    Args:
        function: importable by name; runs in a worker. An AssetError that it raises is yielded.
        tasks: picklable.
        path_of: the file that a task is about, for the error.
        seconds: after which a worker is stopped.
    """
    workers = max(1, min(os.cpu_count() or 1, len(tasks)))
    # spawn everywhere: the same on Windows and macOS, and safe beside the threads of torch.
    context = multiprocessing.get_context("spawn")
    pool: Any = ProcessPool(
        max_workers=workers,
        max_tasks=_TASKS_PER_WORKER,
        # What is wrong with a file comes back with its result; parsers that log it say it twice.
        initializer=logging.disable,
        initargs=[logging.CRITICAL],
        context=context,
    )
    waiting = iter(tasks)
    running: dict[Any, Task] = {}
    try:
        while True:
            while len(running) < _QUEUED * workers and (task := next(waiting, None)) is not None:
                running[pool.schedule(function, args=[task], timeout=seconds)] = task
            if not running:
                break
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                task = running.pop(future)
                try:
                    yield task, future.result()
                except AssetError as error:
                    yield task, error
                except BrokenProcessPool as error:
                    # Readers start by importing the caller's main module.
                    raise ShapesimError(
                        "no reader can start; call from below 'if __name__ == \"__main__\":'"
                    ) from error
                except TimeoutError:
                    reason = f"took longer than {seconds:.0f} s to read; decimate or convert it"
                    yield task, AssetError(path_of(task), reason)
                except ProcessExpired as error:
                    reason = f"crashed its reader (exit code {error.exitcode}); export it anew"
                    yield task, AssetError(path_of(task), reason)
                except MemoryError:
                    reason = "does not fit into memory; split or decimate it"
                    yield task, AssetError(path_of(task), reason)
                except Exception as error:  # what a damaged file provokes cannot be foreseen
                    reason = " ".join(f"cannot be used ({type(error).__name__}: {error})".split())
                    yield task, AssetError(path_of(task), reason[:200])
    finally:
        pool.stop()
        pool.join()
