"""Made-up products and the live facts said of them, asked as the router's templates ask."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.handbook import Statement
from models.more import Asks, more_asks
from models.rules import made_up, values

FACTS: Mapping[str, tuple[str, ...]] = {
    "price": (
        "The price of {p} is {money}.",
        "{p} costs {money}.",
        "The price of {p} is {money} until {date}; the regular price is {more}.",
    ),
    "stock": (
        "{p}: {count} on the sales floor and {number} in the backroom.",
        "{p}: {count} on the sales floor, none in the backroom.",
        "{p}: none on the sales floor, {count} in the backroom.",
        "{p} is out of stock in this store.",
    ),
    "transit": (
        "A delivery of {count} of {p} is due on {date}.",
        "No delivery of {p} is on its way.",
    ),
    "location": ("{p} is at {bay}.", "{p} has no fixed place on the sales floor."),
    "promotion": (
        "Fall deal: {p} is {pct} off until {date}.",
        "No promotion is running on {p}.",
        "Tool days: {p} is {money} until {date}.",
        "Circle week: Gold customers get {pct} off {p} until {date}.",
    ),
    "warranty": (
        "{p} comes with a maker's warranty of {months}.",
        "No maker's warranty is listed for {p}.",
    ),
    "age": (
        "{p} may only be sold to customers aged {age} or older.",
        "{p} has no age restriction.",
    ),
    "pickup": (
        "Order {order} for {who} is ready and held until {date}.",
        "Order {order} for {who} is still being picked.",
        "Order {order} for {who} has been collected.",
    ),
}
PURCHASES = (
    "{who} bought {p} {days} ago.",
    "{who} bought {p} on {date} for {money}.",
    "{p} was sold to {who} on {date}, {days} ago.",
    "Receipt of {who}: {p} for {money}, bought {days} ago.",
    "{who} bought {p} {days} ago, opened.",
)
NOUNS = [
    "wireless over-ear headphones",
    "soundbar",
    "4K LED TV",
    "tablet",
    "laptop",
    "smartwatch",
    "wireless mouse",
    "power bank",
    "Wi-Fi router",
    "action camera",
    "chest freezer",
    "front-load washer",
    "electric kettle",
    "toaster",
    "espresso machine",
    "blender",
    "air fryer",
    "robot vacuum",
    "steam iron",
    "tower fan",
    "dehumidifier",
    "shampoo",
    "hair dryer",
    "electric shaver",
    "body wash",
    "hand cream",
    "cordless lawn mower",
    "leaf blower",
    "garden hose",
    "gas grill",
    "wheelbarrow",
    "ground coffee",
    "tea bags",
    "breakfast cereal",
    "rolled oats",
    "peanut butter",
    "potato chips",
    "orange juice",
    "red wine",
    "disposable vape",
    "paper towels",
    "dry dog food",
    "bed pillow",
    "bath towel",
    "frying pan",
    "chef's knife",
    "bookcase",
    "office chair",
    "table lamp",
    "yoga mat",
    "exercise bike",
    "running shoes",
    "dome tent",
    "sleeping bag",
    "mountain bike",
    "soccer ball",
    "cordless drill",
    "circular saw",
    "claw hammer",
    "socket set",
    "tape measure",
    "step ladder",
    "tool box",
    "work gloves",
    "building block set",
    "board game",
    "jigsaw puzzle",
    "remote-control car",
    "science kit",
    "card game",
    "rain jacket",
    "hoodie",
    "swimsuit",
    "sneakers",
]
TEST_NOUNS = [
    "portable Bluetooth speaker",
    "all-in-one printer",
    "countertop microwave",
    "stand mixer",
    "cordless stick vacuum",
    "deodorant stick",
    "patio dining set",
    "bird feeder",
    "craft beer 6-pack",
    "chocolate bar",
    "comforter",
    "storage bin with lid",
    "folding treadmill",
    "hiking boots",
    "tennis racket",
    "random orbital sander",
    "folding pocket knife",
    "fashion doll",
    "art set",
    "jeans",
]  # fmt: skip
COLOURS = ("black", "blue", "white", "red", "green", "sand", "coral", "silver", "grey", "pink")
NAMES = [
    "Ann Lee",
    "Marco Diaz",
    "J. Smith",
    "Priya Nair",
    "Tom Baker",
    "Lucía Ortega",
    "Wen Zhao",
    "Omar Haddad",
]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Ask templates by family of facts; those of the test apart; and what is out of scope."""

    train: Mapping[str, Sequence[str]]
    test: Mapping[str, Sequence[str]]

    @classmethod
    def read(cls, path: Path) -> Phrases:
        """Return the templates of an intents.toml."""
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(table["train"], table["held_out"])


