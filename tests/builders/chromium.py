"""A handheld's browser for tests: real Chromium over a real server, watched for strays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.server import running
from tests.fakes.store import FakeStore

CHROMIUM = Path("/usr/bin/chromium")
HANDHELD = {"width": 360, "height": 740}

needs_chromium = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason=f"{CHROMIUM} is missing: apt-get install chromium"
    ),
]


@contextmanager
def opened(
    chromium: Any,
    store: FakeStore,
    *,
    path: str = "",
    viewport: dict[str, int] = HANDHELD,
    **context_options: Any,
) -> Iterator[Any]:
    """Open a page; fails at the end when it asked another host or had an error of its own."""
    with running(store) as url:
        context = chromium.new_context(
            viewport=viewport, has_touch=viewport is HANDHELD, **context_options
        )
        page = context.new_page()
        asked: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: _note(message, errors))
        page.goto(f"{url}{path}")
        yield page
        context.close()
        assert asked
        assert [address for address in asked if not address.startswith(f"{url}/")] == []
        assert errors == []


def _note(message: Any, errors: list[str]) -> None:
    # Chromium itself reports a refused request; that one is what the page is being tested with.
    if message.type == "error" and "Failed to load resource" not in message.text:
        errors.append(message.text)
