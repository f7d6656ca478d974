"""``python3 -m deploy.cpu MODEL``: builds a model for the CPU if need be and serves it with the embedded Triton on
all of the container's addresses, as the GPU container does with its own. Exits with 0 only when asked to end.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from build_engines.build import Build
from build_engines.progress import Silent
from build_engines.recipe import BuildError, load_manifest
from deploy.served import link_served
from launcher.models import find_build
from launcher.triton import EmbeddedTriton, TritonError

_TICK = 0.5  # seconds between two looks at the server


def serve(folder: Path, options: argparse.Namespace) -> int:
    """Serves until SIGTERM or SIGINT; the exit status. Raises TritonError when the server cannot start."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with EmbeddedTriton(
        [folder],
        log_path=options.cache / "logs" / "triton.log",
        grpc_port=options.grpc_port,
        metrics_port=options.metrics_port,
        host=options.host,
    ) as triton:
        triton.wait_ready(options.start_seconds)
        sys.stderr.write(f"the server is ready: {folder}\n")
        while triton.running and not asked.wait(_TICK):
            continue
    return 0 if asked.is_set() else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 1 for a model that cannot be built or served."""
    options = _options(arguments)
    try:
        folder = find_build(options.model, options.cache, Silent(), _tell)
        link_served(Build(folder, load_manifest(folder)), options.cache)
        return serve(folder, options)
    except (BuildError, TritonError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.cpu", description="Serves a model on the CPU.")
    parser.add_argument("model", help="a shipped recipe's id, a recipe (.toml) or a GGUF file")
    parser.add_argument("--cache", type=Path, default=Path("/var/lib/forii"), metavar="DIR")
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--grpc-port", type=int, default=8001)
    parser.add_argument("--metrics-port", type=int, default=8002)
    parser.add_argument("--start-seconds", type=float, default=300, help="until it must be ready")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
