"""What goes wrong at headquarters, beside `appliance.errors`."""

from __future__ import annotations

from appliance.errors import BackroomError


class LedgerError(BackroomError):
    """The hub's database could not be read or written; nothing was acknowledged."""

    code = "ledger_error"


class LedgerFull(LedgerError):
    """The disk under the database or the blobs is full; nothing was acknowledged."""

    code = "disk_full"
