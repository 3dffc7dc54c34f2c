"""What runs in the store: stages, lanes, engines, store, web."""
