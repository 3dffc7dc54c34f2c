"""The vocabulary of a Hugging Face tokenizer: read as a store reads it, and written into a GGUF.

Byte-level BPE only. What llama.cpp splits differently is refused by name, not guessed.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gguf import GGUFReader, GGUFWriter, TokenType
from tokenizers import Tokenizer

from appliance.engines.llama_vocab import defused
from appliance.errors import BadInput, EngineError
from models.hf_base import TOKENIZER, HfBase
from models.tokenizer import QWEN2

LLAMA3 = QWEN2.replace(r"|\p{N}| ?", r"|\p{N}{1,3}| ?")
# llama.cpp's name of how text is split before merging -> the pattern it uses then.
# Source: llama.cpp, src/llama-vocab.cpp, llm_tokenizer_bpe.
SPLITS = {QWEN2: "qwen2", LLAMA3: "llama-bpe"}


class BaseVocabulary:
    """A base's tokenizer behind the port of a served model; says what `LlamaVocabulary` says."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._plain = Tokenizer.from_str(tokenizer.to_str())
        self._plain.encode_special_tokens = True  # text that spells a control token stays text
        added = tokenizer.get_added_tokens_decoder()
        self._named = {token.content: number for number, token in added.items()}
        # Those that are not special would be matched in plain text; a store cuts them apart.
        self._user_defined = [t.content for _, t in sorted(added.items()) if not t.special]

    @classmethod
    def of(cls, base: HfBase) -> BaseVocabulary:
        """Return the vocabulary of a base."""
        return cls(base.tokenizer())

    def tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        """Return token ids, no BOS added; with `special=False` none of them is a control token."""
        if special:
            return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)
        parts = defused(text, self._user_defined)
        ids = (self._plain.encode(part, add_special_tokens=False).ids for part in parts)
        return tuple(itertools.chain.from_iterable(ids))

    def text(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens by their names."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=False))

    def token_id(self, name: str) -> int:
        """Return the id of a control token.

        Raises:
            EngineError: There is no such token.
        """
        if name not in self._named:
            raise EngineError(
                f"The base has no token {name!r}.",
                hint="Run: backroom models fit BASE --out FITTED, and train on FITTED.",
            )
        return self._named[name]


def tokens_of(base: HfBase) -> list[str]:
    """Return the name of every row of the embedding; rows no token uses are `[PAD…]`."""
    names = [f"[PAD{i}]" for i in range(base.sizes.vocabulary)]
    for name, number in base.tokenizer().get_vocab().items():
        names[number] = name
    return names


def write_vocabulary(writer: GGUFWriter, base: HfBase) -> None:
    """Add a base's vocabulary to a GGUF.

    Raises:
        BadInput: It is no byte-level BPE that llama.cpp splits in the same way.
    """
    table = json.loads(base.tokenizer().to_str())
    split = split_name(table, base.folder / TOKENIZER)
    kinds = [TokenType.NORMAL] * base.sizes.vocabulary
    tokens = tokens_of(base)
    for number, token in enumerate(tokens):
        if token == f"[PAD{number}]":
            kinds[number] = TokenType.UNUSED
    for added in table["added_tokens"]:
        kinds[added["id"]] = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
    merges = [m if isinstance(m, str) else " ".join(m) for m in table["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    for key, add in (("bos", writer.add_bos_token_id), ("eos", writer.add_eos_token_id)):
        if (named := token_number(base.config, key)) is not None:
            add(named)
    first = base.tokenizer().encode("a").ids
    writer.add_add_bos_token(bool(first) and first[0] == token_number(base.config, "bos"))
    if template := chat_template(base.folder):
        writer.add_chat_template(template)


def token_number(config: Mapping[str, Any], key: str) -> int | None:
    """Return the id of `bos` or `eos`; the first where the configuration names several."""
    found = config.get(f"{key}_token_id")
    return found[0] if isinstance(found, list) else found


def chat_template(folder: Path) -> str:
    """Return the base's own chat template, or ''."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return ""
    found = json.loads(path.read_text(encoding="utf-8")).get("chat_template", "")
    return found if isinstance(found, str) else ""


def split_name(table: Mapping[str, Any], path: Path) -> str:
    """Return llama.cpp's name of a tokenizer's way to split text.

    Raises:
        BadInput: It is no byte-level BPE, or splits in a way that is not known here.
    """
    if table["model"]["type"] != "BPE" or table["model"].get("byte_fallback"):
        raise BadInput(
            f"{path} is a {table['model']['type']} tokenizer with bytes as a fallback or no BPE; "
            "expected byte-level BPE.",
            hint="Choose a base with a byte-level tokenizer (Llama 3, Qwen 2, Qwen 3).",
        )
    before = table.get("pre_tokenizer") or {}
    steps = before.get("pretokenizers", [before])
    if [s.get("type") for s in steps] == ["ByteLevel"] and steps[0].get("use_regex", True):
        return "gpt-2"
    if [s.get("type") for s in steps] == ["Split", "ByteLevel"]:
        pattern = steps[0]["pattern"].get("Regex", "")
        if pattern in SPLITS:
            return SPLITS[pattern]
    raise BadInput(
        f"{path} splits text in a way that is not known to be llama.cpp's: "
        f"{json.dumps(before)[:160]}",
        hint="Known: GPT-2, Llama 3, Qwen 2 and 3.",
    )


def check_same_vocabulary(base: HfBase, gguf: Path) -> None:
    """Check that a GGUF has the base's own vocabulary, token for token.

    Raises:
        BadInput: Another size, or another token at some id: what is trained on one would be
            nonsense to the other.
    """
    fields = GGUFReader(str(gguf)).fields
    field = fields.get("tokenizer.ggml.tokens")
    theirs = [bytes(field.parts[i]).decode("utf-8", "replace") for i in field.data] if field else []
    ours = tokens_of(base)
    hint = "Take the folder and the GGUF of one and the same base."
    if len(theirs) != len(ours):
        raise BadInput(
            f"Mixed tokenizers: {gguf} has {len(theirs):,} tokens, {base.folder} {len(ours):,}.",
            hint=hint,
        )
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine != other and not mine.startswith("[PAD"):
            raise BadInput(
                f"Mixed tokenizers: token {number} is {other!r} in {gguf}, {mine!r} in "
                f"{base.folder}.",
                hint=hint,
            )
