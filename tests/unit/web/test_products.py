"""Product cards: found by any number on the box, told under the policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from appliance.backroom import Store
from appliance.config import Settings
from appliance.web.app import create_app
from appliance.wiring import open_store
from tests.builders.records import NOW
from tests.builders.stores import KETTLE, Parts
from tests.fakes.clock import FakeClock

ROUTER = {"sku": "LM-100004", "ean": "2993376709470"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Serve the demo release itself: its catalogue, its live data and its rules."""
    home = tmp_path_factory.mktemp("store")
    with open_store(Settings(home=home, asks_per_minute=0)) as store:
        app = create_app(store)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield client


@pytest.mark.parametrize("key", [*ROUTER.values(), "lm-100004", "AW-HIV11-1PACK"])
def test_a_product_is_found_by_any_number_on_its_box(demo: Any, key: str) -> None:
    response = demo.get(f"/v1/products/{key}")

    assert response.status_code == 200
    card = response.json()
    assert {name: card[name] for name in ROUTER} == ROUTER
    assert card["name"] == "Arkwend Hive Wi-Fi router, 1-pack"
    assert card["columns"]["department"] == "electronics"
    facts = {fact["family"]: fact for fact in card["facts"]}
    assert "$" in facts["price"]["text"]
    assert facts["price"]["as_of"]


def test_what_is_live_is_told_as_a_fact_alone(demo: Any) -> None:
    card = demo.get("/v1/products/LM-100004").json()

    assert "price" not in card["columns"]
    assert "" not in card["columns"].values()


def test_a_cost_is_a_managers_to_read(demo: Any) -> None:
    def families(role: str) -> set[str]:
        card = demo.get(f"/v1/products/LM-100004?role={role}").json()
        return {fact["family"] for fact in card["facts"]}

    assert "cost" not in families("associate") | families("lead")
    assert "cost" in families("manager")


@pytest.mark.parametrize(
    "key",
    ["LM-999999", "4006381333931", "0", "%00", "x" * 5_000, "'%20OR%201=1", "%F0%9F"],
)
def test_a_number_of_no_product_is_not_found(demo: Any, key: str) -> None:
    response = demo.get(f"/v1/products/{key}")

    assert (response.status_code, response.json()["code"]) == (404, "no_such_product")


def test_a_role_that_does_not_exist_is_a_problem(demo: Any) -> None:
    assert demo.get("/v1/products/LM-100004?role=owner").json()["code"] == "bad_role"


def test_what_cannot_be_read_is_said_in_words(tmp_path: Path) -> None:
    parts = Parts.at(tmp_path, FakeClock(NOW))
    parts.facts.missing = {"stock": "stock: not known since 14:02"}
    store: Store = parts.store(tmp_path)
    with TestClient(create_app(store), base_url="http://127.0.0.1") as client:
        card = client.get(f"/v1/products/{KETTLE}").json()

    assert card["missing"] == ["stock: not known since 14:02"]
    assert [fact["family"] for fact in card["facts"]] == ["price"]
