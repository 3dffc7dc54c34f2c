"""The ways to answer."""
