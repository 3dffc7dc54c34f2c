#!/bin/sh
# Names what this machine lacks, with the package that brings it. Reads only; installs nothing.
PYTHON=${PYTHON:-python3}
missing=""

need() { # command, Debian package, what for
    command -v "$1" >/dev/null 2>&1 && return
    echo "missing: $1 ($3)" >&2
    missing="$missing $2"
}

need "$PYTHON" python3 "runs Backroom"
need cc gcc "compiles the model runtime, once"
need c++ g++ "compiles the model runtime, once"
need cmake cmake "builds the model runtime, once"

if command -v "$PYTHON" >/dev/null 2>&1; then
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "missing: Python 3.11 or newer; $PYTHON is $("$PYTHON" -V 2>&1)" >&2
        echo "→ On Debian 12 / Ubuntu 24.04: apt install python3. Or: make run PYTHON=python3.12" >&2
        exit 1
    }
    "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || {
        echo "missing: Python's venv module (makes the virtual environment)" >&2
        missing="$missing python3-venv"
    }
fi

[ -z "$missing" ] && exit 0
echo "→ apt install$missing" >&2
exit 1
