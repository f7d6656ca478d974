"""OpenAI HTTP in, tokens on gRPC, OpenAI HTTP out. Start reading at ``pipeline.py``."""
