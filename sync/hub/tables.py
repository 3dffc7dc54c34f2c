"""The ledger's tables, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

if TYPE_CHECKING:
    from sqlalchemy import Dialect

metadata = MetaData()
# SQLite numbers rows by itself only where the type is INTEGER.
Number = BigInteger().with_variant(Integer(), "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant; SQLite, which knows no zones, keeps it in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Refuse a naive instant: nobody knows when it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return it aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


stores = Table(
    "stores",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("ring", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    # Cursor of its newest late answer. Counted here, under this row's lock, and not by a sequence:
    # then a reader that saw cursor 7 has seen every answer up to 7.
    Column("answered", Number, nullable=False, server_default="0"),
)

codes = Table(
    "codes",
    metadata,
    Column("digest", String(64), primary_key=True),  # sha256 of the code; the code is not kept
    Column("store", String(32), nullable=False),
    Column("ring", String(64), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant),
    Column("device", String(32)),  # that used it
    Index("codes_by_store", "store"),
)

devices = Table(
    "devices",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("store", String(32), nullable=False),
    Column("public_key", LargeBinary, nullable=False),  # 32 raw bytes of an Ed25519 key
    Column("state", String(16), nullable=False),  # active | revoked | quarantined
    Column("why", Text, nullable=False, server_default=""),
    Column("machine", Text, nullable=False),  # JSON, as it said at enrolment
    Column("enrolled_at", Instant, nullable=False),
    Column("ended_at", Instant),
    # Links of the chain: the last grant's, and the one its request had shown.
    Column("link", Number, nullable=False, server_default="0"),
    Column("link_before", Number, nullable=False, server_default="0"),
    Index("devices_by_store", "store", "state"),
)

nonces = Table(
    "nonces",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
    Index("nonces_by_at", "at"),
)

beats = Table(  # the newest of each device
    "beats",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("store", String(32), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("boot", String(64), nullable=False),
    Column("sequence", Number, nullable=False),
    Column("level", String(16), nullable=False),
    Column("live", String(200), nullable=False),  # release
    Column("counter", Number, nullable=False),  # of it
    Column("state", String(16), nullable=False),  # of the switch
    Column("dropped", Number, nullable=False),  # from the spool, ever
    Column("journal", Number, nullable=False),  # sequence of its head
    Column("journal_hash", String(128), nullable=False),
    Column("body", Text, nullable=False),  # the whole Beat as JSON
    Index("beats_by_store", "store"),
)

history = Table(  # a quarter of an hour of a store's beats
    "history",
    metadata,
    Column("store", String(32), primary_key=True),
    Column("slot_at", Instant, primary_key=True),
    Column("beats", Integer, nullable=False),
    Column("asks", Number, nullable=False),
    Column("errors", Number, nullable=False),
    Column("p50_ms", Float, nullable=False),  # of its last beat with asks
    Column("p95_ms", Float, nullable=False),  # the worst
    Column("level", String(16), nullable=False),  # of its last beat
    Column("live", String(200), nullable=False),
    Index("history_by_slot", "slot_at"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("store", String(32), nullable=False),  # '': the hub's own
    Column("kind", String(32), nullable=False),
    Column("why", Text, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("told_at", Instant, nullable=False),  # last time it was found true
    Column("closed_at", Instant),
    Index("alarms_open", "closed_at", "store", "kind"),
)

signals = Table(  # wishes on their way to the workers; short-lived
    "signals",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),  # a WishKind, or `end`: this store's streams end
    Column("store", String(32), nullable=False),  # '': of every store
    Column("to_ring", String(64), nullable=False),  # '': of every ring
    Column("ring", String(64), nullable=False),  # what the wish says
    Column("release", String(200), nullable=False),
    Column("made_at", Instant, nullable=False),
    Index("signals_by_made_at", "made_at"),
    sqlite_autoincrement=True,  # an id must not come again when the table has been emptied
)

batches = Table(
    "batches",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("store", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # kept | quarantined
    Column("why", Text, nullable=False),
    Column("bytes", Number, nullable=False),
    Column("items", Integer, nullable=False),  # that were new
    Column("ended_at", Instant, nullable=False),
    Column("blob", String(200), nullable=False),  # its name among the blobs; '': gone
    Index("batches_by_ended_at", "ended_at"),
)

items = Table(
    "items",
    metadata,
    Column("device", String(32), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("store", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("put_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("reply", String(64), nullable=False),  # the reply it is about; '' when it names none
    Column("batch", String(64), nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("answered_at", Instant),  # of a deferred ask
    Index("items_by_kind", "kind", "answered_at", "put_at"),
    Index("items_by_reply", "store", "reply"),
)

answers = Table(
    "answers",
    metadata,
    Column("store", String(32), primary_key=True),
    Column("cursor", Number, primary_key=True, autoincrement=False),
    Column("reply", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("by", String(16), nullable=False),  # generalist | expert
    Column("sources", Text, nullable=False),  # JSON list
    Column("at", Instant, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("digest", String(64), primary_key=True),  # sha256 of an operator's key
    Column("name", String(120), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

counts = Table(  # what /metrics tells, added up over workers and restarts
    "counts",
    metadata,
    Column("name", String(120), primary_key=True),
    Column("value", Number, nullable=False),
)

leases = Table(  # which worker does a job that must be done once
    "leases",
    metadata,
    Column("job", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)
