"""Golden questions: asked through the whole store, and judged."""
