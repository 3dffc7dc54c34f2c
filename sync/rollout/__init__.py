"""Thinking about rollouts: who gets a release when, and when it is stopped. Pure."""
