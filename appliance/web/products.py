"""`GET /v1/products/{sku|ean}`: what a scanned barcode is, and what is true of it now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from appliance.records import ProductCard
from appliance.web.answers import answer_json
from appliance.web.identity import Identity, RoleQuery, named_role
from appliance.web.openapi import documented, path_parameter
from appliance.web.pace import Pace
from appliance.web.problems import Problem, Refused
from appliance.web.shapes import Instant
from appliance.web.store import StoreLike

ProductKey = Annotated[str, path_parameter("SKU, EAN or UPC.", "LM-100004")]
MOST_CHARS = 64
APART = ("sku", "ean", "name")


class ProductFact(msgspec.Struct, frozen=True):
    """A live fact and when it was true."""

    family: str
    text: str
    as_of: Instant
    is_stale: bool


class ProductBody(msgspec.Struct, frozen=True):
    """A product: what the catalogue says of it, and the live facts this role may read."""

    sku: str
    ean: str
    name: str
    columns: dict[str, str]  # the catalogue's others: brand, model, department …
    facts: list[ProductFact]
    missing: list[str]  # what could not be read, in words


EXAMPLE = ProductBody(
    sku="LM-100004",
    ean="2993376709470",
    name="Arkwend Hive Wi-Fi router, 1-pack",
    columns={"brand": "Arkwend", "model": "AW-HIV11-1PACK", "department": "electronics"},
    facts=[
        ProductFact(
            family="price",
            text="The price of Arkwend Hive Wi-Fi router, 1-pack is $92.99.",
            as_of=datetime(2026, 11, 22, 19, 2, tzinfo=UTC),
            is_stale=False,
        )
    ],
    missing=["stock: not known since 14:02"],
)


def product_handler(store: StoreLike, identity: Identity, pace: Pace) -> HTTPRouteHandler:
    """Return the handler over a store."""

    @get(
        "/v1/products/{key:str}",
        sync_to_thread=True,
        **documented(ProductBody, example=EXAMPLE, refuses=(400, 404, 429)),
    )
    def read_product(
        request: Request[Any, Any, Any], key: ProductKey, role: RoleQuery = ""
    ) -> Response[bytes]:
        """Look a product up by SKU, EAN or UPC, as a scanner reads it."""
        reader = identity.of(request, role=named_role(role))
        pace.take(reader)
        found = store.product(key, role=reader.role) if len(key) <= MOST_CHARS else None
        if found is None:
            detail = "The chain sells no product with this number."
            raise Refused(
                Problem(404, "no_such_product", detail, "Scan it again, or type its SKU.")
            )
        return answer_json(product_body(found))

    return read_product


def product_body(card: ProductCard) -> ProductBody:
    """Return a product as it is told."""
    columns = dict(card.columns)
    sku, ean, name = (columns.pop(column, "") for column in APART)
    facts = [ProductFact(f.family, f.text, f.as_of, f.is_stale) for f in card.facts]
    return ProductBody(sku, ean, name, columns, facts, list(card.missing))
