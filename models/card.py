"""The specialist's card: what it is, what it was made of, what it can and cannot do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CARD = """# {name}

A language model of {parameters:,} parameters that reads up to eight sentences and an ask, cites the
sentence that answers and says it with its values as slots, or says that none answers. Trained from
nothing, on data made for Backroom alone. Licence: Apache-2.0.

| | |
|---|---|
| file | specialist.gguf, Q8_0, {megabytes:.1f} MB, sha256 `{sha}` |
| shape | Qwen3: {layers} layers, width {width}, {heads} heads, own BPE of {vocabulary:,} tokens |
| data | handbook sentences and hand-written asks, made-up products and rules; sha256 `{data}` |
| recipe | models/recipes/{recipe}, whole in report.json; {steps:,} steps on two busy CPU cores |
| parity | f32 GGUF: {f32:.1%} of whole answers as in torch; Q8_0: {q8:.1%} ({prompts} prompts) |

## Exam

Generated asks in frames and templates never trained on; products, rules, names and values neither.
Handbook sentences were trained on; an exam's ask of one is made of its own telling words, some of
them swapped for synonyms. Sources are ordered by an embedder, 1–8 of them.
"Right" is the right source and every slot of it. The model may decline whenever unsure below
{least:.2f} (first column: there 90 % of the unanswerable asks of a validation set were declined),
or answer whenever a source is likelier than none (second column). Asked for: right 95 % and
declined 95 % with at most 3 % falsely declined. **{verdict}**

{table}

As people say it: hand-written held-out asks of the handbook, which share only meaning with the
sentence that answers. They are not what was asked for, and what is hard: right **{spoken:.1%}** of
{spoken_count}, unanswerable declined {spoken_declined:.1%}, right when cited {spoken_cited}.
{further}{sizes}
## Limits

- It copies or cites: of two sources it says both; what is more or less is worked out by code.
- Words it never met are matched by spelling alone. Held-out handbook wordings are its weak side.
- English and some Spanish. Text is read in lower case; at most 72 tokens of a sentence are seen.
- A sentence that is near but beside the point can be cited: the calibrated confidence, the ranker's
  probability and governance stand between it and the associate.
"""


FURTHER = """
## Further kinds

Two sources (a rule and a live fact, or two asks in one), comparisons (both sources are to be
cited), follow-ups as the store makes them standalone, Spanish over English sentences, and asks of
many kinds that nothing answers. Held-out frames; "both needed" are the asks with two right sources.

{table}
"""
SIZES = """
## Sizes

One thread of a busy machine: speeds are ratios, no more. {why}

| kind | MB | tokens/s | answer | right | declined | falsely declined | further kinds right |
|---|---|---|---|---|---|---|---|
{rows}
"""
WANTED = 0.95
MOST_FALSE = 0.03


def write_card(report: Mapping[str, Any]) -> str:
    """Return the card of a report made by `models.specialist.finish`."""
    model = report["recipe"]["model"]
    sure, always = report["exam"]["calibrated"], report["exam"]["uncalibrated"]
    spoken = report["exam"]["spoken"]
    cited = spoken["shares"].get("right when cited")
    rows = [
        f"| {name} | {share:.1%} | {always['shares'][name]:.1%} | {sure['counts'][name]} |"
        for name, share in sure["shares"].items()
        if name in always["shares"]
    ]
    shares = sure["shares"]
    reached = (
        min(shares["right"], shares["declined"]) >= WANTED
        and shares["falsely declined"] <= MOST_FALSE
    )
    return CARD.format(
        name=report["name"],
        recipe="demo.toml" + ", then demo-more.toml" * bool(_base(report)),
        parameters=report["parameters"],
        megabytes=report["gguf_bytes"] / 1e6,
        sha=report["gguf_sha256"],
        layers=model["layers"],
        width=model["width"],
        heads=model["heads"],
        vocabulary=model["vocabulary"],
        data=report["data_sha256"],
        f32=report["parity"]["f32"]["answers"],
        q8=report["parity"]["q8_0"]["answers"],
        prompts=report["parity"]["f32"]["prompts"],
        steps=sum(int(line["step"]) for line in report["log"]),
        least=sure["least"],
        verdict="Reached." if reached else "Not reached.",
        spoken=spoken["shares"]["right"],
        spoken_count=spoken["counts"]["right"],
        spoken_declined=spoken["shares"]["declined"],
        spoken_cited=f"{cited:.1%}" if cited is not None else "never cited",
        table="\n".join(["| what | when sure | always | of |", "|---|---|---|---|", *rows]),
        further=_further(report["exam"].get("further")),
        sizes=_sizes(report.get("sizes")),
    )


def _base(report: Mapping[str, Any]) -> str:
    """Return the training that a run went on from, or ''."""
    return str(report["recipe"].get("base", {}).get("source", ""))


def _further(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    rows = [
        f"| {name} | {share:.1%} | {found['counts'][name]} |"
        for name, share in found["shares"].items()
    ]
    return FURTHER.format(table="\n".join(["| what | share | of |", "|---|---|---|", *rows]))


def _sizes(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    rows = [
        f"| {kind} | {row['bytes'] / 1e6:.2f} | {row['tokens_per_s']:,} "
        f"| {row['answer_ms']:.0f} ms "
        f"| {row['right']:.1%} | {row['declined']:.1%} | {row['falsely declined']:.1%} "
        f"| {row['further']:.1%} |"
        for kind, row in found["kinds"].items()
    ]
    return SIZES.format(why=found["why"], rows="\n".join(rows))
