"""A MiniLM cut in two: layers that stay as they are, and layers that learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.errors import BadInput

if TYPE_CHECKING:
    import torch

CHUNK = 32  # texts in one run without gradients


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
