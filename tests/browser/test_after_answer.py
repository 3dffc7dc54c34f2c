"""After the answer, in real Chromium: thumbs, what to ask next, and a scanned barcode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.errors import StoreError
from appliance.records import Role, Thumb
from tests.builders.chromium import needs_chromium, opened
from tests.fakes.store import HEADPHONES_SAID, KETTLE, FakeStore

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

LEAST_TARGET_PX = 48

pytestmark = needs_chromium


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def page(chromium: Any, store: FakeStore) -> Iterator[Any]:
    with opened(chromium, store) as page:
        # Keys typed before the store has said who is here fall on a form that is not open yet.
        expect(page.locator(".example").first).to_be_visible()
        yield page


def ask(page: Any, text: str = "opened headphones?") -> Any:
    page.get_by_label("Your question").fill(text)
    page.get_by_role("button", name="Ask", exact=True).click()
    turn = page.locator(".turn").last
    expect(turn.locator(".badge")).to_be_visible()
    return turn


def too_small(page: Any) -> list[str]:
    found: list[str] = page.evaluate(
        """(least) => [...document.querySelectorAll("button, textarea, input")]
          .filter((e) => e.checkVisibility() && (e.offsetHeight < least || e.offsetWidth < least))
          .map((e) => e.outerHTML.slice(0, 80))""",
        LEAST_TARGET_PX,
    )
    return found


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_thumb_up_is_one_tap_and_is_still_up_after_a_reload(page: Any, store: FakeStore) -> None:
    turn = ask(page)

    turn.get_by_role("button", name="Right").click()

    expect(turn.get_by_text("Thank you.")).to_be_visible()
    ((feedback, _),) = store.rated
    assert (feedback.verdict, feedback.text) == (Thumb.UP, "")
    page.reload()
    expect(page.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Wrong")).to_have_attribute("aria-pressed", "false")


def test_a_thumb_down_counts_at_once_and_asks_what_was_wrong(page: Any, store: FakeStore) -> None:
    turn = ask(page)

    turn.get_by_role("button", name="Wrong").click()
    expect(turn.get_by_text("Noted.")).to_be_visible()
    assert store.rated[0][0].verdict is Thumb.DOWN
    assert too_small(page) == []
    assert fits(page)
    turn.get_by_label("What was wrong?").fill("Earbuds are <b>14</b> days.")
    turn.get_by_role("button", name="Send").click()

    expect(turn.get_by_text("An expert will see it.")).to_be_visible()
    expect(turn.get_by_label("What was wrong?")).to_have_count(0)
    assert store.rated[1][0].text == "Earbuds are <b>14</b> days."
    assert store.rated[1][0].reply == store.rated[0][0].reply


def test_a_thumb_that_was_not_taken_is_not_shown_as_taken(page: Any, store: FakeStore) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.", hint="Free some space: df -h")

    turn = ask(page)
    working = store.rate
    store.rate = full  # type: ignore[method-assign, assignment]

    turn.get_by_role("button", name="Right").click()

    expect(turn.get_by_text("That was not taken")).to_be_visible()
    expect(turn.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "false")
    store.rate = working  # type: ignore[method-assign]
    turn.get_by_role("button", name="Right").click()
    expect(turn.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true")


def test_an_answer_about_one_product_offers_what_to_ask_next(page: Any, store: FakeStore) -> None:
    first = ask(page, "price of the kettle")
    expect(first.locator(".chip")).to_have_text(["Is it in stock?", "Where is it?"])

    first.get_by_role("button", name="Is it in stock?").click()

    expect(page.locator(".question")).to_have_text(["price of the kettle", "Is it in stock?"])
    expect(first.locator(".chip").first).to_be_hidden()
    assert store.asked[0].thread == store.asked[1].thread


@pytest.mark.parametrize("text", ["opened headphones?", "¿cuánto cuesta el kettle?"])
def test_an_answer_about_no_product_or_in_spanish_offers_nothing(page: Any, text: str) -> None:
    expect(ask(page, text).locator(".chip")).to_have_count(0)


@pytest.mark.parametrize("number", [KETTLE["ean"], KETTLE["sku"]])
def test_a_scanned_number_opens_the_product_with_what_is_true_now(
    page: Any, store: FakeStore, number: str
) -> None:
    page.get_by_label("Your question").focus()
    page.keyboard.type(number)
    page.keyboard.press("Enter")

    sheet = page.get_by_role("dialog", name=KETTLE["name"])
    expect(sheet.get_by_text("is $24.99 today.")).to_be_visible()
    expect(sheet.locator("time")).to_have_attribute("datetime", "2026-11-22T19:02:00Z")
    expect(sheet.get_by_text("stock: not known since 14:02")).to_be_visible()
    expect(sheet.get_by_text("kitchen")).to_be_visible()
    assert fits(page)
    assert too_small(page) == []
    assert store.asked == []
    sheet.get_by_role("button", name="Ask about it").click()
    expect(sheet).to_be_hidden()
    expect(page.get_by_label("Your question")).to_have_value(f"{KETTLE['sku']}: ")


def test_the_demos_chosen_role_reads_the_product_too(page: Any) -> None:
    page.get_by_role("button", name="Conversations").click()
    page.get_by_label("Asking as").select_option(Role.MANAGER.value)
    page.keyboard.press("Escape")

    page.get_by_label("Your question").fill(KETTLE["sku"])
    page.keyboard.press("Enter")

    sheet = page.get_by_role("dialog", name=KETTLE["name"])
    expect(sheet.get_by_text("is $24.99 today.")).to_be_visible()
    expect(sheet.get_by_text("not known since")).to_have_count(0)


@pytest.mark.parametrize("number", ["5901234123457", "4006381333930", "2026"])
def test_a_number_of_no_product_is_asked_as_a_question(
    page: Any, store: FakeStore, number: str
) -> None:
    turn = ask(page, number)

    expect(turn.locator(".sentence").first).to_have_text(HEADPHONES_SAID[0])
    assert [asked.text for asked in store.asked] == [number]
