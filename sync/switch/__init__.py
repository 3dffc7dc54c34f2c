"""How a store goes from one release to the next, and back."""
