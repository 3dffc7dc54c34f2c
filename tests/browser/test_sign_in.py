"""The door of the handheld page in real Chromium: paired once, signed in by badge and PIN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Settings
from tests.builders.chromium import HANDHELD, needs_chromium, opened
from tests.builders.people import ANA, BEN, PIN
from tests.fakes.server import running
from tests.fakes.store import FakeStore

sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect

SETTINGS = Settings(home=Path("/nowhere"), sign_in="required")
LEAST_TARGET_PX = 48

pytestmark = needs_chromium


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore(settings=SETTINGS)
    store.people.move_in()
    return store


@pytest.fixture
def page(chromium: Any, store: FakeStore) -> Iterator[Any]:
    with opened(chromium, store) as page:
        yield page


def pair(page: Any, store: FakeStore) -> None:
    code = store.devices.new_code(600)
    page.get_by_label("Code").fill(f"{code[:4].lower()}-{code[4:]}")
    page.get_by_label("This handheld’s name").fill("Electronics 2")
    page.get_by_role("button", name="Pair").click()
    expect(page.get_by_role("heading", name="Sign in.")).to_be_visible()


def sign_in(page: Any, badge: str, pin: str = PIN) -> None:
    page.get_by_label("Badge").fill(badge)
    page.get_by_label("PIN").fill(pin)
    page.get_by_role("button", name="Sign in").click()


def ask(page: Any, text: str) -> None:
    page.get_by_label("Your question").fill(text)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator(".turn .badge").last).to_be_visible()


def test_a_handheld_is_paired_then_signed_in_and_asks_as_who_holds_it(
    page: Any, store: FakeStore
) -> None:
    expect(page.get_by_label("Your question")).to_be_hidden()
    pair(page, store)
    expect(page.get_by_text("Electronics 2")).to_be_visible()
    sign_in(page, BEN)

    ask(page, "opened headphones?")
    page.locator(".source").first.click()

    expect(page.locator("mark").first).to_be_visible()
    assert (store.asked[0].associate, store.asked[0].role.value) == (BEN, "lead")


def test_a_wrong_code_and_a_wrong_pin_say_what_to_do_and_the_pin_is_gone(
    page: Any, store: FakeStore
) -> None:
    page.get_by_label("Code").fill("AAAA-AAAA")
    page.get_by_label("This handheld’s name").fill("Electronics 2")
    page.get_by_role("button", name="Pair").click()
    expect(page.get_by_role("alert")).to_contain_text("Ask for a new one")

    pair(page, store)
    sign_in(page, ANA, "9999")

    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    expect(page.get_by_label("PIN")).to_have_value("")
    expect(page.get_by_label("PIN")).to_be_focused()
    for _ in range(4):
        sign_in(page, ANA, "9999")
        expect(page.get_by_label("PIN")).to_have_value("")
    expect(page.get_by_role("alert")).to_contain_text("locked for 5 more minutes")


def test_signing_out_leaves_nothing_for_the_next_one_to_read(page: Any, store: FakeStore) -> None:
    pair(page, store)
    sign_in(page, ANA)
    ask(page, "opened headphones?")
    page.get_by_role("button", name="Conversations").click()
    expect(page.get_by_text("Ana, associate")).to_be_visible()
    expect(page.get_by_label("Asking as")).to_be_hidden()

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in.")).to_be_visible()
    sign_in(page, BEN)

    expect(page.get_by_label("Your question")).to_be_visible()
    expect(page.locator(".turn, .talk")).to_have_count(0)
    ask(page, "price of the kettle")
    assert store.asked[0].thread != store.asked[1].thread


def test_a_handheld_that_is_shut_out_goes_back_to_its_door(page: Any, store: FakeStore) -> None:
    pair(page, store)
    sign_in(page, ANA)
    expect(page.get_by_label("Your question")).to_be_visible()

    store.devices.revoke(store.devices.list()[0].id)
    page.get_by_label("Your question").fill("opened headphones?")
    page.get_by_role("button", name="Ask", exact=True).click()

    expect(page.get_by_role("heading", name="Pair this handheld.")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_hidden()
    assert store.asked == []


def test_a_reload_keeps_who_is_signed_in_and_their_conversation(
    page: Any, store: FakeStore
) -> None:
    pair(page, store)
    sign_in(page, ANA)
    ask(page, "opened headphones?")

    page.reload()

    expect(page.locator(".turn")).to_have_count(1)
    store.clock.advance(13 * 3_600)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in.")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(0)


def test_the_door_fits_a_handheld_and_a_thumb(page: Any, store: FakeStore) -> None:
    for step in ("pair", "sign in"):
        overflow = "document.documentElement.scrollWidth - window.innerWidth"
        assert page.evaluate(overflow) <= 0, step
        for target in page.locator("#door input, #door button").all():
            assert target.bounding_box()["height"] >= LEAST_TARGET_PX
        if step == "pair":
            pair(page, store)
    assert page.get_by_label("PIN").get_attribute("inputmode") == "numeric"


def test_the_demo_has_no_door_and_chooses_its_role(chromium: Any) -> None:
    with running(FakeStore(settings=replace(SETTINGS, sign_in="auto"))) as url:
        page = chromium.new_page(viewport=HANDHELD)
        page.goto(url)
        expect(page.get_by_label("Your question")).to_be_visible()
        page.get_by_role("button", name="Conversations").click()
        expect(page.get_by_label("Asking as")).to_be_visible()
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        page.close()
