"""`backroom models fit | finetune | convert | export`: any base, and everything out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

BaseArgument = Annotated[Path, typer.Argument(help="A Hugging Face folder: llama, qwen2, qwen3.")]
out = Console(highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the `models` group."""
    app.command("fit")(fit)
    app.command("finetune")(finetune)
    app.command("convert")(convert)
    app.command("export")(export)


def fit(
    base: BaseArgument,
    target: Annotated[Path, typer.Option("--out", help="The fitted folder.")],
    seed: Annotated[int, typer.Option(help="Of what keeps new tokens apart.")] = 1,
) -> None:
    """Give a base the store's control tokens; once, before anything is trained on it."""
    from models.fit import fit as make  # noqa: PLC0415
    from models.hf_base import read_base  # noqa: PLC0415

    read = read_base(make(base, target, seed=seed))
    out.print(f"{target}: {read.family}, {read.sizes.vocabulary:,} tokens")


def finetune(  # noqa: PLR0917 - typer reads options off the arguments
    base: BaseArgument,
    pairs: Annotated[Path, typer.Argument(help="Labelled pairs; see models/pairs.py.")],
    target: Annotated[Path, typer.Option("--out", help="A cut run goes on from it.")],
    gguf: Annotated[Path | None, typer.Option(help="The base's own GGUF, to check.")] = None,
    rank: Annotated[int, typer.Option(help="Of the adapter.")] = 8,
    alpha: Annotated[float, typer.Option(help="Its strength, over the rank.")] = 16.0,
    rate: Annotated[float, typer.Option(help="Of learning.")] = 1e-3,
    steps: Annotated[int, typer.Option(help="How many.")] = 60,
    batch: Annotated[int, typer.Option(help="Pairs a step, of all processes together.")] = 16,
    at_once: Annotated[int, typer.Option(help="Pairs a forward pass.")] = 8,
    dropout: Annotated[float, typer.Option(help="Of the adapter's input.")] = 0.0,
    precision: Annotated[str, typer.Option(help="no, or bf16 on GPUs that have it.")] = "no",
    keep_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 20,
    seed: Annotated[int, typer.Option(help="Of the start and the order.")] = 1,
) -> None:
    """Train a LoRA adapter; under torchrun the same command shares each step's pairs out."""
    from models.finetune import finetune as train  # noqa: PLC0415
    from models.lora import LoraSettings  # noqa: PLC0415

    settings = LoraSettings(
        rank=rank, alpha=alpha, rate=rate, steps=steps, batch=batch, at_once=at_once,
        dropout=dropout, precision=precision, keep_every=keep_every, seed=seed,
    )  # fmt: skip
    done = train(base, pairs, target, settings=settings, gguf=gguf, say=out.print)
    if done.leads:
        out.print(
            f"{done.adapter}: {done.parameters:,} parameters, loss {done.losses[0]:.4f} to "
            f"{done.losses[-1]:.4f} in {done.steps} steps and {done.seconds:g} s"
        )


def convert(
    base: BaseArgument,
    target: Annotated[Path, typer.Option("--out", help="The GGUF.")],
    adapter: Annotated[Path | None, typer.Option(help="Write this PEFT adapter instead.")] = None,
    merged: Annotated[
        Path | None, typer.Option(help="Add this PEFT adapter into the base first.")
    ] = None,
    quantized: Annotated[bool, typer.Option("--q8", help="Quantize to Q8_0.")] = False,
) -> None:
    """Write a base, an adapter over it, or both merged, as GGUF."""
    import tempfile  # noqa: PLC0415

    from models.export import quantize  # noqa: PLC0415
    from models.hf_gguf import adapter_to_gguf, to_gguf  # noqa: PLC0415
    from models.merge import merge  # noqa: PLC0415

    if adapter is not None:
        adapter_to_gguf(adapter, base, target)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as beside:
            source = merge(base, merged, Path(beside) / "merged") if merged else base
            full = to_gguf(source, Path(beside) / "f32.gguf" if quantized else target)
            if quantized:
                quantize(full, target)
    out.print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


def export(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    to: Annotated[str, typer.Option("--to", help="gguf, onnx, safetensors, ollama or jsonl.")],
    target: Annotated[Path | None, typer.Option("--out", help="Default: RUN/left/FORMAT.")] = None,
) -> None:
    """Write what a run made in an open format."""
    from models.leave import export_run  # noqa: PLC0415

    for left in export_run(run, to, target or run / "left" / to):
        out.print(f"{left.path}  {left.bytes:,} bytes  {left.sha256[:12]}")
