"""Made-up rules over made-up things: nothing to memorise, so matching words is all that helps.

Every statement has wordings of asks to train on and wordings kept for the test.
"""

from __future__ import annotations

import random

from models.handbook import Statement

# (statements; asks; held-out asks). {n} the thing, other holes are values.
TOPICS: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (("A {n} may be returned within {days} with the receipt.", "Customers can bring back a {n} for {days}.", "The return window for a {n} is {days}."),
     ("how long to return a {n}", "return window {n}", "can they bring back the {n}", "how many days for {n} returns", "{n} return period", "customer wants to return a {n}"),
     ("til when can somebody hand a {n} back", "{n} taking back deadline")),
    (("The restocking fee on a {n} is {pct}.", "A {n} is refunded minus a restocking fee of {pct}.", "{pct} is kept as restocking fee when a {n} comes back."),
     ("restocking fee {n}", "how much do we keep when a {n} comes back", "what percent restocking on {n}", "is there a fee for returning a {n}"),
     ("what gets deducted on a {n} refund", "rstk charge {n}")),
    (("Delivery of a {n} costs {money}.", "The delivery charge for a {n} is {money}.", "A {n} is delivered for {money}."),
     ("how much is delivery for a {n}", "delivery fee {n}", "what do we charge to deliver a {n}", "shipping cost {n}"),
     ("price to bring a {n} to the house", "{n} dlvry charge")),
    (("A {n} may only be sold to customers aged {age} or older.", "Buyers of a {n} must be at least age {age}.", "Nobody under age {age} may buy a {n}."),
     ("how old to buy a {n}", "age limit {n}", "do i need id for a {n}", "minimum age for {n}", "can a kid buy a {n}"),
     ("carding for {n}?", "too young for a {n}?")),
    (("A lead approves a {n} over {money}.", "Any {n} above {money} needs the approval of a manager.", "A {n} of more than {money} must be approved by a lead."),
     ("who approves a {n}", "{n} approval limit", "when do i need approval for a {n}", "from what amount does a {n} need a manager"),
     ("who signs off on a {n}", "{n} over the limit who okays it")),
    (("At most {count} {n} are allowed per customer.", "Each customer may buy up to {count} {n}.", "The limit on {n} is {count} per household."),
     ("how many {n} can one customer buy", "limit on {n}", "max {n} per person", "quantity limit {n}"),
     ("guy wants a cart full of {n}", "{n} cap per shopper")),
    (("The {n} is kept in {aisle}.", "Look for the {n} in {aisle}.", "{aisle} is where the {n} stands."),
     ("where is the {n}", "which aisle for {n}", "where do we keep the {n}", "find the {n}"),
     ("whereabouts of the {n}", "{n} location pls")),
    (("The {n} opens at {time} every day.", "Opening time of the {n} is {time}.", "From {time} on the {n} is open."),
     ("when does the {n} open", "{n} opening time", "what time does {n} open", "is the {n} open yet"),
     ("earliest i can use the {n}", "{n} start of day")),
    (("The {n} closes at {time}.", "Closing time of the {n} is {time}.", "Nobody uses the {n} after {time}."),
     ("when does the {n} close", "{n} closing time", "how late is the {n} open", "what time does {n} shut"),
     ("latest i can use the {n}", "{n} end of day")),
    (("Check the {n} every {hours}.", "The {n} is checked once every {hours}.", "An associate looks at the {n} every {hours}."),
     ("how often to check the {n}", "{n} check interval", "when do we check the {n} again", "how frequently is the {n} checked"),
     ("rounds for the {n}", "{n} inspection rhythm")),
    (("The deposit for a {n} is {money}.", "A {n} needs a deposit of {money}.", "Take {money} as deposit for a {n}."),
     ("deposit for a {n}", "how much down for a {n}", "what deposit do we take on a {n}", "{n} down payment"),
     ("money up front for a {n}", "what do they leave for the {n}")),
    (("A {n} is held for {days} and then goes back to stock.", "We hold a {n} for {days}.", "After {days} a held {n} returns to the shelf."),
     ("how long do we hold a {n}", "{n} hold time", "how many days is a {n} kept for the customer", "when does a held {n} go back"),
     ("lady cant come today, keep her {n} til when", "{n} reservation length")),
    (("Associates get {pct} off a {n}.", "The staff discount on a {n} is {pct}.", "{pct} is the employee discount for a {n}."),
     ("staff discount on {n}", "employee discount {n}", "how much off do i get on a {n}", "what percent do associates save on a {n}"),
     ("my own discount for a {n}", "{n} cheaper for workers?")),
    (("Store the {n} at {temp}.", "The {n} must stay at {temp}.", "Keep the {n} at {temp} at all times."),
     ("what temperature for the {n}", "how cold should the {n} be", "{n} temperature", "{n} storage temp"),
     ("how warm may the {n} get", "{n} degrees")),
    (("The warranty on a {n} lasts {years}.", "A {n} comes with a warranty of {years}.", "The maker covers a {n} for {years}."),
     ("how long is the warranty on a {n}", "{n} warranty", "is the {n} still under warranty", "warranty length {n}"),
     ("guarantee for the {n}", "maker coverage {n}")),
    (("{count} people are needed to lift a {n}.", "Lift a {n} with {count} people.", "A {n} is carried by {count} people."),
     ("how many people to lift a {n}", "can i lift a {n} alone", "who helps with a {n}", "lifting {n}"),
     ("carry the {n} by myself?", "hands needed for a {n}")),
    (("The {n} is never sold on Sundays.", "On Sundays the {n} is not for sale.", "Sunday sales of the {n} are forbidden."),
     ("can i sell the {n} on sunday", "{n} on sundays", "sunday sale {n}", "is {n} ok on sunday"),
     ("weekend customer wants the {n}", "{n} sunday?")),
    (("A broken {n} goes to cage B with a red tag.", "Put a red tag on a broken {n} and take it to cage B.", "Broken {n} are tagged red and go to cage B."),
     ("what to do with a broken {n}", "{n} is broken", "damaged {n} where", "where does a broken {n} go"),
     ("somebody smashed a {n}", "{n} cracked what now")),
)  # fmt: skip
_START = "b bl br c ch d dr f fl g gl gr h j k l m n p pl pr qu r s sh sk sl st t tr v w z".split()
_MIDDLE = "a e i o u ai ea oo ou ar er or".split()
_CLOSE = "b ck d ft g l ll m n nd nt p rk rm rn sh sk st t th x zz".split()
_REAL = (
    "drill tv laptop blender grill tent bike sofa lamp heater freezer kettle drone scooter mattress "
    "printer camera speaker fan router mower ladder saw stroller crib helmet kayak trampoline rug "
    "bookcase desk fryer toaster dryer washer rifle sword guitar piano canoe sled"
).split()
_ADJECTIVES = (
    "red blue small large cordless folding electric wooden outdoor garden kids heavy smart portable "
    "rental demo boxed frozen seasonal imported refurbished wireless steel plastic custom"
).split()


