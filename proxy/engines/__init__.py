"""Who generates: a Generation in, Tokens out."""
