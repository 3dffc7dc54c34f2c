"""Headquarters' side of releases: keys, the TUF repository, rings."""
