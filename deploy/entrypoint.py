"""``python3 -m deploy.entrypoint MODEL``: serves one finished build with the container's tritonserver, on one GPU
or, under MPI with one server a GPU of which the first answers (leader mode), on many.

It waits for the server, hands SIGTERM and SIGINT on to it, kills it when it does not end, and exits with 0 only
when it was asked to end and the server did.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from build_engines.build import Build
from build_engines.recipe import BuildError, RecipeError
from build_engines.sections import TensorRtLlmEngine
from deploy.served import find_served, link_served

_TICK = 0.2  # seconds between two looks


class Server:
    """argv: of tritonserver or mpirun. ready: whether it answers. start_seconds: until it must be ready.
    stop_seconds: from SIGTERM to SIGKILL."""

    def __init__(
        self, argv: Sequence[str], ready: Callable[[], bool], start_seconds: float, stop_seconds: float
    ) -> None:
        self._argv = argv
        self._ready = ready
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._asked = False

    def run(self) -> int:
        """Runs the server to its end; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        process = subprocess.Popen(self._argv, start_new_session=True)
        try:
            return self._watch(process)
        finally:
            with contextlib.suppress(ProcessLookupError):  # most often nothing is left
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _ask(self, number: int, frame: object) -> None:
        self._asked = True

    def _watch(self, process: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + self._start_seconds
        started = False
        while process.poll() is None:
            if self._asked:
                return self._end(process)
            if not started:
                started = self._ready()
                if started:
                    _say("the server is ready")
                elif time.monotonic() > deadline:
                    _say(f"the server was not ready after {self._start_seconds:.0f} s")
                    self._end(process)
                    return 1
            time.sleep(_TICK)
        _say(f"the server ended by itself, with status {process.returncode}")
        return process.returncode if process.returncode > 0 else 1

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM to tritonserver, or to mpirun, which hands it on to every rank."""
        process.terminate()
        try:
            process.wait(self._stop_seconds)
        except subprocess.TimeoutExpired:
            _say(f"the server did not end within {self._stop_seconds:.0f} s and is killed")
            return 1
        return 0


def command(build: Build, options: argparse.Namespace) -> list[str]:
    """The server's command line, as the container's own launch_triton_server.py makes it. Raises RecipeError for a
    build of another target, or one that is not where it was made."""
    engine = build.manifest.recipe.engine
    if not isinstance(engine, TensorRtLlmEngine):
        raise RecipeError(f"{build.folder}: is a build for {engine.target!r}; this container serves 'tensorrtllm'")
    name = build.manifest.triton_model
    repository = build.folder / "repository"
    if f'"{repository / name / "1/engine"}"' not in (repository / name / "config.pbtxt").read_text():
        raise RecipeError(
            f"{build.folder}: was made in another place, and its config.pbtxt still names that; mount the cache "
            "where the build had it, or remove this folder and build again here: only the last step runs"
        )
    ranks = [_rank(rank, name, repository, options) for rank in range(engine.world_size)]
    if len(ranks) == 1:
        return ranks[0]
    separated = [argument for rank in ranks for argument in [":", "-n", "1", *rank]]
    return ["mpirun", "--allow-run-as-root", *separated[1:]]


def _rank(rank: int, name: str, repository: Path, options: argparse.Namespace) -> list[str]:
    argv = [
        "tritonserver",
        f"--model-repository={repository}",
        f"--grpc-port={options.grpc_port}",
        f"--http-port={options.http_port}",
        f"--metrics-port={options.metrics_port}",
        f"--exit-timeout-secs={max(1, int(options.stop_seconds) - 5)}",
        "--disable-auto-complete-config",
        f"--backend-config=python,shm-region-prefix-name=prefix{rank}_",
    ]
    return argv if rank == 0 else [*argv, "--model-control-mode=explicit", f"--load-model={name}"]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _say(text: str) -> None:
    sys.stderr.write(f"entrypoint: {text}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 2 when there is nothing that could be served."""
    options = _options(arguments)
    try:
        build = find_served(options.model, options.cache)
        argv = command(build, options)
        link_served(build, options.cache)
    except (BuildError, OSError) as error:
        _say(str(error))
        return 2
    _say(f"serving {build.folder}: {' '.join(argv)}")
    ready = Server(argv, lambda: _answers(options.http_port), options.start_seconds, options.stop_seconds)
    return ready.run()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.entrypoint", description="Serves a finished build.")
    parser.add_argument("model", help="a model's id, or the folder of a finished build")
    parser.add_argument("--cache", type=Path, default=Path("/var/lib/forii"), metavar="DIR")
    parser.add_argument("--grpc-port", type=int, default=8001)
    parser.add_argument("--http-port", type=int, default=8000)
    parser.add_argument("--metrics-port", type=int, default=8002)
    parser.add_argument("--start-seconds", type=float, default=1800, help="until it must be ready")
    parser.add_argument("--stop-seconds", type=float, default=60, help="from SIGTERM to SIGKILL")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
