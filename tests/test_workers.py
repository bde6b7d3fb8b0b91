"""Readers that crash, hang or fail cost their one file."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import NoReturn

import pytest
from threadpoolctl import threadpool_info

from shapesim import workers
from shapesim.blas import one_thread
from shapesim.errors import AssetError, ShapesimError, UnreachableFileError
from shapesim.workers import kept_workers, map_isolated


def misbehave(name: str) -> str:
    """Runs in a worker."""
    if name == "crash":
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "hang":
        time.sleep(600)
    if name == "fail":
        raise AssetError(name, "is bad")
    if name == "share":
        raise OSError(errno.ESTALE, "Stale file handle")
    if name == "answer":
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    if name == "texture":
        raise OSError(errno.ENAMETOOLONG, "File name too long")
    if name == "locked":  # as Windows does of what another program writes
        raise PermissionError(errno.EACCES, "Permission denied", __file__)
    return name.upper()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_crash_a_hang_and_a_failure_cost_one_file_each() -> None:
    """All others are answered, each fault has its own reason."""
    names = ["a", "crash", "b", "hang", "fail", *(f"c{number}" for number in range(20))]
    results = dict(map_isolated(misbehave, names, Path, seconds=3))
    assert set(results) == set(names)
    reasons = {
        name: result.reason for name, result in results.items() if isinstance(result, AssetError)
    }
    assert set(reasons) == {"crash", "hang", "fail"}
    assert "crashed its reader" in reasons["crash"]
    assert "longer than 3 s" in reasons["hang"]
    assert reasons["fail"] == "is bad"
    assert results["c19"] == "C19"


def test_a_share_that_does_not_answer_says_nothing_of_the_file() -> None:
    """It is tried again next time; a name that a file gives is the file's own fault."""
    results = dict(map_isolated(misbehave, ["share", "answer", "texture", "locked"], Path))
    assert {name: type(result) for name, result in results.items()} == {
        "share": UnreachableFileError, "answer": UnreachableFileError, "texture": AssetError,
        "locked": UnreachableFileError,
    }  # fmt: skip
    assert str(results["answer"]) == "answer: Connection timed out"


def stopped(name: str) -> str:
    """Runs in a worker."""
    if name == "memory":
        raise MemoryError
    os.kill(os.getpid(), signal.SIGKILL)
    return name


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_the_machine_is_to_blame_for_says_nothing_of_the_file() -> None:
    """A reader killed from outside, and memory that is full: both are tried again next time."""
    results = dict(map_isolated(stopped, ["memory", "killed"], Path))
    assert all(isinstance(result, UnreachableFileError) for result in results.values())


class Deadly(str):
    """A name that ends whichever process receives it."""

    def __reduce__(self) -> tuple[Callable[[int], NoReturn], tuple[int]]:
        return os._exit, (1,)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("others", [[], ["a", "b", "c"]])
def test_a_reader_that_dies_before_its_first_word_costs_its_file(others: list[str]) -> None:
    """The pool breaks before it knows who read what; all others are still answered."""
    results = dict(map_isolated(misbehave, [Deadly("crash"), *others], Path))
    crash = results.pop("crash")
    assert isinstance(crash, AssetError)
    assert "crashed its reader" in crash.reason
    assert results == {name: name.upper() for name in others}


def grumble(name: str) -> str:
    """Runs in a worker."""
    logging.getLogger("parser").error("a missing picture", exc_info=ValueError(name))
    return name


def test_what_parsers_log_does_not_reach_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A result carries its own warnings."""
    assert dict(map_isolated(grumble, ["a"], Path)) == {"a": "a"}
    assert "missing" not in capfd.readouterr().err


def process_of(name: str) -> int:
    """Runs in a worker; takes a little, so that both get some."""
    time.sleep(0.05)
    return os.getpid()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_kept_workers_answer_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same processes do, unless one died or the context is over."""
    monkeypatch.setattr(workers, "_kept", None)  # those that all tests share

    def processes() -> set[object]:
        return {found for _, found in map_isolated(process_of, list("abcdefgh"), Path)}

    with kept_workers():
        first = processes()
        assert processes() & first
        assert dict(map_isolated(misbehave, ["a", "fail"], Path))["a"] == "A"
        assert processes() & first
        (crash,) = dict(map_isolated(misbehave, ["crash"], Path)).values()
        assert isinstance(crash, AssetError)
        again = processes()
        assert len(again) > 0
        assert not any(isinstance(found, AssetError) for found in again)
    assert not processes() & (first | again)


def test_matrices_are_multiplied_on_one_core_until_the_first_context_ends() -> None:
    """However many are within it, of this thread or of others."""

    def threads() -> set[int]:
        return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}

    def other() -> None:
        with one_thread():
            pass

    before = threads()
    with one_thread():
        with one_thread():
            assert threads() == {1}
        thread = Thread(target=other)
        thread.start()
        thread.join()
        assert threads() == {1}
    assert threads() == before


@pytest.mark.parametrize("guard", ["", 'if __name__ == "__main__": '])
def test_a_program_without_a_file_is_told_to_be_one(guard: str) -> None:
    """Readers import it; one that comes by a pipe, they cannot."""
    program = (
        f"from shapesim.workers import map_isolated\n{guard}list(map_isolated(abs, [-1], str))"
    )
    run = subprocess.run(
        [sys.executable, "-"], input=program, capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "<stdin> is no file" in run.stderr


def _in_a_pool(_: int) -> str:
    try:
        return str(list(map_isolated(misbehave, ["a"], Path)))
    except ShapesimError as error:
        return str(error)


def test_a_process_that_may_have_no_children_is_told_so() -> None:
    """With what to use instead."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert "ProcessPoolExecutor" in pool.map(_in_a_pool, [0])[0]
