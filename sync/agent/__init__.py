"""The store's end of the line."""
