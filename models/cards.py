"""The two cards that travel in a release: of its model, and of the data it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.release import file_sha256

MODEL = """# {name}

The specialist of this release: it reads up to eight sentences and an ask, cites the sentence that
answers and says it with its values as slots, or says that none answers.

| | |
|---|---|
| file | specialist.gguf, {kind}, {megabytes:.1f} MB, sha256 `{sha}` |
| base | {base} |
| tuned on | {tuned} |
| agrees with its source | {parity} |

## Sizes

One thread, this machine, one ask after another: read the speeds as ratios. "right" and "declined"
are of the exam below.

{sizes}

## Exam

Generated asks in frames never trained on, whose products, names and values were never trained on
either; sources as an embedder orders them. The model declines when unsure below {least:.2f}, which
another set of asks chose.

{exam}

{others}## In the store

Through the whole pipeline, on {heard} held-out asks that calibrated nothing: {answered} answered,
{right} of these right; calibration error {ece:.3f}. Golden questions, written by hand: {golden}.

## Limits

- It cites: what stands in none of the sentences it was given it cannot say.
- Text is read in lower case; at most 72 tokens of a sentence are seen.
- A sentence that is near but beside the point can be cited. Calibration, the ranker and governance
  stand between it and the associate; this card measures all of them together only above.
"""
DATA = """# Data of {name}

What the release's index, router and specialist were made from.

| what | how much | sha256 |
|---|---|---|
{rows}

Asks are written by people against a sentence of a document. Those under `held_out` are never
trained on: {held_out:,} of them measure, {asks:,} train. Halves of the held-out asks calibrate and
report, told apart by a checksum of their text, so that no ask does both.

{origin} Nothing is taken from customers or associates: no personal data is in it.

## Limits

- An ask a person wrote while looking at a sentence is nearer to it than one asked at a till.
- {documents} documents: what they do not say, nothing here knows.
"""
OTHERS = {
    "spoken": """Harder, and apart: hand-written held-out asks of the handbook, that share
little but meaning with the sentence that answers.""",
    "further": """Further kinds in held-out frames: two sources, comparisons, follow-ups,
Spanish, and asks that nothing answers.""",
}
MADE = "Products and cards are made up from a seed for a chain that does not exist."
OWN = "Products or cards are the recipe's own files."


def write_model_card(report: Mapping[str, Any]) -> str:
    """Return the model card of a run; `models.run.packing` says what is in the report."""
    figures, ships = report["figures"], report["ships"]
    exams = report["exam"][ships]
    exam = exams["calibrated"]
    heard, golden = report["heard"], report["golden"]
    return MODEL.format(
        name=report["name"],
        kind=ships.upper(),
        megabytes=report["gguf_bytes"] / 1e6,
        sha=report["gguf_sha256"],
        base=_base(figures["base"]),
        tuned=_tuned(figures["finetune"]),
        parity=_parity(figures["parity"], ships),
        sizes=_sizes(report),
        least=exam["least"],
        exam=_exam(exam),
        others="".join(_other(exams, name) for name in OTHERS),
        heard=heard["asks"],
        answered=heard["answered"],
        right="none" if heard["right"] is None else f"{heard['right']:.1%}",
        ece=heard["ece"],
        golden=_golden(golden),
    )  # fmt: skip


def write_data_card(folder: Path, *, name: str, figures: Mapping[str, Any], is_made: bool) -> str:
    """Return the data card of a run's gathered corpus."""
    parts = ("catalogue.csv", "cards.json", "lexicon.toml", "intents.toml")
    rows = [
        f"| {part} | {_lines(folder / part):,} lines | `{file_sha256(folder / part)[:16]}` |"
        for part in parts
    ]
    rows.insert(0, f"| handbook/ | {figures['documents']} documents | |")
    rows.insert(1, f"| asks/ | {figures['asks'] + figures['held_out_asks']:,} labelled asks | |")
    return DATA.format(
        name=name, rows="\n".join(rows), asks=figures["asks"], origin=MADE if is_made else OWN,
        held_out=figures["held_out_asks"], documents=figures["documents"],
    )  # fmt: skip


def _golden(found: Mapping[str, Any]) -> str:
    if not found:
        return "none in the recipe"
    wrong = f"{found['wrong_values']} with a wrong value"
    return f"{found['right']:.1%} of {found['questions']} right, {wrong}"


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _base(found: Mapping[str, Any]) -> str:
    if "parameters" in found:
        shape, after = found["shape"], found.get("after", {})
        began = f"on from the GGUF `{after['sha256'][:16]}`" if after else "from nothing"
        return (
            f"trained {began} on data made for Backroom: Qwen3, {found['parameters']:,}"
            f" parameters, {shape['layers']} layers, width {shape['width']}, own BPE of"
            f" {shape['vocabulary']:,} tokens"
        )
    sizes = found["sizes"]
    return f"yours: {found['family']}, {sizes['layers']} layers, width {sizes['width']}"


def _tuned(found: Mapping[str, Any]) -> str:
    if not found.get("pairs"):
        return "nothing further"
    return (
        f"{found['pairs']} labelled pairs, LoRA, {found['steps']} steps: loss"
        f" {found['first_loss']:.2f} to {found['last_loss']:.2f}"
    )


def _parity(found: Mapping[str, Any], ships: str) -> str:
    told = [f"{kind} {found[kind]['answers']:.1%}" for kind in ("f32", ships)]
    return f"whole answers, token for token, {found['f32']['prompts']} prompts: {', '.join(told)}"


def _sizes(report: Mapping[str, Any]) -> str:
    rows = [
        "| size | MB | tokens/s | as its source | right | declined |",
        "|---|---|---|---|---|---|",
    ]
    for kind, made in report["figures"]["quantize"]["kinds"].items():
        held, shares = (
            report["figures"]["parity"][kind],
            report["exam"][kind]["calibrated"]["shares"],
        )
        mark = " (ships)" if kind == report["ships"] else ""
        rows.append(
            f"| {kind}{mark} | {made['bytes'] / 1e6:.2f} | {held['tokens_per_s']:,}"
            f" | {held['answers']:.1%} | {_share(shares, 'right')} | {_share(shares, 'declined')} |"
        )
    return "\n".join(rows)


def _exam(found: Mapping[str, Any]) -> str:
    rows = [
        f"| {name} | {share:.1%} | {found['counts'][name]} |"
        for name, share in found["shares"].items()
    ]
    return "\n".join(["| what | share | of |", "|---|---|---|", *rows])


def _other(exams: Mapping[str, Any], name: str) -> str:
    """Return what a harder set of questions found; nothing where it was not asked."""
    return f"{OTHERS[name]}\n\n{_exam(exams[name])}\n\n" if name in exams else ""


def _share(shares: Mapping[str, float], name: str) -> str:
    return f"{shares[name]:.1%}" if name in shares else "none asked"
