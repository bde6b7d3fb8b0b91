"""Readers that crash, hang or fail cost their one file."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from shapesim.errors import AssetError
from shapesim.workers import map_isolated


def misbehave(name: str) -> str:
    """Runs in a worker."""
    if name == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "hang":
        time.sleep(600)
    if name == "fail":
        raise AssetError(name, "is bad")
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
