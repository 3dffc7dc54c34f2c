"""Tune the embedder on a chain's own asks, then blend it with the weights it came from.

The lower layers stay as they are, and so do their outputs for the handbook: they are computed once.
What is learnt is to rank the sentence that answers an ask before every other of the handbook
(InfoNCE over the batch and over all rows, whose vectors are as old as the epoch). Half the answer
is the blend: Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models" (WiSE-FT).

It says nothing of texts outside the handbook; `manual_qa` is measured for that, never trained on.
"""

from __future__ import annotations

import json
import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from appliance.errors import BadInput
from appliance.files import replaced
from models.embedder_data import Pair, Shelf

if TYPE_CHECKING:
    import torch

ASK_TOKENS, ROW_TOKENS, MEASURED_TOKENS = 40, 64, 256
CHUNK = 32  # texts in one run without gradients
Say = Callable[[str], None]
Figures = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to tune; every number that matters is here."""

    epochs: int = 4
    batch: int = 32
    rate: float = 5e-5  # at its peak; the lower half is frozen, so a little more than usual
    warm_up: float = 0.1  # share of the steps
    decay: float = 0.01
    temperature: float = 0.05
    passages: float = 0.3  # share of asks also paired with their passage
    again: int = 2  # times a Spanish ask comes in an epoch
    frozen: int = 3  # layers
    seed: int = 2026
    threads: int = 2
    minutes: float = 60.0  # no epoch is begun that would probably end later
    blends: tuple[float, ...] = (0.85, 0.7, 0.5)  # share of the tuned weights


class Halves:
    """A MiniLM cut in two: the frozen layers, and those that learn."""

    def __init__(self, folder: Path, *, frozen: int) -> None:
        """Load a sentence-transformers folder.

        Raises:
            BadInput: The `embedder` extra is not installed, or the folder is no model.
        """
        try:
            from transformers import AutoModel  # noqa: PLC0415
        except ImportError as error:
            raise BadInput(
                f"Tuning needs a package that is not installed ({error.name}).",
                hint="Run: pip install 'backroom[embedder]'",
            ) from error
        from tokenizers import Tokenizer  # noqa: PLC0415

        try:
            self.model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except (OSError, ValueError) as error:
            raise BadInput(f"{folder} is no sentence-transformers folder: {error}.") from error
        self.tokenizer.no_padding()
        self.model.requires_grad_(requires_grad=False)
        self._below = self.model.encoder.layer[:frozen]
        self.above = self.model.encoder.layer[frozen:]
        self.above.requires_grad_()

    def lower(self, texts: Sequence[str], *, tokens: int) -> list[torch.Tensor]:
        """Return what the frozen layers make of each text: (its tokens, dim), in order."""
        import torch  # noqa: PLC0415

        self.tokenizer.enable_truncation(tokens)
        ids = [torch.tensor(e.ids) for e in self.tokenizer.encode_batch(list(texts))]
        made: list[torch.Tensor] = [torch.empty(0)] * len(texts)
        with torch.no_grad():
            for chunk in _by_length([len(i) for i in ids]):
                padded, mask = _padded([ids[i] for i in chunk])
                hidden = _through(self._below, self.model.embeddings(input_ids=padded), mask)
                for at, i in enumerate(chunk):
                    made[i] = hidden[at, : len(ids[i])].clone()
        return made

    def upper(self, hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return unit rows (texts, dim), with gradients where they are on."""
        import torch  # noqa: PLC0415

        padded, mask = _padded(hidden)
        made = _through(self.above, padded, mask)
        mean = (made * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return torch.nn.functional.normalize(mean, dim=1)

    def rows(self, hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return unit rows (texts, dim) of many texts, without gradients or dropout."""
        import torch  # noqa: PLC0415

        self.above.eval()
        made = torch.empty(len(hidden), self.model.config.hidden_size)
        with torch.no_grad():
            for chunk in _by_length([len(h) for h in hidden]):
                made[chunk] = self.upper([hidden[i] for i in chunk])
        return made

    def weights(self) -> dict[str, torch.Tensor]:
        """Return a copy of what learns."""
        return {name: value.clone() for name, value in self.above.state_dict().items()}


class Exam:
    """Held-out asks over the sentences in force, and a public manual's questions."""

    def __init__(
        self, halves: Halves, shelf: Shelf, held_out: Sequence[Pair], *, on: date, manual: Path
    ) -> None:
        """Prepare everything up to the layers that learn.

        Raises:
            BadInput: The manual's folder has no questions or sections.
        """
        self._halves = halves
        in_force = shelf.in_force(on)
        self.pairs = [p for p in held_out if in_force[p.sentence]]
        self._pool = np.flatnonzero(in_force)
        self._texts = halves.lower([shelf.rows[i].text for i in self._pool], tokens=MEASURED_TOKENS)
        asks = [shelf.prepared(p.ask) for p in self.pairs]
        self._asks = halves.lower(asks, tokens=MEASURED_TOKENS)
        self._right = np.stack([shelf.same(p.sentence)[self._pool] for p in self.pairs])
        self._spanish = np.array([shelf.rows[p.sentence].language == "es" for p in self.pairs])
        sections, questions, self._gold = _manual(manual)
        self._sections = halves.lower(sections, tokens=MEASURED_TOKENS)
        self._questions = halves.lower(questions, tokens=MEASURED_TOKENS)

    def handbook(self) -> Figures:
        """Return hit@1, hit@5 and MRR of the held-out asks, by language."""
        score = self._halves.rows(self._asks) @ self._halves.rows(self._texts).T
        ranks = _ranks(score.numpy(), self._right)
        return {
            "all": _figures(ranks),
            "en": _figures(ranks[~self._spanish]),
            "es": _figures(ranks[self._spanish]),
        }

    def manual(self) -> dict[str, float]:
        """Return hit@1, hit@5 and MRR of questions over the manual's sections."""
        score = self._halves.rows(self._questions) @ self._halves.rows(self._sections).T
        return _figures(_ranks(score.numpy(), self._gold))


def tune(
    source: Path,
    *,
    handbook: Path,
    asks: Path,
    lexicon: Path,
    manual: Path,
    on: date,
    folder: Path,
    plan: Plan | None = None,
    say: Say = print,
) -> dict[str, Any]:
    """Tune, blend, and leave the blended fp32 model and `figures.json` in `folder`.

    A run that was stopped goes on from its last whole epoch.

    Raises:
        BadInput: A folder lacks what it should hold.
    """
    import torch  # noqa: PLC0415

    plan = plan or Plan()
    torch.set_num_threads(plan.threads)
    folder.mkdir(parents=True, exist_ok=True)
    halves = Halves(source, frozen=plan.frozen)
    shelf = Shelf.read(handbook, lexicon)
    pairs = shelf.pairs(asks, field="asks")
    exam = Exam(halves, shelf, shelf.pairs(asks, field="held_out"), on=on, manual=manual)
    untuned = halves.weights()
    before = {"handbook": exam.handbook(), "manual_qa": exam.manual()}
    say(f"{len(shelf.rows)} rows, {len(pairs)} asks, {len(exam.pairs)} held out: {before}")
    _Run(halves, shelf, pairs, exam, plan=plan, kept=folder / "checkpoint.pt", say=say).train()
    tried = _blend(halves, exam, untuned, before, plan=plan, say=say)
    report = {
        "plan": asdict(plan),
        "rows": len(shelf.rows),
        "asks": len(pairs),
        "held_out": len(exam.pairs),
        "on": on.isoformat(),
        "before": before,
        **tried,
    }
    _save(halves, source, folder, report)
    return report


class _Run:
    """The training itself: epochs over pairs, sentence batches and passage batches mixed."""

    def __init__(
        self,
        halves: Halves,
        shelf: Shelf,
        pairs: Sequence[Pair],
        exam: Exam,
        *,
        plan: Plan,
        kept: Path,
        say: Say,
    ) -> None:
        import torch  # noqa: PLC0415

        self._halves, self._shelf, self._pairs, self._exam = halves, shelf, pairs, exam
        self._plan, self._kept, self._say = plan, kept, say
        self._hidden = halves.lower([r.text for r in shelf.rows], tokens=ROW_TOKENS)
        targets = {t for p in pairs for t in (p.sentence, p.passage)}
        self._rivals = {t: torch.from_numpy(shelf.rivals(t)) for t in targets}
        self._optimizer = torch.optim.AdamW(
            halves.above.parameters(), lr=plan.rate, weight_decay=plan.decay
        )

    def train(self) -> None:
        """Run the epochs that are left, keeping the state after each."""
        import torch  # noqa: PLC0415

        begun = time.monotonic()
        first = self._resume()
        for epoch in range(first, self._plan.epochs):
            spent = (time.monotonic() - begun) / 60
            if epoch > first and spent * (epoch - first + 1) / (epoch - first) > self._plan.minutes:
                self._say(f"stopped before epoch {epoch + 1}: {spent:.1f} minutes are spent")
                break
            loss = self._epoch(epoch)
            spent = (time.monotonic() - begun) / 60
            self._say(f"epoch {epoch + 1}: loss {loss:.3f}, {spent:.1f} min,"
                      f" {self._exam.handbook()}")  # fmt: skip
            state = {
                "epochs": epoch + 1,
                "above": self._halves.above.state_dict(),
                "optimizer": self._optimizer.state_dict(),
            }
            partial = self._kept.with_suffix(".partial")
            torch.save(state, partial)
            partial.replace(self._kept)

    def _resume(self) -> int:
        import torch  # noqa: PLC0415

        if not self._kept.exists():
            return 0
        state = torch.load(self._kept, weights_only=True)
        self._halves.above.load_state_dict(state["above"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._say(f"going on after epoch {state['epochs']}")
        return int(state["epochs"])

    def _epoch(self, epoch: int) -> float:
        """Return the mean loss of one pass."""
        import torch  # noqa: PLC0415

        rng = random.Random(f"{self._plan.seed}/{epoch}")  # noqa: S311 - a seed, not a secret
        torch.manual_seed(self._plan.seed + epoch)
        bank = self._halves.rows(self._hidden)  # every row, as old as this epoch
        self._halves.above.train()
        batches = self._batches(rng)
        losses = []
        for number, batch in enumerate(batches):
            done = (epoch + number / len(batches)) / self._plan.epochs
            for group in self._optimizer.param_groups:
                group["lr"] = self._plan.rate * _slope(done, self._plan.warm_up)
            loss = self._loss(rng, batch, bank)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call,unused-ignore]
            torch.nn.utils.clip_grad_norm_(self._halves.above.parameters(), 1.0)
            self._optimizer.step()
            losses.append(float(loss))
            if number % 20 == 0:
                self._say(f"  {number}/{len(batches)}: {np.mean(losses[-20:]):.3f}")
        return float(np.mean(losses))

    def _batches(self, rng: random.Random) -> list[list[tuple[str, int]]]:
        """Return (ask, row) pairs in batches, each of sentences only or of passages only."""
        size, rows = self._plan.batch, self._shelf.rows
        said = [p for p in self._pairs
                for _ in range(self._plan.again if rows[p.sentence].language == "es" else 1)]  # fmt: skip
        # A passage is cut at ROW_TOKENS: an answer behind the cut would teach nonsense.
        seen = [p for p in self._pairs
                if rows[p.sentence].sentence in rows[p.passage].text[: ROW_TOKENS * 4]]  # fmt: skip
        wide = rng.sample(seen, min(len(seen), round(len(said) * self._plan.passages)))
        parts = [[(p.ask, p.sentence) for p in said], [(p.ask, p.passage) for p in wide]]
        made = []
        for part in parts:
            rng.shuffle(part)
            made += [part[i : i + size] for i in range(0, len(part) - size // 2, size)]
        rng.shuffle(made)
        return made

    def _loss(
        self, rng: random.Random, batch: Sequence[tuple[str, int]], bank: torch.Tensor
    ) -> torch.Tensor:
        """Return InfoNCE of asks to rows: the batch's rows with gradients, all others without."""
        import torch  # noqa: PLC0415

        texts = [self._shelf.typed(rng, ask) for ask, _ in batch]
        at = torch.tensor([row for _, row in batch])
        asks = self._halves.upper(self._halves.lower(texts, tokens=ASK_TOKENS))
        rows = self._halves.upper([self._hidden[row] for _, row in batch])
        wrong = torch.stack([self._rivals[row] for _, row in batch])
        fresh = (asks @ rows.T / self._plan.temperature).masked_fill(~wrong[:, at], -math.inf)
        right = (asks * rows).sum(1) / self._plan.temperature
        in_batch = torch.zeros(len(bank), dtype=torch.bool)
        in_batch[at] = True
        old = (asks @ bank.T / self._plan.temperature).masked_fill(~wrong | in_batch, -math.inf)
        return (torch.cat([right[:, None], fresh, old], dim=1).logsumexp(1) - right).mean()


def _blend(
    halves: Halves,
    exam: Exam,
    untuned: dict[str, torch.Tensor],
    before: dict[str, Any],
    *,
    plan: Plan,
    say: Say,
) -> dict[str, Any]:
    """Leave in `halves` the blend with the best held-out hit@1 that costs the manual nothing."""
    tuned = halves.weights()
    best: dict[str, Any] = {"alpha": 0.0, "after": before}
    tried = []
    for alpha in plan.blends:
        _load_blend(halves, untuned, tuned, alpha)
        after = {"handbook": exam.handbook(), "manual_qa": exam.manual()}
        say(f"alpha {alpha}: {after}")
        tried.append({"alpha": alpha, **after})
        kept = all(after["manual_qa"][k] >= before["manual_qa"][k] for k in before["manual_qa"])
        gained = after["handbook"]["all"]["hit@1"] > best["after"]["handbook"]["all"]["hit@1"]
        if kept and gained:
            best = {"alpha": alpha, "after": after}
    _load_blend(halves, untuned, tuned, best["alpha"])
    return {**best, "tried": tried}


def _load_blend(
    halves: Halves,
    untuned: dict[str, torch.Tensor],
    tuned: dict[str, torch.Tensor],
    alpha: float,
) -> None:
    mixed = {name: (1 - alpha) * untuned[name] + alpha * tuned[name] for name in tuned}
    halves.above.load_state_dict(mixed)


def _save(halves: Halves, source: Path, folder: Path, report: dict[str, Any]) -> None:
    halves.model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    with replaced(folder / "figures.json") as file:
        file.write(json.dumps(report, indent=2) + "\n")


def _manual(folder: Path) -> tuple[list[str], list[str], NDArray[np.bool_]]:
    """Return section texts, questions, and (questions, sections) which answers which."""
    try:
        sections, questions = (
            [json.loads(x) for x in (folder / name).read_text(encoding="utf-8").splitlines()]
            for name in ("sections.jsonl", "questions.jsonl")
        )
    except OSError as error:
        raise BadInput(f"Cannot read the manual: {error}.") from error
    asked = [q for q in questions if q["gold_sections"]]
    gold = np.array([[s["id"] in q["gold_sections"] for s in sections] for q in asked])
    texts = [f"{s['title']}: {s['text']}" for s in sections]
    return texts, [fold_question(q["question"]) for q in asked], gold


def fold_question(text: str) -> str:
    """Return a question of the manual with its spaces collapsed; the chain's lexicon is not its."""
    return " ".join(text.split())


def _ranks(score: NDArray[np.float32], right: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return, (asks,), how many wrong rows come before the best right one."""
    best = np.where(right, score, -np.inf).max(axis=1, keepdims=True)
    ranks: NDArray[np.int64] = ((score > best) & ~right).sum(axis=1)
    return ranks


def _figures(ranks: NDArray[np.int64]) -> dict[str, float]:
    if not len(ranks):
        return {"asks": 0.0}
    return {
        "hit@1": round(float((ranks < 1).mean()), 4),
        "hit@5": round(float((ranks < 5).mean()), 4),
        "MRR": round(float((1 / (ranks + 1)).mean()), 4),
    }


def _through(layers: Any, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    import torch  # noqa: PLC0415

    blocked = (1 - mask[:, None, None, :]) * torch.finfo(torch.float32).min
    for layer in layers:
        hidden = layer(hidden, blocked)[0]
    return hidden


def _padded(rows: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows padded to the longest, and (rows, longest) 1.0 where they are."""
    import torch  # noqa: PLC0415

    padded = torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
    length = torch.tensor([len(r) for r in rows])
    mask = (torch.arange(padded.shape[1])[None] < length[:, None]).float()
    return padded, mask


def _by_length(lengths: Sequence[int]) -> list[list[int]]:
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    return [order[i : i + CHUNK] for i in range(0, len(order), CHUNK)]


def _slope(done: float, warm_up: float) -> float:
    """Return the share of the peak rate: up in a straight line, then down along a cosine."""
    if done < warm_up:
        return (done + 1e-3) / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))
