from __future__ import annotations

import asyncio
from typing import Any

from litestar.testing import TestClient
from prometheus_client.parser import text_string_to_metric_families

from sync.hub.alarms import open_alarm
from sync.hub.app import create_app
from sync.hub.metrics import Metered
from sync.hub.parts import Hub
from sync.hub.registry import drop_keys, put_key
from sync.wire import SwitchReport, SwitchState
from tests.builders.hub.homes import store_at
from tests.builders.hub.store_end import item
from tests.fakes.clock import FakeClock

Client = TestClient[Any]


def told(client: Any, key: str) -> dict[tuple[str, str], float]:
    answer = client.get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_an_operator_reads_counts_and_how_the_stores_stand(hub: Hub, clock: FakeClock) -> None:
    key = hub.ledger.write(lambda c: put_key(c, "Prometheus", now=clock.now()))
    app = Metered(create_app(hub), hub.counts)
    with TestClient(app, base_url="http://hub.local") as client:
        store = store_at(hub, client)
        for _ in range(3):
            store.beaten()
        store.sent(store.batch([item(1, clock, kind="deferred_ask")]))
        client.get("/v1/beat")
        hub.ledger.write(lambda c: open_alarm(c, "0001", "silent", "", now=clock.now()))
        asyncio.run(hub.counts.flush())
        found = told(client, key)

    assert found["backroom_hub_requests_total", "beat,200"] == 3
    assert found["backroom_hub_requests_total", "beat,405"] == 1
    assert found["backroom_hub_request_seconds_bucket", "beat,+Inf"] == 4
    assert found["backroom_hub_request_seconds_count", "beat"] == 4
    assert found["backroom_hub_devices", "active"] == 1
    assert found["backroom_hub_live", "v1"] == 1
    assert found["backroom_hub_batches", "kept"] == 1
    assert found["backroom_hub_alarms", "silent"] == 1
    assert found["backroom_hub_owed_asks", ""] == 1


def test_counts_of_two_workers_add_up(hub: Hub) -> None:
    async def story() -> None:
        for _ in range(2):
            hub.counts.add('backroom_hub_requests_total{what="beat",status="200"}', 5)
            await hub.counts.flush()

    asyncio.run(story())

    rows = hub.ledger.read(lambda c: c.exec_driver_sql("SELECT value FROM counts").all())
    assert [row[0] for row in rows] == [10]


def test_a_key_that_was_taken_back_opens_nothing(
    hub: Hub, client: Client, clock: FakeClock
) -> None:
    key = hub.ledger.write(lambda c: put_key(c, "Prometheus", now=clock.now()))
    assert told(client, key)

    assert hub.ledger.write(lambda c: drop_keys(c, "Prometheus", now=clock.now())) == 1

    answer = client.get("/metrics", headers={"authorization": f"Bearer {key}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_key")


def test_a_strange_release_name_breaks_no_line(hub: Hub, client: Client, clock: FakeClock) -> None:
    key = hub.ledger.write(lambda c: put_key(c, "Prometheus", now=clock.now()))
    name = 'v"1\\\n} 9'
    store_at(hub, client).beaten(switch=SwitchReport(SwitchState.SETTLED, name, 1))

    assert told(client, key)["backroom_hub_live", name] == 1


def test_strangers_hear_from_health_that_it_lives_and_no_more(client: Client) -> None:
    assert client.get("/health").json() == {"live": True}
