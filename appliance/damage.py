"""What was found where a file should hold something else, in words.

The text of an exception is written for whoever wrote the program; a message that leaves Backroom is
read in a store. `found` completes "expected …, found …".
"""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
import zlib
from pathlib import Path

# What numpy raises over a file that is missing, cut short, empty or of another kind.
BROKEN_ARRAYS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
)

# Where the reader of TOML stopped; it tells the place in its text alone.
_PLACE = re.compile(r"\(at (?P<place>[^()]*)\)$")


def found(exc: Exception, *, path: Path | None = None) -> str:
    """Return what an exception over a file's content came upon.

    Args:
        exc: Raised by reading or parsing the file.
        path: The file; its length is told where the exception knows nothing better.
    """
    match exc:
        case FileNotFoundError():
            said = "no such file"
        case OSError():
            said = f"a file that cannot be read ({exc.strerror or 'no reason given'})"
        case UnicodeDecodeError():
            said = f"a byte that is no UTF-8 text at {exc.start:,}"
        case json.JSONDecodeError():
            said = f"text that is no JSON at line {exc.lineno}, column {exc.colno}"
        case tomllib.TOMLDecodeError():
            stopped = _PLACE.search(str(exc))
            said = f"text that is no TOML at {stopped['place'] if stopped else 'some line'}"
        case RecursionError():
            said = "values nested too deeply"
        case KeyError():
            said = f"no {exc.args[0]!r}"
        case _ if path is not None:
            said = f"{path.stat().st_size:,} bytes that are cut short or of another kind"
        case _:
            said = "values of another kind"
    return said
