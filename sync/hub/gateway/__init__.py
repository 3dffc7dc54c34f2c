"""The door to the generalist: OpenAI-compatible, with the vendor's key kept at headquarters."""
