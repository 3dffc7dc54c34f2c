"""What stores owe and are owed, what is charted, what is wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision: str | None = "0001"
INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "history",
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("slot_at", INSTANT, nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("asks", NUMBER, nullable=False),
        sa.Column("errors", NUMBER, nullable=False),
        sa.Column("p50_ms", sa.Float(), nullable=False),
        sa.Column("p95_ms", sa.Float(), nullable=False),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("live", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("store", "slot_at"),
    )
    op.create_index("history_by_slot", "history", ["slot_at"], unique=False)
    op.create_table(
        "alarms",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("told_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("alarms_open", "alarms", ["closed_at", "store", "kind"], unique=False)
    op.create_table(
        "batches",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("bytes", NUMBER, nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=False),
        sa.Column("blob", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("device", "sha256"),
    )
    op.create_index("batches_by_ended_at", "batches", ["ended_at"], unique=False)
    op.create_table(
        "items",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("put_at", INSTANT, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("reply", sa.String(length=64), nullable=False),
        sa.Column("batch", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("device", "id"),
    )
    op.create_index("items_by_kind", "items", ["kind", "answered_at", "put_at"], unique=False)
    op.create_index("items_by_reply", "items", ["store", "reply"], unique=False)
    op.create_table(
        "answers",
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("cursor", NUMBER, autoincrement=False, nullable=False),
        sa.Column("reply", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=16), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("store", "cursor"),
    )
