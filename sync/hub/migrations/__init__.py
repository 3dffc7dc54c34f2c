"""The ledger's schema, step by step; each step is `NNNN_what.py` with revision `NNNN`."""
