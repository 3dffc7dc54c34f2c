"""Routing learned at headquarters: what is in scope, which lane is right, and what is promised."""
