"""Read the header of a GGUF file: is it whole, and what does it say it is.

It proves that the file has the length its header promises, not that its weights are sound; that is
the release's sha256.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.errors import DamagedRelease

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32

_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q"}
_SCALARS[12] = "d"

# ggml type -> (weights in a block, bytes of a block). A type that is not here is not measured.
# Source: gguf.constants.GGML_QUANT_SIZES, gguf 0.19.
_BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 40),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
}

Scalar = int | float | bool | str


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about itself."""

    size_bytes: int
    tensors: int
    fields: Mapping[str, Scalar]  # scalars and strings; arrays are stepped over

    @property
    def architecture(self) -> str:
        """`llama`, `qwen3`, …; '' when the file does not say."""
        return str(self.fields.get("general.architecture", ""))

    @property
    def name(self) -> str:
        """The model's own name, or ''."""
        return str(self.fields.get("general.name", ""))

    @property
    def kind(self) -> str:
        """`model`, `adapter`, `vocab`, …; a file that does not say is a model."""
        return str(self.fields.get("general.type", "model"))


def read_header(path: Path) -> GgufHeader:
    """Read and measure a GGUF file.

    Raises:
        DamagedRelease: Missing, empty, not a GGUF, or shorter than its header says.
    """
    hint = "Fetch the release again."
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise DamagedRelease(f"{path} is not a file; expected a GGUF model.", hint=hint)
        with path.open("rb") as file:
            start = file.read(8)
            if start[:4] != MAGIC:
                raise DamagedRelease(
                    f"{path} is not a GGUF: it starts with {start[:4]!r}, expected {MAGIC!r}.",
                    hint=hint,
                )
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return _parse(path, view, size)
    except FileNotFoundError as error:
        raise DamagedRelease(f"{path} is missing.", hint=hint) from error
    except OSError as error:
        raise DamagedRelease(f"{path} cannot be read: {error.strerror}.", hint=hint) from error


def _parse(path: Path, view: mmap.mmap, size: int) -> GgufHeader:
    reader = _Reader(view, size)
    hint = "The copy was cut short. Fetch the release again."
    try:
        version, tensors, count = reader.header()
        if version not in VERSIONS:
            raise DamagedRelease(
                f"{path} is GGUF version {version}; expected one of {VERSIONS}.",
                hint="Convert the model again with a current llama.cpp.",
            )
        fields = reader.fields(count)
        needed = reader.tensors_end(tensors, fields)
    except (struct.error, _EndOfFile) as error:
        raise DamagedRelease(
            f"{path} is cut at {size:,} bytes, inside its header.", hint=hint
        ) from error
    except (UnicodeDecodeError, KeyError) as error:
        raise DamagedRelease(
            f"{path} has a garbled GGUF header near byte {reader.at:,}.", hint=hint
        ) from error
    if needed > size:
        raise DamagedRelease(
            f"{path} is cut at {size:,} bytes; its header promises {needed:,}.", hint=hint
        )
    return GgufHeader(size_bytes=size, tensors=tensors, fields=fields)


class _EndOfFile(Exception):
    """A read went past the last byte."""


class _Reader:
    """A cursor over the header's bytes; every move is checked against the file's end."""

    def __init__(self, view: mmap.mmap, size: int) -> None:
        self._view = view
        self._size = size
        self.at = len(MAGIC)

    def header(self) -> tuple[int, int, int]:
        """Return version, tensor count and field count."""
        return self._scalar("I"), self._scalar("Q"), self._scalar("Q")

    def fields(self, count: int) -> dict[str, Scalar]:
        """Read `count` key-value pairs; arrays are stepped over."""
        found: dict[str, Scalar] = {}
        for _ in range(count):
            key = self._string()
            kind = self._scalar("I")
            if kind == _ARRAY:
                self._skip_array()
            elif kind == _STRING:
                found[key] = self._string()
            else:
                found[key] = self._value(_SCALARS[kind])
        return found

    def tensors_end(self, count: int, fields: Mapping[str, Scalar]) -> int:
        """Return the file length that `count` tensor records promise, in bytes."""
        end = 0
        for _ in range(count):
            self._string()
            shape = [self._scalar("Q") for _ in range(self._scalar("I"))]
            kind, offset = self._scalar("I"), self._scalar("Q")
            weights = 1
            for dim in shape:
                weights *= dim
            block, size = _BLOCKS.get(kind, (1, 0))
            end = max(end, offset + weights // block * size)
        step = int(fields.get("general.alignment", DEFAULT_ALIGNMENT)) or DEFAULT_ALIGNMENT
        return -(-self.at // step) * step + end

    def _skip_array(self) -> None:
        kind, count = self._scalar("I"), self._scalar("Q")
        if kind == _STRING:
            skip: Callable[[], object] = self._skip_string
        elif kind == _ARRAY:
            skip = self._skip_array
        else:
            self._move(count * struct.calcsize(_SCALARS[kind]))
            return
        for _ in range(count):
            skip()

    def _string(self) -> str:
        length = self._scalar("Q")
        start = self.at
        self._move(length)
        return self._view[start : self.at].decode("utf-8")

    def _skip_string(self) -> None:
        self._move(self._scalar("Q"))

    def _scalar(self, code: str) -> int:
        return int(self._value(code))

    def _value(self, code: str) -> int | float | bool:
        start = self.at
        self._move(struct.calcsize(code))
        value: int | float | bool = struct.unpack_from(f"<{code}", self._view, start)[0]
        return value

    def _move(self, count: int) -> None:
        if self.at + count > self._size:
            raise _EndOfFile
        self.at += count