def shelf(rng: random.Random, phrases: Phrases, *, held_out: bool, count: int) -> list[Statement]:
    """Return up to `count` facts about one to three products, with asks for each."""
    families = rng.sample(sorted(FACTS), min(len(FACTS), max(2, count)))
    products = [Product.make(rng, held_out=held_out) for _ in range(rng.choice((1, 1, 2, 3)))]
    pairs = [(f, p) for f in families for p in products]
    rng.shuffle(pairs)
    return [fact(rng, phrases, f, p, held_out=held_out) for f, p in pairs[:count]]


def fact(
    rng: random.Random, phrases: Phrases, family: str, product: Product, *, held_out: bool
) -> Statement:
    """Return one live fact of a product, with asks for it."""
    more, extra = more_asks().families[family], random.Random(product.sku)  # noqa: S311
    holes = _holes(rng, held_out=held_out)
    text = rng.choice(FACTS[family]).format(
        p=product.name, order=product.order, who=product.who, **holes
    )

    asks, held_out_asks = (
        product.filled(rng, phrases.train[family]),
        product.filled(rng, phrases.test[family]),
    )
    # Drawn apart, so that the exam of a seed stays the exam it was.
    subject = product.order if family == "pickup" else product.sku
    return Statement(
        f"{family}:{subject}",
        f"{family} {subject}",
        text,
        asks=(*asks, *product.filled(extra, more.english)),
        held_out=held_out_asks,
        spanish=product.filled(extra, more.spanish),
        spanish_held_out=product.filled(extra, more.spanish_held_out),
    )


def purchase(rng: random.Random, product: Product, *, held_out: bool) -> Statement:
    """Return who bought a product and when, as a live fact."""
    more: Asks = more_asks().families["purchase"]
    holes = _holes(rng, held_out=held_out)
    text = rng.choice(PURCHASES).format(p=product.name, who=product.who, **holes)
    return Statement(
        f"purchase:{product.sku}",
        f"purchase {product.sku}",
        text,
        asks=product.filled(rng, more.english),
        held_out=product.filled(rng, more.held_out),
        spanish=product.filled(rng, more.spanish),
        spanish_held_out=product.filled(rng, more.spanish_held_out),
    )


def _holes(rng: random.Random, *, held_out: bool) -> dict[str, str]:
    holes = values(rng, held_out=held_out)
    amount = rng.randint(3, 900)
    return holes | {
        "more": f"${amount + rng.randint(1, 90)}.99",
        "number": str(rng.randint(1, 60)),
        "bay": f"{rng.choice('ABCDEFGH')}{rng.randint(1, 30)}-B{rng.randint(1, 12)}",
        "date": f"2026-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}",
        "months": f"{6 * rng.randint(1, 10)} months",
    }


@dataclass(frozen=True, slots=True)
class Product:
    """A made-up product and the order and customer it goes with."""

    brand: str
    line: str
    noun: str
    colour: str
    sku: str
    ean: str
    order: str
    who: str

    @classmethod
    def make(cls, rng: random.Random, *, held_out: bool, noun: str = "") -> Product:
        """Return a product drawn at random, of a kind where one is named."""
        return cls(
            brand=made_up(rng, held_out=held_out).split()[-1].title(),
            line=rng.choice(("", made_up(rng, held_out=held_out).split()[-1].title())),
            noun=noun or rng.choice(TEST_NOUNS if held_out else NOUNS),
            colour=rng.choice(["", *COLOURS]),
            sku=f"LM-{rng.randint(100_000, 999_999)}",
            ean=str(rng.randint(2_000_000_000_000, 2_999_999_999_999)),
            order=f"ORD-{rng.randint(10_000_000, 99_999_999)}",
            who=rng.choice(NAMES),
        )

    @property
    def name(self) -> str:
        """Return its full name."""
        colour = f", {self.colour}" if self.colour else ""
        return " ".join(f"{self.brand} {self.line} {self.noun}{colour}".split())

    def short(self, rng: random.Random) -> str:
        """Return how an associate would name it."""
        said = rng.choice(
            (self.name, f"{self.brand} {self.noun}", f"{self.brand} {self.noun.split()[-1]}",
             f"{self.brand} {self.line}".strip(), f"the {self.noun}")
        )  # fmt: skip
        return said if rng.random() < 0.3 else said.lower()

    def filled(self, rng: random.Random, templates: Sequence[str]) -> tuple[str, ...]:
        """Return asks about it; those by EAN are left out, for no fact says one."""
        return tuple(
            t.format(
                p=self.short(rng), sku=self.sku, ean=self.ean, order=self.order,
                who=self.who.split()[0] if self.who[1] != "." else self.who,
            )
            for t in templates
            if "{ean}" not in t
        )  # fmt: skip
