"""The stages of an ask: they think, and touch nothing."""
