"""The store's web server: the ask API and the handheld page."""
