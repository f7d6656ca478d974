"""Messages in, token ids out, and back: token ids in, text out."""
