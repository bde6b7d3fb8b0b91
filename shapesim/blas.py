"""How many cores numpy multiplies matrices on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_thread() -> AbstractContextManager[Any]:
    """A context in which numpy multiplies matrices on one core.

    Its other threads would go on waiting busily for more, on cores that the networks, or our own
    threads, need; and of several threads that multiply, each would wait for the others. The limit
    is the process's. Contexts may be within each other; in other threads they change nothing.
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
