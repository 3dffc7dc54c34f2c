"""`/metrics`, `/v1/status`, `/manager` and the probes: what they tell, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from appliance.config import Settings
from appliance.meter import STAGES
from appliance.records import Role
from appliance.web.app import create_app
from tests.fakes.store import FakeStore

OPEN = Settings(home=Path("/nowhere"))
GUARDED = Settings(home=Path("/nowhere"), sign_in="required")


@pytest.fixture
def store(request: pytest.FixtureRequest) -> FakeStore:
    return FakeStore(settings=getattr(request, "param", OPEN))


@pytest.fixture
def client(store: FakeStore) -> Iterator[TestClient[Litestar]]:
    app = create_app(store)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def families(client: Any, **headers: str) -> dict[str, Any]:
    text = client.get("/metrics", headers=headers).text
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_metrics_parse_and_hold_the_seven_names_and_model(client: Any) -> None:
    client.post("/v1/ask", json={"text": "opened headphones?"})

    response = client.get("/metrics")

    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    counted = {
        sample.labels["stage"]: sample.value
        for sample in families(client)["backroom_stage_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert counted == dict.fromkeys(STAGES, 1.0)


def test_responses_are_counted_by_their_status(client: Any) -> None:
    client.get("/v1/examples")
    client.get("/v2")
    samples = families(client)["backroom_responses"].samples
    found = {s.labels["status"]: s.value for s in samples if s.name.endswith("_total")}
    assert found == {"200": 1.0, "404": 1.0}


def test_the_status_tells_how_the_store_stands_and_its_last_hour(client: Any) -> None:
    client.post("/v1/ask", json={"text": "opened headphones?"})

    told = client.get("/v1/status").json()

    assert (told["store"], told["level"]) == ("0001", "calm")
    assert told["queue"]["limit"] == OPEN.asks_at_once + OPEN.queue_asks
    assert [m["asks"] for m in told["hour"]["minutes"]] == [1]
    assert set(told["hour"]["together"]["stages"]) == set(STAGES)


@pytest.mark.parametrize("path", ["/metrics", "/v1/status"])
@pytest.mark.parametrize("store", [GUARDED], indirect=True)
def test_figures_are_a_managers_to_read(client: Any, store: FakeStore, path: str) -> None:
    _, key = store.devices.key("Prometheus", Role.MANAGER)
    _, low = store.devices.key("Label printer", Role.ASSOCIATE)

    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": f"Bearer {low}"}).status_code == 403
    assert client.get(path, headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/v1/status"])
def test_in_the_demo_this_machine_may_read_them(client: Any, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/metrics", "/v1/status"])
def test_a_page_whose_name_was_pointed_at_this_machine_may_not(client: Any, path: str) -> None:
    response = client.get(path, headers={"Host": "evil.example"})
    assert (response.status_code, response.json()["code"]) == (403, "foreign_host")


def test_a_process_that_answers_is_live_whatever_else_fails(client: Any, store: FakeStore) -> None:
    store.is_ready = False
    assert client.get("/health/live").json() == {"live": True}


def test_ready_is_503_until_the_store_is(client: Any, store: FakeStore) -> None:
    ready = client.get("/health/ready")
    store.is_ready = False
    not_ready = client.get("/health/ready")
    assert (ready.status_code, not_ready.status_code) == (200, 503)
    assert not_ready.json()["ready"] is False


@pytest.mark.parametrize("store", [GUARDED], indirect=True)
def test_health_tells_each_what_is_theirs(client: Any, store: FakeStore) -> None:
    _, managers = store.devices.key("Prometheus", Role.MANAGER)
    _, askers = store.devices.key("Label printer", Role.ASSOCIATE)
    store.is_ready = False

    anyone, asker, manager = (
        client.get("/health", headers={"Authorization": f"Bearer {key}"})
        for key in ("x", askers, managers)
    )

    assert {r.status_code for r in (anyone, asker, manager)} == {503}
    assert anyone.json() == {"live": True, "ready": False, "level": "calm"}
    assert client.get("/health").json() == anyone.json()
    assert client.get("/health/ready").json() == {"ready": False}
    assert asker.json()["store"] == "0001"
    assert "checks" not in asker.json()
    assert "faults" not in asker.json()
    assert manager.json()["checks"] == {"journal_rows": 7}
    assert "disk is full" in manager.json()["faults"][0]
    probe = client.get("/health/ready", headers={"Authorization": f"Bearer {managers}"})
    assert probe.json()["faults"] == manager.json()["faults"]


@pytest.mark.parametrize("store", [GUARDED], indirect=True)
def test_nothing_is_counted_for_who_may_not_read_it(client: Any, store: FakeStore) -> None:
    counted: list[bool] = []
    health = store.health

    def seen(*, is_counted: bool = True) -> dict[str, Any]:
        counted.append(is_counted)
        return health(is_counted=is_counted)

    store.health = seen  # type: ignore[method-assign]
    client.get("/health")
    client.get("/health/ready")
    assert counted == [False, False]


@pytest.mark.parametrize("store", [GUARDED], indirect=True)
@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
def test_a_probe_needs_no_token(client: Any, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_managers_page_holds_no_figure_and_names_no_other_host(client: Any) -> None:
    page = client.get("/manager")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for name in ("manager.html", "manager.css", "manager.js", "plot.js"):
        text = client.get(f"/page/{name}").text.replace("http://www.w3.org/2000/svg", "")
        assert text
        assert "http://" not in text
        assert "https://" not in text
        assert "innerHTML" not in text
