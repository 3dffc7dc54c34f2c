"""Sentence embeddings with onnxruntime: text to unit vectors, on the CPU."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from tokenizers import Tokenizer

from appliance.errors import DamagedRelease
from appliance.ports import Vectors

MAX_TOKENS = 256  # all-MiniLM-L6-v2 was trained to this length; what follows is not seen
MAX_CHARACTERS = 8_000  # 256 tokens never need more; a 100 kB ask must not be tokenised whole
_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_HINT = "Fetch the release again, or make the embedder with: backroom models embedder --help"
_CODES = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:Load model from .*? failed:)?")
ORT_ERRORS = (
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
    RuntimeError,
    ValueError,
)


class OnnxEmbedder:
    """A folder with embedder.onnx and tokenizer.json, loaded; safe to call from many threads.

    Texts are run one by one, never padded into a batch: the int8 graph scales its activations by
    the largest value in the whole batch, so a text's vector would depend on what it was batched
    with, and an index build that was interrupted would differ from one that was not. Test:
    unit/engines/test_onnx.py. Two workers on single texts are as fast as batches on a CPU.
    """

    def __init__(self, folder: Path, *, threads: int = 1, workers: int = 2) -> None:
        """Load the model.

        Args:
            folder: Where embedder.onnx and tokenizer.json lie.
            threads: Threads inside one run; 1 is quickest for one short ask beside other work.
            workers: Texts embedded at the same time by one `embed` of many.

        Raises:
            DamagedRelease: A file is missing, cut short or not an embedder.
        """
        model = folder / "embedder.onnx"
        tokenizer = folder / "tokenizer.json"
        for path in (model, tokenizer):
            if not path.is_file():
                raise DamagedRelease(f"The embedder has no {path.name} in {folder}.", hint=_HINT)
        self._tokenizer = _load_tokenizer(tokenizer)
        self._session = open_session(model, threads=threads, hint=_HINT)
        self._names = {i.name for i in self._session.get_inputs()}
        if not {"input_ids", "attention_mask"} <= self._names <= _INPUTS:
            raise DamagedRelease(
                f"{model} takes {sorted(self._names)}; an embedder takes {sorted(_INPUTS)}.",
                hint=_HINT,
            )
        self._workers = max(1, workers)
        self._digest = _digest(model, tokenizer)
        self._dim = self._probe(model)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return self._dim

    @property
    def digest(self) -> str:
        """Sixteen hex digits that change when the model or its tokenizer does."""
        return self._digest

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one unit row per text, shape (len(texts), dim); the same text, the same row."""
        if not texts:
            return np.zeros((0, self._dim), dtype=np.float32)
        if len(texts) == 1 or self._workers == 1:
            return np.stack([self._one(text) for text in texts])
        # Longest first, so that no worker is left alone with a long text at the end.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        rows = np.empty((len(texts), self._dim), dtype=np.float32)
        with ThreadPoolExecutor(self._workers) as pool:
            for i, row in zip(order, pool.map(self._one, (texts[i] for i in order)), strict=True):
                rows[i] = row
        return rows

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens the model would see, special ones included."""
        return len(self._tokenizer.encode(clean(text)).ids)

    def _one(self, text: str) -> NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(clean(text)).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if "token_type_ids" in self._names:
            feed["token_type_ids"] = np.zeros_like(ids)
        hidden = self._session.run(None, feed)[0]
        row: NDArray[np.float32] = hidden[0].mean(axis=0, dtype=np.float32)
        return row / max(float(np.linalg.norm(row)), 1e-12)

    def _probe(self, model: Path) -> int:
        """Run once; a graph of another kind is found here, not at a customer's ask."""
        try:
            ids = np.array([self._tokenizer.encode("a").ids], dtype=np.int64)
            feed = {name: np.ones_like(ids) for name in self._names}
            hidden = self._session.run(None, feed)[0]
        except ORT_ERRORS as error:
            raise DamagedRelease(
                f"{model} loads, but onnxruntime does not run it: {reason(error)}", hint=_HINT
            ) from error
        if hidden.ndim != 3 or not np.isfinite(hidden).all():
            raise DamagedRelease(
                f"{model} gives an array of shape {hidden.shape}; (1, tokens, dim) was expected.",
                hint=_HINT,
            )
        return int(hidden.shape[-1])


def clean(text: str) -> str:
    """Return text a tokenizer can take: bounded, no NUL, no lone surrogates."""
    bounded = text[:MAX_CHARACTERS].replace("\x00", " ")
    return bounded.encode("utf-8", "replace").decode("utf-8")


def _load_tokenizer(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise DamagedRelease(
            f"{path} is not a tokenizer: expected JSON of the tokenizers library, found"
            f" {path.stat().st_size:,} bytes that it does not take ({error}).",
            hint=_HINT,
        ) from error
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def open_session(path: Path, *, threads: int, hint: str) -> onnxruntime.InferenceSession:
    """Return a graph ready to run on the CPU.

    Raises:
        DamagedRelease: The file is cut short or no graph; `hint` is what to do then.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except ORT_ERRORS as error:
        raise DamagedRelease(
            f"{path} is cut short or not an ONNX model: expected a graph, found"
            f" {path.stat().st_size:,} bytes that onnxruntime does not take ({reason(error)}).",
            hint=hint,
        ) from error


def reason(error: Exception) -> str:
    """Return onnxruntime's own sentence without its codes and the path, which we name ourselves."""
    return _CODES.sub("", str(error)).strip().rstrip(".")


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
