"""The demo store's live database: tables a store's stock, till and pick-up systems would keep.

Backroom only reads such a database (`store/facts.py`); it owns none of these tables. Amounts are
dollars with two decimals, counts are pieces, instants are UTC.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, DateTime, Integer, MetaData, Numeric, String, Table

METADATA = MetaData()

_MONEY = Numeric(10, 2, asdecimal=False)
_AT = DateTime(timezone=True)

Table(
    "products",
    METADATA,
    Column("sku", String(16), primary_key=True),
    Column("ean", String(13), nullable=False, unique=True),
    Column("name", String(160), nullable=False),
    Column("brand", String(40), nullable=False),
    Column("model", String(40), nullable=False),
    Column("department", String(20), nullable=False),
    Column("category", String(40), nullable=False),
    Column("family", String(40), nullable=False),
    Column("variant_group", String(80), nullable=False),
    Column("aisle", String(12)),
    Column("warranty_months", Integer),
    Column("age_restriction", Integer),
    Column("is_returnable_opened", Boolean, nullable=False),
)
Table(
    "attributes",
    METADATA,
    Column("sku", String(16), primary_key=True),
    Column("attribute", String(40), primary_key=True),
    Column("value", String(80), nullable=False),
)
Table(
    "stock",
    METADATA,
    Column("sku", String(16), primary_key=True),
    Column("on_hand", Integer, nullable=False),  # on the sales floor
    Column("reserved", Integer, nullable=False),  # of those, set aside for pick-up
    Column("backroom", Integer, nullable=False),
    Column("counted_at", _AT, nullable=False),
)
Table(
    "transit",
    METADATA,
    Column("sku", String(16), primary_key=True),
    Column("due_on", Date, primary_key=True),
    Column("quantity", Integer, nullable=False),
)
Table(
    "prices",
    METADATA,
    Column("sku", String(16), primary_key=True),
    Column("price", _MONEY, nullable=False),
    Column("changed_at", _AT, nullable=False),
)
Table(
    "costs",
    METADATA,
    Column("sku", String(16), primary_key=True),
    Column("cost", _MONEY, nullable=False),
)
Table(
    "promotions",
    METADATA,
    Column("promotion", String(12), primary_key=True),
    Column("sku", String(16), index=True),  # one product …
    Column("department", String(20), index=True),  # … or a whole department
    Column("percent", Integer),  # off the price …
    Column("price", _MONEY),  # … or a fixed price
    Column("text", String(120), nullable=False),
    Column("starts_on", Date, nullable=False),
    Column("ends_on", Date, nullable=False),  # inclusive
    Column("needs_tier", String(10)),  # Silver | Gold; NULL for everybody
)
Table(
    "pickups",
    METADATA,
    Column("order_number", String(12), primary_key=True),
    Column("customer_name", String(60), nullable=False),
    Column("status", String(10), nullable=False),  # picking | ready | collected | expired
    Column("ready_at", _AT),
    Column("held_until", Date),
    Column("items", String(200), nullable=False),  # "LM-104233 x1, LM-150031 x2"
)
Table(
    "purchases",
    METADATA,
    Column("receipt", String(16), primary_key=True),
    Column("sku", String(16), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("price", _MONEY, nullable=False),
    Column("bought_on", Date, nullable=False),
    Column("loyalty_id", String(11)),
)
Table(
    "associates",
    METADATA,
    Column("badge", String(8), primary_key=True),
    Column("name", String(60), nullable=False),
    Column("role", String(10), nullable=False),
    Column("department", String(20), nullable=False),
    Column("pin", String(100)),  # unset until the associate chooses one
)
Table(
    "feeds",
    METADATA,
    Column("feed", String(20), primary_key=True),
    Column("refreshed_at", _AT, nullable=False),
)
