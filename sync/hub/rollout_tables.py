"""The ledger's tables of rollouts and of the gateway; made by migration 0003."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, String, Table, Text

from sync.hub.tables import Instant, Number, metadata

rollouts = Table(
    "rollouts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("release", String(200), nullable=False),
    Column("plan", Text, nullable=False),  # JSON
    Column("started_at", Instant, nullable=False),
    Column("closed_at", Instant),  # done, or its halt acted on
)

rollout_events = Table(  # sync.rollout.events.Event, appended to only
    "rollout_events",
    metadata,
    Column("rollout", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    Column("ring", String(64), nullable=False),
    Column("step", Integer, nullable=False),
    Column("percent", Float, nullable=False),
    Column("by", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("acted_at", Instant),  # when its pointers were signed; written down first
)

rollout_stores = Table(  # sync.rollout.sightings.Sighting
    "rollout_stores",
    metadata,
    Column("rollout", String(64), primary_key=True),
    Column("store", String(32), primary_key=True),
    Column("body", Text, nullable=False),  # JSON
)

gateway_usage = Table(  # of the generalist, by store and UTC day
    "gateway_usage",
    metadata,
    Column("store", String(32), primary_key=True),
    Column("day", String(10), primary_key=True),  # ISO
    Column("requests", Number, nullable=False, server_default="0"),
    Column("failed", Number, nullable=False, server_default="0"),
    Column("refused", Number, nullable=False, server_default="0"),  # over budget or rate
    Column("prompt_tokens", Number, nullable=False, server_default="0"),
    Column("completion_tokens", Number, nullable=False, server_default="0"),
    # Held for requests that run; a hub that is killed leaves them held: spent, to be safe.
    Column("held_tokens", Number, nullable=False, server_default="0"),
    Column("micros", Number, nullable=False, server_default="0"),  # millionths of the currency
    Column("held_micros", Number, nullable=False, server_default="0"),
)

gateway_tries = Table(  # deferred asks that the generalist did not answer at once
    "gateway_tries",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("item", String(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("next_at", Instant),  # None: left to an expert
    Column("why", Text, nullable=False),
)
