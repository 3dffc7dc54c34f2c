"""Hand over: say who knows. The floor under all lanes."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.records import Draft, LaneName, Sentence, Stitched

WHO = {
    "price": "the customer service desk",
    "stock": "the receiving lead",
    "transit": "the receiving lead",
    "pickup": "the pick-up desk",
}
DESK = "your lead or the customer service desk"
WHO_ES = {
    "price": "al mostrador de servicio",
    "stock": "al líder de recepción",
    "transit": "al líder de recepción",
    "pickup": "al mostrador de recogida",
}
DESK_ES = "a su líder o al mostrador de servicio"


@dataclass(frozen=True, slots=True)
class HandoffLane:
    """Always answers, never guesses."""

    name: LaneName = LaneName.HANDOFF
    is_model: bool = False

    def draft(self, stitched: Stitched, *, remaining_s: float) -> Draft:  # noqa: ARG002
        """Return the refusal's own words, or who to ask."""
        if not stitched.grant.allowed:
            refusal = Sentence(stitched.grant.message)
            return Draft(self.name, (refusal,), p=1.0, why=f"refused by {stitched.grant.rule}")
        is_spanish = stitched.query.language == "es"
        sentences = tuple(
            Sentence(text) for text in (_spanish if is_spanish else _english)(stitched)
        )
        return Draft(self.name, sentences, p=1.0, why="no lane could answer")


def _english(stitched: Stitched) -> list[str]:
    if stitched.intent == "out_of_scope":
        outside = "That is outside what this store's handbook and systems cover."
        return [outside, f"Please ask {DESK}."]
    who = WHO.get(stitched.intent, DESK)
    return [*_missing(stitched), f"I have no sourced answer for that: please ask {who}."]


def _spanish(stitched: Stitched) -> list[str]:
    if stitched.intent == "out_of_scope":
        outside = "Eso queda fuera de lo que cubren el manual y los sistemas de esta tienda."
        return [outside, f"Por favor, pregunte {DESK_ES}."]
    who = WHO_ES.get(stitched.intent, DESK_ES)
    return [*_missing(stitched), f"No tengo una respuesta con fuente: pregunte {who}."]


def _missing(stitched: Stitched) -> list[str]:
    """Return a sentence for each thing that could not be read."""
    return [f"{m[0].upper()}{m[1:].rstrip('.')}." for m in stitched.evidence.missing]
