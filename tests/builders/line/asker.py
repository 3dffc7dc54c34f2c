"""Asks a server where it lives: `python -m tests.builders.line.asker URL`, a line of JSON a call.

A line in is `[method, path, body or null]`; a line out is `[status, answer]`, status 0 for none.
"""

from __future__ import annotations

import json
import sys

import httpx

if __name__ == "__main__":
    with httpx.Client(base_url=sys.argv[1], timeout=60.0) as client:
        print("ready", flush=True)
        for line in sys.stdin:
            method, path, body = json.loads(line)
            try:
                answer = client.request(method, path, json=body)
                print(json.dumps([answer.status_code, answer.json()]), flush=True)
            except (httpx.HTTPError, ValueError) as exc:
                print(json.dumps([0, repr(exc)]), flush=True)
