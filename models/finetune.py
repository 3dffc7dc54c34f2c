"""LoRA over any base: the same loop on one process or many, on CPU or GPU.

A step reads `batch` pairs whatever the number of processes, so that the curve of the loss does not
depend on it. What is trained is written as PEFT writes it; the base is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from accelerate import Accelerator
from peft import get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor
from transformers import AutoModelForCausalLM

from appliance.errors import BadInput
from appliance.files import replaced, replaced_file
from appliance.lanes.prompt import CONTROLS
from appliance.release import file_sha256
from models.examples import Example, order, read_examples, stacked
from models.hf_base import HfBase, read_base
from models.hf_vocab import BaseVocabulary, check_same_vocabulary
from models.lora import LoraSettings, lora_config, rate_share, write_adapter

ADAPTER, CHECKPOINT, LOSSES, REPORT = "adapter", "checkpoint.pt", "losses.jsonl", "report.json"
PAIRS = "pairs.jsonl"  # what it was trained on, kept with it
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class FinetuneReport:
    """What a run left."""

    adapter: Path
    steps: int
    pairs: int
    losses: tuple[float, ...]  # of every step
    parameters: int  # that were trained
    processes: int
    seconds: float
    leads: bool  # whether this process speaks for all of them
    base_sha256: str
    pairs_sha256: str


def finetune(
    base: Path,
    pairs: Path,
    out: Path,
    *,
    settings: LoraSettings | None = None,
    gguf: Path | None = None,
    say: Say = print,
) -> FinetuneReport:
    """Train a LoRA adapter; a cut run goes on from its last checkpoint.

    Under torchrun or `accelerate launch` the same call shares each step's pairs out.

    Args:
        base: A Hugging Face folder that has the store's control tokens (`models.fit`).
        pairs: As `models.pairs` reads them.
        out: Gets `adapter/` (PEFT), `losses.jsonl`, `report.json` and `checkpoint.pt`.
        settings: How; the defaults suit some hundred pairs.
        gguf: The base's own GGUF where there is one: its tokenizer must be the folder's.
        say: Where a line a checkpoint goes.

    Raises:
        BadInput: Base, pairs, settings or a checkpoint that cannot be used; a loss that is no
            number; a full disk. Message and hint name the line or step and the remedy.
    """
    settings = settings or LoraSettings()
    read = _readable(base, gguf)
    run = _Run(read, read_examples(pairs, BaseVocabulary.of(read), sizes=read.sizes), settings, out)
    run.pairs_sha256 = file_sha256(pairs)
    if run.leads:
        with replaced_file(out / PAIRS) as part:
            shutil.copyfile(pairs, part)
    run.resume()
    run.together.wait_for_everyone()
    while run.step < settings.steps:
        run.go()
        if run.step % settings.keep_every == 0 or run.step == settings.steps:
            run.keep()
            if run.leads:
                say(f"step {run.step}/{settings.steps}: loss {run.losses[-1]:.4f}")
    return run.finish()


def _readable(base: Path, gguf: Path | None) -> HfBase:
    read = read_base(base)
    if gguf is not None:
        check_same_vocabulary(read, gguf)
    have = read.tokenizer().get_vocab()
    missing = [name for name in CONTROLS if name not in have]
    if missing:
        raise BadInput(
            f"{base} has no token {missing[0]} and lacks {len(missing)} of the store's "
            f"{len(CONTROLS)} control tokens.",
            hint=f"Run: backroom models fit {base} --out FITTED, and train on FITTED.",
        )
    return read


class _Run:
    """A model, its optimizer and where they stand."""

    def __init__(
        self, base: HfBase, examples: Sequence[Sequence[Example]], settings: LoraSettings, out: Path
    ) -> None:
        self.base, self.examples, self.settings, self.out = base, examples, settings, out
        self.began, self.step = time.monotonic(), 0
        self.losses: list[float] = []
        self.pairs_sha256 = ""
        is_cpu = not torch.cuda.is_available()
        self.together = Accelerator(cpu=is_cpu, mixed_precision=settings.precision)
        self.leads = bool(self.together.is_main_process)
        torch.manual_seed(settings.seed)  # the same start in every process
        model = AutoModelForCausalLM.from_pretrained(
            str(base.folder), dtype=torch.float32, local_files_only=True
        )
        self.model = get_peft_model(model, lora_config(settings))
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(
            self.trained, lr=settings.rate, betas=(0.9, 0.95), weight_decay=settings.weight_decay
        )
        self.shared, self.optimizer = self.together.prepare(self.model, optimizer)

    def go(self) -> None:
        """Learn from the step's pairs, together with the other processes."""
        settings, count = self.settings, self.together.num_processes
        drawn = order(self.examples, settings.seed, self.step, settings.batch)
        total = sum(e.weight * e.counts(settings.word_weight) for e in drawn)
        own = drawn[self.together.process_index :: count]
        for group in self.optimizer.param_groups:
            group["lr"] = settings.rate * rate_share(settings, self.step)
        self.shared.train()
        # Dropout that a resumed run repeats.
        torch.manual_seed(settings.seed * 1_000_003 + self.step)
        said = torch.zeros((), device=self.together.device)
        cuts = [own[i : i + settings.at_once] for i in range(0, len(own), settings.at_once)]
        for number, cut in enumerate(cuts or [drawn[:1]]):
            is_last = number >= len(cuts) - 1
            with contextlib.nullcontext() if is_last else self.together.no_sync(self.shared):
                # DDP takes the mean over processes; what is wanted is the sum over all pairs.
                loss = self._loss(cut) * (bool(cuts) / total)
                self.together.backward(loss * count)
            said += loss.detach()
        self.losses.append(float(self.together.reduce(said, reduction="sum")))
        self._stop_if_not_finite()
        torch.nn.utils.clip_grad_norm_(self.trained, settings.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1

    def _loss(self, examples: Sequence[Example]) -> Tensor:
        """Return the weighted sum of the answers' cross-entropies."""
        batch = stacked(examples, self.settings.word_weight)
        tokens, wanted, weights, seen = (t.to(self.together.device) for t in batch)
        logits = self.shared(input_ids=tokens, attention_mask=seen, use_cache=False).logits
        where = weights > 0
        each = F.cross_entropy(logits[where].float(), wanted[where], reduction="none")
        return (each * weights[where]).sum()

    def _stop_if_not_finite(self) -> None:
        if math.isfinite(self.losses[-1]):
            return
        kept = self.step - self.step % self.settings.keep_every
        again = f"Lower the rate, say to {self.settings.rate / 10:g}, and run it again"
        raise BadInput(
            f"Step {self.step + 1}: the loss is {self.losses[-1]} at rate {self.settings.rate:g}.",
            hint=f"{again}: it goes on from step {kept}." if kept else f"{again}.",
        )

    def resume(self) -> None:
        """Take up the folder's checkpoint, if there is one.

        Raises:
            BadInput: It is of another run.
        """
        path = self.out / CHECKPOINT
        if not path.is_file():
            return
        kept = torch.load(path, map_location="cpu", weights_only=True)
        if kept["run"] != self._identity():
            differs = [k for k, v in self._identity().items() if kept["run"].get(k) != v]
            raise BadInput(
                f"{path} is of a run with another {' and '.join(differs)}.",
                hint="Train into another folder, or remove this one.",
            )
        set_peft_model_state_dict(self.model, kept["adapter"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.step, self.losses = int(kept["step"]), list(kept["losses"])

    def keep(self) -> None:
        """Write the checkpoint, whole."""
        if not self.leads:
            return
        kept = {
            "run": self._identity(),
            "adapter": self._state(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "losses": self.losses,
        }
        with replaced_file(self.out / CHECKPOINT) as part, part.open("wb") as file:
            try:
                torch.save(kept, file)
            except RuntimeError as error:  # torch's own name for a write that failed
                raise OSError(errno.ENOSPC, str(error).splitlines()[0]) from error

    def finish(self) -> FinetuneReport:
        """Write the adapter and the report."""
        folder = self.out / ADAPTER
        report = FinetuneReport(
            adapter=folder,
            steps=self.step,
            pairs=len(self.examples),
            losses=tuple(self.losses),
            parameters=sum(p.numel() for p in self.trained),
            processes=int(self.together.num_processes),
            seconds=round(time.monotonic() - self.began, 1),
            leads=self.leads,
            base_sha256=self.base.sha256,
            pairs_sha256=self.pairs_sha256,
        )
        if self.leads:
            write_adapter(folder, self._state(), settings=self.settings, base=self.base)
            with replaced(self.out / LOSSES) as file:
                rows = ({"step": i + 1, "loss": loss} for i, loss in enumerate(self.losses))
                file.writelines(json.dumps(row) + "\n" for row in rows)
            with replaced(self.out / REPORT) as file:
                plain = {**asdict(report), "adapter": ADAPTER, "settings": asdict(self.settings)}
                file.write(json.dumps(plain, indent=1) + "\n")
        self.together.wait_for_everyone()
        return report

    def _state(self) -> dict[str, Tensor]:
        state = get_peft_model_state_dict(self.model, save_embedding_layers=False)
        return {k: v.detach().float().cpu().contiguous() for k, v in state.items()}

    def _identity(self) -> dict[str, Any]:
        free = {"steps", "rate", "keep_every", "warmup"}
        kept = {k: v for k, v in asdict(self.settings).items() if k not in free}
        named = {**kept, "projections": list(self.settings.projections)}
        return {**named, "base": self.base.sha256, "pairs": self.pairs_sha256}
