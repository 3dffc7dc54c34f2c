"""The handheld page in real Chromium, over the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.errors import EngineBusy
from tests.builders.chromium import HANDHELD, needs_chromium, opened
from tests.fakes.store import HEADPHONES_SAID, FakeStore

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

DESK = {"width": 1280, "height": 800}

pytestmark = needs_chromium


@pytest.fixture
def store() -> FakeStore:
    return FakeStore(pause_s=0.1)


@pytest.fixture
def page(chromium: Any, store: FakeStore, request: pytest.FixtureRequest) -> Iterator[Any]:
    viewport = getattr(request, "param", HANDHELD)
    with opened(chromium, store, viewport=viewport, timezone_id="America/New_York") as page:
        yield page


def ask(page: Any, text: str) -> Any:
    """Type a question, send it, and return the turn it opens."""
    page.get_by_label("Your question").fill(text)
    page.get_by_role("button", name="Ask", exact=True).click()
    return page.locator(".turn").last


def width_overflow(page: Any) -> int:
    found: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return found


def test_sentences_appear_one_by_one_and_then_the_lane(page: Any, store: FakeStore) -> None:
    store.pause_s = 1.2  # each state must outlast a busy machine's polling

    turn = ask(page, "Can opened headphones be returned?")

    expect(turn.get_by_text("Reading the question…")).to_be_visible()
    expect(turn.get_by_text("Looking in the handbook…")).to_be_visible()
    expect(turn.locator(".sentence")).to_have_count(1)
    expect(turn.locator(".badge")).to_have_count(0)
    expect(turn.locator(".sentence")).to_have_text(list(HEADPHONES_SAID))
    expect(turn.locator(".badge")).to_have_text("Quote")
    expect(turn.locator(".answer-text")).to_have_attribute("aria-live", "polite")


def test_a_source_opens_its_passage_with_the_cited_words_marked(page: Any) -> None:
    turn = ask(page, "Can opened headphones be returned?")

    turn.get_by_role("button", name="Returning headphones").click()

    sheet = page.get_by_role("dialog", name="Returning headphones")
    expect(sheet.locator("mark")).to_have_text(list(HEADPHONES_SAID))
    expect(sheet.get_by_text("in force since Feb 1, 2026")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(turn.get_by_role("button", name="Returning headphones")).to_be_focused()


def test_the_receipt_tells_who_answered_how_long_and_under_which_rules(page: Any) -> None:
    turn = ask(page, "Can opened headphones be returned?")

    turn.get_by_role("button", name="Receipt").click()

    sheet = page.get_by_role("dialog", name="Receipt")
    for text in ("93 %", "demo-7", "context stitching", "6.2 ms", "read-own-audience", "unsure"):
        expect(sheet.get_by_text(text).first).to_be_visible()
    assert sheet.locator(".bar").last.evaluate("bar => bar.clientWidth") > 0
    sheet.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()


def test_a_live_fact_says_its_time_as_the_handhelds_clock_does(page: Any) -> None:
    turn = ask(page, "price of the kettle")

    expect(turn.locator(".badge")).to_have_text("Live data")
    expect(turn.locator(".fact time")).to_have_attribute("datetime", "2026-11-22T19:02:00Z")
    expect(turn.locator(".fact time")).to_contain_text("02:02")
    expect(turn.locator(".source")).to_have_count(0)


def test_the_receipt_of_a_refusal_says_why_the_rule_is_there(page: Any) -> None:
    turn = ask(page, "Can I give 25 % off ?")

    turn.get_by_role("button", name="Receipt").click()

    sheet = page.get_by_role("dialog", name="Receipt")
    expect(sheet.get_by_text("why: margin")).to_be_visible()


def test_a_refusal_names_the_rule_as_its_reason(page: Any) -> None:
    turn = ask(page, "Can I give 25 % off ?")

    expect(turn.locator(".badge")).to_have_text("Ask someone")
    expect(turn.get_by_text("a rule of the chain applies")).to_be_visible()


def test_a_follow_up_stays_in_the_thread_and_a_new_conversation_leaves_it(
    page: Any, store: FakeStore
) -> None:
    expect(ask(page, "opened headphones?").locator(".badge")).to_be_visible()
    expect(ask(page, "and earbuds?").locator(".badge")).to_be_visible()
    page.get_by_role("button", name="New conversation").click()
    expect(ask(page, "price of the kettle").locator(".badge")).to_be_visible()

    first, second, third = (asked.thread for asked in store.asked)

    assert first == second != third
    page.get_by_role("button", name="Conversations").click()
    page.get_by_role("button", name="opened headphones?").click()
    expect(page.locator(".question")).to_have_text(["opened headphones?", "and earbuds?"])


def test_an_answer_a_reload_cut_off_is_read_again_from_the_store(
    page: Any, store: FakeStore
) -> None:
    expect(ask(page, "hours?").locator(".badge")).to_be_visible()
    store.pause_s = 1.5
    turn = ask(page, "opened headphones?")
    expect(turn.get_by_text("Looking in the handbook…")).to_be_visible()

    page.reload()

    expect(page.get_by_text("Reading the conversation again…")).to_be_visible()
    expect(page.locator(".question")).to_have_text(["hours?", "opened headphones?"])
    expect(page.locator(".turn .badge")).to_have_text(["Card", "Quote"], timeout=20_000)
    expect(page.locator(".turn").last.locator(".answer-text")).to_have_text(
        " ".join(HEADPHONES_SAID)
    )
    page.locator(".turn").last.get_by_role("button", name="Returning headphones").click()
    expect(page.locator("mark").first).to_be_visible()
    assert len(store.asked) == 2  # read again, not asked again


def test_what_was_said_in_the_thread_elsewhere_is_there_after_a_reload(
    page: Any, store: FakeStore
) -> None:
    expect(ask(page, "hours?").locator(".badge")).to_be_visible()
    thread = store.asked[0].thread
    store.ask("opened headphones?", thread=thread, associate="demo")

    page.reload()

    expect(page.locator(".question")).to_have_text(["hours?", "opened headphones?"])
    expect(ask(page, "and earbuds?").locator(".badge")).to_be_visible()
    assert {asked.thread for asked in store.asked} == {thread}


def test_a_reload_keeps_the_conversation_and_its_thread(page: Any, store: FakeStore) -> None:
    expect(ask(page, "opened headphones?").locator(".badge")).to_be_visible()

    page.reload()

    expect(page.locator(".sentence")).to_have_text(list(HEADPHONES_SAID))
    expect(ask(page, "and earbuds?").locator(".badge")).to_be_visible()
    assert store.asked[0].thread == store.asked[1].thread


def test_an_example_is_one_tap_from_its_answer(page: Any, store: FakeStore) -> None:
    expect(page.locator(".example")).to_have_count(3)

    page.locator(".example").first.click()

    expect(page.locator(".badge")).to_have_text("Quote")
    assert store.asked[0].text == page.locator(".question").inner_text()


def test_a_cards_source_opens_the_card_itself(page: Any) -> None:
    turn = ask(page, "opening hours")

    turn.get_by_role("button", name="Opening hours").click()

    sheet = page.get_by_role("dialog", name="Opening hours")
    expect(sheet.locator("mark")).to_have_text("We open at 8:00.")
    expect(turn.locator(".badge")).to_have_text("Card")


def test_the_keyboard_alone_is_enough(page: Any) -> None:
    page.get_by_label("Your question").focus()
    page.keyboard.type("opened headphones?")
    page.keyboard.press("Enter")
    source = page.get_by_role("button", name="Returning headphones")
    expect(source).to_be_visible()

    source.focus()
    page.keyboard.press("Enter")

    expect(page.locator("mark").first).to_be_visible()


def test_a_chosen_role_asks_and_opens_sources_as_that_role(page: Any, store: FakeStore) -> None:
    page.get_by_role("button", name="Conversations").click()
    page.get_by_label("Asking as").select_option("manager")
    page.keyboard.press("Escape")

    turn = ask(page, "opened headphones?")

    expect(turn.get_by_text("asked as manager")).to_be_visible()
    expect(turn.locator(".badge")).to_be_visible()  # the question is shown before it is sent
    assert store.asked[0].role == "manager"


@pytest.mark.parametrize("page", [HANDHELD, DESK], indirect=True, ids=["360", "1280"])
def test_nothing_is_wider_than_the_screen_small_to_read_or_small_to_tap(page: Any) -> None:
    assert width_overflow(page) <= 0
    ask(page, "Can opened headphones be returned?" + "x" * 80)
    expect(page.locator(".badge")).to_be_visible()
    assert width_overflow(page) <= 0
    page.get_by_role("button", name="Receipt").click()
    expect(page.get_by_role("dialog", name="Receipt")).to_be_visible()

    small = page.evaluate(
        """() => {
          const seen = [...document.querySelectorAll("body *")].filter((e) => e.checkVisibility());
          const tap = seen.filter((e) => e.matches("button, select, textarea"))
            .filter((e) => e.offsetHeight < 48 || e.offsetWidth < 48);
          const read = seen.filter((e) => parseFloat(getComputedStyle(e).fontSize) < 18);
          return [...tap, ...read].map((e) => e.outerHTML.slice(0, 80));
        }"""
    )

    assert width_overflow(page) <= 0
    assert small == []


def test_a_busy_store_is_tried_again_by_itself(page: Any, store: FakeStore) -> None:
    store.fails_with = EngineBusy("40 asks are in hand.", retry_after_s=1)

    turn = ask(page, "opened headphones?")

    expect(turn.get_by_text("Many colleagues are asking right now.")).to_be_visible()
    expect(turn.get_by_text("Trying again in 1 s")).to_be_visible()
    store.fails_with = None
    expect(turn.locator(".badge")).to_have_text("Quote")
    expect(page.locator(".turn")).to_have_count(1)


def test_a_journal_that_fails_half_way_is_told_kindly(page: Any, store: FakeStore) -> None:
    store.journal.full_after = 1

    turn = ask(page, "opened headphones?")

    expect(turn.get_by_text("The store cannot write its journal.")).to_be_visible()
    expect(turn.locator(".sentence")).to_have_count(1)
    store.journal.full_after = 100
    turn.get_by_role("button", name="Try again").click()
    expect(turn.locator(".sentence")).to_have_text(list(HEADPHONES_SAID))


def test_a_store_that_is_gone_is_told_kindly(page: Any) -> None:
    page.context.set_offline(True)

    turn = ask(page, "opened headphones?")

    expect(turn.get_by_text("The store’s server does not answer.")).to_be_visible()
    page.context.set_offline(False)
    turn.get_by_role("button", name="Try again").click()
    expect(turn.locator(".badge")).to_have_text("Quote")
