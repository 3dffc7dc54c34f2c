"""A hub, stores and the line between them, as processes of this machine."""
