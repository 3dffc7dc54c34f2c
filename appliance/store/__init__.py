"""The index, the live facts, the cards and the store's own database."""