def made_up(rng: random.Random, *, held_out: bool) -> str:
    """Return the name of a thing; names of the test are never names of training.

    Split by the first sound of the last word: "st", "qu", "gl" and "z" are the test's.
    """
    while True:
        word = "".join(rng.choice(p) for p in (_START, _MIDDLE, _CLOSE))
        if rng.random() < 0.3:
            word += rng.choice(("er", "el", "o", "ix", "ump"))
        if word.startswith(("st", "qu", "gl", "z")) == held_out:
            break
    if not held_out and rng.random() < 0.4:
        word = rng.choice(_REAL)
    return f"{rng.choice(_ADJECTIVES)} {word}" if rng.random() < 0.5 else word


def made_up_rules(rng: random.Random, *, held_out: bool, count: int) -> list[Statement]:
    """Return rules that share things and topics, so that both must be matched."""
    things = [made_up(rng, held_out=held_out) for _ in range(max(1, (count + 1) // 2))]
    topics = rng.sample(range(len(TOPICS)), max(1, min(len(TOPICS), (count + 2) // 2)))
    pairs = [(t, n) for t in topics for n in things]
    rng.shuffle(pairs)
    made = []
    for topic, thing in pairs[:count]:
        texts, asks, test = TOPICS[topic]
        text = rng.choice(texts).format(n=thing, **values(rng, held_out=held_out))
        title = rng.choice((f"{thing} rules", f"all about the {thing}", "store rules", "new rules"))
        made.append(
            Statement(
                f"rule-{topic}-{thing}",
                title,
                text[0].upper() + text[1:],
                asks=tuple(a.format(n=thing) for a in asks),
                held_out=tuple(a.format(n=thing) for a in test),
            )
        )
    return made


def values(rng: random.Random, *, held_out: bool) -> dict[str, str]:
    """Return one printed value for each hole; the test's numbers are odd, training's even."""

    def number(low: int, high: int) -> int:
        return 2 * rng.randint(low // 2, high // 2) + held_out

    return {
        "days": f"{number(4, 90)} days",
        "hours": f"{number(2, 48)} hours",
        "years": f"{number(2, 10)} years",
        "pct": f"{number(2, 60)}%",
        "money": f"${number(4, 900)}" + rng.choice(("", ".50", ".99")),
        "age": str(number(12, 24)),
        "count": str(number(2, 20)),
        "aisle": f"aisle {number(2, 40)}",
        "time": f"{number(6, 21)}:{rng.choice(('00', '15', '30', '45'))}",
        "temp": f"{number(20, 60)} degrees",
    }
