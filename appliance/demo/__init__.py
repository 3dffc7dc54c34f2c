"""The demo store that a first `make run` serves."""
