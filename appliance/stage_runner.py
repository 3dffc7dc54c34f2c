"""One stage over a file of asks; what comes before it runs too, what comes after does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.codec import to_plain
from appliance.errors import BackroomError, BadInput
from appliance.files import replaced
from appliance.records import Admitted, Prepared, Role, Routed, Stitched

if TYPE_CHECKING:
    from appliance.backroom import Store

STAGES = ("prepare", "admit", "route", "stitch")


def run_stage(store: Store, name: str, *, source: Path, target: Path) -> tuple[int, int]:
    """Run a stage over `source`, write `target` whole; return (records, lines with an error).

    Raises:
        BadInput: `source` cannot be read.
    """
    return run_lines(lambda fields: _record(store, name, fields), source=source, target=target)


def run_lines(
    make: Callable[[dict[str, Any]], Mapping[str, Any]], *, source: Path, target: Path
) -> tuple[int, int]:
    """Make a record of every line of `source`, write `target` whole; return (records, errors).

    Args:
        make: A line's fields, "text" a text among them -> the record, without its "id".
        source: JSONL.
        target: JSONL: a record or an "error" for each line, in order.

    Raises:
        BadInput: `source` cannot be read.
    """
    done = failed = 0
    try:
        lines = source.read_bytes().splitlines()
    except OSError as exc:
        raise BadInput(f"{source} cannot be read: {exc.strerror}.", hint="Check --in.") from exc
    with replaced(target) as file:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            record = _one(make, line, number)
            failed += "error" in record
            done += "error" not in record
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
    return done, failed


def _one(
    make: Callable[[dict[str, Any]], Mapping[str, Any]], line: bytes, number: int
) -> dict[str, Any]:
    identity: Any = None
    try:
        fields = json.loads(line.decode("utf-8"))
        if not isinstance(fields, dict):
            raise BadInput('not an object with "id" and "text".')
        identity = fields.get("id")
        if identity is None:
            raise BadInput('it has no "id".')
        if not isinstance(fields.get("text"), str):
            raise BadInput('"text" is not a text.')
        return {"id": identity, **make(fields)}
    except RecursionError:
        return {"id": identity, "error": f"line {number}: nested too deeply to be an ask"}
    except (ValueError, BackroomError) as exc:
        return {"id": identity, "error": f"line {number}: {exc}"}


def _record(store: Store, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    role = Role(fields.get("role") or Role.ASSOCIATE)
    ask = store.make_ask(fields["text"], role=role, thread=str(fields.get("thread") or ""))
    stages = store.pipeline
    prepared = stages.prepare(ask)
    if name == "prepare":
        return _prepared(prepared)
    admitted = stages.admit(prepared)
    if name == "admit":
        return _admitted(admitted)
    routed = stages.route(admitted)
    return _routed(routed) if name == "route" else _stitched(stages.stitch(routed))


def _prepared(record: Prepared) -> dict[str, Any]:
    return {
        "masked": record.masked,
        "spans": to_plain(record.spans),
        **_plain_fields(record.query, "text", "standalone", "language", "entities", "subject"),
        "is_follow_up": record.query.is_follow_up,
    }


def _admitted(record: Admitted) -> dict[str, Any]:
    grant = record.grant
    return {
        **_plain_fields(grant, "allowed", "rule", "message", "audiences", "families", "fired"),
        "injection": grant.injection,
        "injected": grant.is_injected,
    }


def _routed(record: Routed) -> dict[str, Any]:
    return _plain_fields(record, "intent", "in_scope", "lanes", "reasons", "subject", "card")


def _stitched(record: Stitched) -> dict[str, Any]:
    return _plain_fields(record.evidence, "passages", "facts", "values", "missing", "excerpts")


def _plain_fields(record: object, *names: str) -> dict[str, Any]:
    return {name: to_plain(getattr(record, name)) for name in names}
