"""How a model family writes what it means: text in, events out."""
