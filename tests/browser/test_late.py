"""An ask that is kept, and the answer that comes later, in real Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from appliance.records import LOCAL, LateAnswer
from appliance.web.identity import DEMO
from tests.builders.chromium import needs_chromium, opened
from tests.fakes.store import FakeStore

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

pytestmark = needs_chromium

QUESTION = "weather on Mars?"
SAID = "Cold, and no returns."
LATE = LateAnswer(
    reply="",
    thread="t9",
    asked=QUESTION,
    text=SAID,
    by="expert",
    at=datetime(2026, 11, 23, 8, 15, tzinfo=UTC),
)
MINE = (LOCAL, DEMO)


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore()
    store.keeps_asks = True
    return store


@pytest.fixture
def page(chromium: Any, store: FakeStore) -> Iterator[Any]:
    with opened(chromium, store) as page:
        expect(page.locator(".example").first).to_be_visible()
        yield page


def ask(page: Any, text: str = QUESTION) -> Any:
    page.get_by_label("Your question").fill(text)
    page.get_by_role("button", name="Ask", exact=True).click()
    turn = page.locator(".turn").last
    expect(turn.locator(".badge")).to_be_visible()
    return turn


def answer(store: FakeStore, **fields: Any) -> None:
    asked, reply = next(iter(store.answered.values()))
    known = {"reply": reply.id, "thread": asked.thread}
    store.late.append((MINE, replace(LATE, **{**known, **fields})))


def look(page: Any) -> None:
    """Come back to the page, which has it look at once."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_kept_ask_says_so_and_shows_its_answer_when_it_comes(page: Any, store: FakeStore) -> None:
    turn = ask(page)
    expect(turn.get_by_text("Kept for headquarters")).to_be_visible()

    answer(store)
    look(page)

    expect(turn.get_by_text(SAID)).to_be_visible()
    expect(turn.get_by_text("An expert at headquarters")).to_be_visible()
    expect(turn.get_by_text("Kept for headquarters")).to_have_count(0)


def test_a_notice_tells_of_it_and_is_put_away_for_good(page: Any, store: FakeStore) -> None:
    ask(page)
    answer(store)
    look(page)
    notice = page.locator("#late .late")
    expect(notice).to_contain_text(QUESTION)

    notice.get_by_role("button", name="Put away").click()
    expect(notice).to_have_count(0)
    page.reload()

    expect(page.locator(".turn").get_by_text(SAID)).to_be_visible()
    expect(page.locator("#late .late")).to_have_count(0)


def test_a_notice_opens_a_conversation_this_tab_never_saw(page: Any, store: FakeStore) -> None:
    ask(page)
    answer(store)
    page.evaluate("sessionStorage.clear()")
    page.reload()

    page.locator("#late .late").get_by_role("button", name="Show").click()

    expect(page.locator(".question")).to_have_text([QUESTION])


def test_an_ask_nobody_keeps_says_nothing_of_later(page: Any, store: FakeStore) -> None:
    store.keeps_asks = False
    turn = ask(page)
    expect(turn.get_by_text("Kept for headquarters")).to_have_count(0)


def test_the_notice_fits_the_smallest_screen_with_buttons_for_a_thumb(
    page: Any, store: FakeStore
) -> None:
    ask(page)
    answer(store, asked="x" * 200)
    look(page)
    expect(page.locator("#late .late")).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    sizes = page.evaluate("[...document.querySelectorAll('.late button')].map(b => b.offsetHeight)")
    assert overflow <= 0
    assert min(sizes) >= 48
