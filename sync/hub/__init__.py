"""Headquarters: one process that enrols stores, hears them and answers them."""
