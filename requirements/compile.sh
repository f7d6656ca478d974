#!/bin/sh
# Pins every requirement with its hashes, for every supported Python and platform at once.
# proxy.txt: the proxy and launcher alone; serve.txt: plus the embedded Triton; dev.txt: plus the tests' tools;
# health.txt: the GPU image's health check.
set -eu
cd "$(dirname "$0")/.."
pin() { uv pip compile --universal --python-version 3.10 --generate-hashes --no-header --no-annotate --no-emit-index-url -q "$@"; }
pin pyproject.toml --extra embedded --extra dev -o requirements/dev.txt
pin pyproject.toml --extra embedded -c requirements/dev.txt -o requirements/serve.txt
pin pyproject.toml -c requirements/dev.txt -o requirements/proxy.txt
pin requirements/health.in -c requirements/dev.txt -o requirements/health.txt
