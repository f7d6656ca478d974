"""The `forii` command: builds models, runs Triton as a child, starts the proxy."""
