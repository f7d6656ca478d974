"""OpenAI's words: the wire request in, chunks, server-sent events and completions out."""
