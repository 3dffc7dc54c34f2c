"""Thinking about trust: roles, paths and rings. Opens no file, socket or clock."""
