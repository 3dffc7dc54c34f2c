"""The store's side of releases: a verified, resumable download into a folder."""
