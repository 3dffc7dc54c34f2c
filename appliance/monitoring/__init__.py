"""Monitoring that acts: what is counted, kept and told, and what rests under pressure."""
