"""JSON Schema to EBNF: what a model may write, in the one dialect that every engine reads."""
