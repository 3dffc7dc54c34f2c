"""Train the specialist's own tokenizer: byte-level BPE with single digits and control tokens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from appliance.errors import BadInput, EngineError
from appliance.lanes.prompt import CONTROLS

# llama.cpp splits with this very pattern under `tokenizer.ggml.pre = qwen2`; digits stand alone.
# Source: llama.cpp, src/llama-vocab.cpp, LLAMA_VOCAB_PRE_TYPE_QWEN2.
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(texts: Iterable[str], *, vocabulary: int) -> Tokenizer:
    """Return a tokenizer of exactly `vocabulary` tokens, control tokens last.

    Raises:
        BadInput: The texts are too few for that many tokens.
    """
    tokenizer = splitting(Tokenizer(models.BPE()))
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(CONTROLS),
        min_frequency=2,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(list(CONTROLS))
    if tokenizer.get_vocab_size() != vocabulary:
        raise BadInput(
            f"The texts gave {tokenizer.get_vocab_size():,} tokens, not {vocabulary:,}.",
            hint="Lower `vocabulary` in the recipe or give more text.",
        )
    return tokenizer


def splitting(tokenizer: Tokenizer) -> Tokenizer:
    """Return the tokenizer, made to split and join text as llama.cpp does."""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


class TrainedVocabulary:
    """A tokenizer of ours behind the same port as a served model."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._plain = Tokenizer.from_str(tokenizer.to_str())
        self._plain.encode_special_tokens = True  # text that spells a control token stays text
        self._ids = {name: tokenizer.token_to_id(name) for name in CONTROLS}
        self._cache: dict[str, tuple[int, ...]] = {}

    @classmethod
    def read(cls, path: Path) -> TrainedVocabulary:
        """Return the vocabulary of a tokenizer.json."""
        return cls(Tokenizer.from_file(str(path)))

    @property
    def size(self) -> int:
        """Number of tokens."""
        return int(self.tokenizer.get_vocab_size())

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids; with `special=False` text can never become a control token."""
        if special:
            return tuple(self.tokenizer.encode(text).ids)
        if text not in self._cache:
            if len(self._cache) > 200_000:
                self._cache.clear()
            self._cache[text] = tuple(self._plain.encode(text).ids)
        return self._cache[text]

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens by their names."""
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))

    def token_id(self, name: str) -> int:
        """Return the id of a control token.

        Raises:
            EngineError: There is no such token.
        """
        if name not in self._ids:
            raise EngineError(f"The tokenizer has no token {name!r}.")
        return int(self._ids[name] or 0)
