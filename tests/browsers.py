"""A real browser for the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
# Without a graphics card WebGL is calculated; in containers there is no sandbox to run in.
_OPTIONS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@contextmanager
def launched(driver: Playwright) -> Iterator[Browser]:
    """Chromium or Chrome, as installed."""
    found = next((path for path in map(shutil.which, _NAMES) if path), None)
    assert found, "no Chromium or Chrome was found; install one ('make test' does on Debian)"
    started = driver.chromium.launch(executable_path=found, args=_OPTIONS)
    yield started
    started.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The same for all tests."""
    with sync_playwright() as driver, launched(driver) as started:
        yield started


@contextmanager
def opened(browser: Browser, file: Path) -> Iterator[Page]:
    """A page of ours, without a network; fails if its script does or if it asks for anything."""
    problems: list[str] = []
    context = browser.new_context(viewport={"width": 1400, "height": 900}, offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    page.goto(file.resolve().as_uri())
    page.wait_for_selector("body[data-state=ready]")
    yield page
    context.close()
    assert not problems


def resting(page: Page, counter: str) -> int:
    """What a page has counted once it has counted nothing for half a second.

    Raises:
        AssertionError: it went on for half a minute.
    """
    last = -1
    for _ in range(60):
        now = int(page.evaluate(counter))
        if now == last:
            return now
        last = now
        page.wait_for_timeout(500)
    raise AssertionError(f"{counter} goes on at {last}")
