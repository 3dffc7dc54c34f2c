"""A hub, its stores at the protocol's level, and its databases."""
