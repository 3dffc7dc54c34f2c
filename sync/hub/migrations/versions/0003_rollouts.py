"""Rollouts and their log, and what stores used of the generalist."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"
INSTANT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rollouts",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("release", sa.String(length=200), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "rollout_events",
        sa.Column("rollout", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("ring", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Float(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("acted_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("rollout", "number"),
    )
    op.create_table(
        "rollout_stores",
        sa.Column("rollout", sa.String(length=64), nullable=False),
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rollout", "store"),
    )
    op.create_table(
        "gateway_usage",
        sa.Column("store", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("requests", NUMBER, server_default="0", nullable=False),
        sa.Column("failed", NUMBER, server_default="0", nullable=False),
        sa.Column("refused", NUMBER, server_default="0", nullable=False),
        sa.Column("prompt_tokens", NUMBER, server_default="0", nullable=False),
        sa.Column("completion_tokens", NUMBER, server_default="0", nullable=False),
        sa.Column("held_tokens", NUMBER, server_default="0", nullable=False),
        sa.Column("micros", NUMBER, server_default="0", nullable=False),
        sa.Column("held_micros", NUMBER, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("store", "day"),
    )
    op.create_table(
        "gateway_tries",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("item", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", INSTANT, nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device", "item"),
    )
