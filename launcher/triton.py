"""The real tritonserver of the nvidia-pytriton wheel, run as a child for finished builds.

In: the folders of finished builds (each holds ``repository/<model>/``). Out: a server on 127.0.0.1 that speaks
gRPC and reports metrics. A guard process (see guard.py) owns the server, so that nothing of it outlives us.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from launcher.guard import Plan, remove_regions
from launcher.repository import Repository
from launcher.repository import TritonError as TritonError

_HOST = "127.0.0.1"
_RUN_PREFIX = "forii-run-"
_TICK = 0.1  # seconds between two looks at the server's readiness
_LOG_LINES = 15  # of the log that a failure shows
_LOG_LIMIT = 10 * 1024 * 1024  # bytes, above which a log is put aside
_CHATTER = re.compile(r"I\d{4} |[|+]|\s*$")  # how log lines begin that tell nothing of a failure
_STOP_LIMIT = 15.0  # seconds for the guard to end


class EmbeddedTriton:
    """One tritonserver for some builds, as a context manager or by hand: `start`, `wait_ready`, `stop`.

    builds: folders of finished builds. log_path: gets everything the server prints (its folder is made).
    grpc_port, metrics_port: 0 picks a free one. run_root: where the private run folder is made; the system's
    temporary folder by default. host: where to listen, which others than this machine reach only in a container.
    """

    def __init__(
        self,
        builds: Sequence[Path],
        *,
        log_path: Path,
        grpc_port: int = 0,
        metrics_port: int = 0,
        run_root: Path | None = None,
        host: str = _HOST,
    ) -> None:
        self._models = _model_folders(builds)
        self._log_path = log_path.absolute()
        self._grpc_port = grpc_port
        self._metrics_port = metrics_port
        self._host = host
        self._run_root = run_root or Path(tempfile.gettempdir())
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder = self._run_root
        self._log_start = 0

    @property
    def grpc_address(self) -> str:
        """``host:port`` of the gRPC service; known after `start`."""
        return f"{_HOST}:{self._grpc_port}"

    @property
    def metrics_url(self) -> str:
        """URL of the Prometheus page; known after `start`."""
        return f"http://{_HOST}:{self._metrics_port}/metrics"

    @property
    def running(self) -> bool:
        """Whether the guard lives, and with it the server (which may be starting again)."""
        return self._guard is not None and self._guard.poll() is None

    def start(self) -> None:
        """Starts the server and returns at once.

        Raises TritonError if a port is taken or the wheel is not installed.
        """
        self._grpc_port, self._metrics_port = _free_ports(self._grpc_port, self._metrics_port)
        self._run_root.mkdir(parents=True, exist_ok=True)
        for left in self._run_root.glob(f"{_RUN_PREFIX}*"):
            sweep_run_folder(left)
        self._folder = Path(tempfile.mkdtemp(prefix=_RUN_PREFIX, dir=self._run_root))
        with open(self._folder / "lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                self._furnish(self._folder)
                self._guard = _start_guard(self._folder, lock.fileno())
            except BaseException:
                shutil.rmtree(self._folder)
                raise

    def wait_ready(self, timeout: float, on_tick: Callable[[], None] = lambda: None) -> None:
        """Waits until every model is ready, at most `timeout` seconds; calls `on_tick` ten times a second.

        Raises TritonError if the server ends or the time is up; the message shows the end of the log.
        """
        guard = self._started()
        deadline = time.monotonic() + timeout
        names = [model.name for model in self._models]
        while not self._repository.ready(names):
            if guard.poll() is not None:
                raise TritonError(f"tritonserver could not start\n{self._log_end()}")
            if time.monotonic() > deadline:
                raise TritonError(f"the models were not ready after {timeout:.0f} s\n{self._log_end()}")
            on_tick()
            time.sleep(_TICK)
        assert guard.stdin is not None
        try:
            guard.stdin.write(b"ready\n")
            guard.stdin.flush()
        except BrokenPipeError:
            raise TritonError(f"the guard of tritonserver was killed\n{self._log_end()}") from None

    def load(self, build: Path) -> None:
        """Adds the models of a build to those that run. Raises TritonError if one of them cannot be served."""
        for model in _model_folders([build]):
            self._repository.load(model)

    def unload(self, build: Path) -> None:
        """Ends the models of a build, and with an error what still runs on them. Raises TritonError."""
        for model in _model_folders([build]):
            self._repository.unload(model.name)

    def stop(self) -> None:
        """Ends the server and waits until nothing is left of it. Does nothing if it does not run."""
        guard, self._guard = self._guard, None
        if guard is None:
            return
        try:
            guard.communicate(timeout=_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            guard.kill()  # and with it the server
        deadline = time.monotonic() + _STOP_LIMIT  # a guard that was killed leaves a server that is just ending
        while self._folder.exists() and not sweep_run_folder(self._folder):
            if time.monotonic() > deadline:
                raise TritonError(f"tritonserver does not end; its run folder is {self._folder}")
            time.sleep(_TICK)

    def __enter__(self) -> EmbeddedTriton:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._guard is None:
            raise TritonError("tritonserver was not started")
        return self._guard

    def _furnish(self, folder: Path) -> None:
        """Fills the run folder: backends, links to the models, and the plan for the guard."""
        root = _wheel_folder()
        backend = folder / "backends" / "python"
        shutil.copytree(root / "backends" / "python", backend, ignore=shutil.ignore_patterns("__pycache__"))
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        shutil.copy(root / "python_backend_stubs" / version / "triton_python_backend_stub", backend)
        self._repository = Repository(folder, self.grpc_address)
        for model in self._models:
            self._repository.link(model)
            self._repository.keep(model.name)
        self._log_start = _ready_log(self._log_path)
        argv = [str(root / "bin" / "tritonserver"), *self._options(folder)]
        Plan(argv, _environment(root), str(self._log_path), folder.name).write(folder)

    def _options(self, folder: Path) -> list[str]:
        return [
            f"--model-repository={self._repository.folder}",
            f"--backend-directory={folder / 'backends'}",
            f"--backend-config=python,shm-region-prefix-name={folder.name}",
            "--model-control-mode=explicit",
            "--load-model=*",
            "--disable-auto-complete-config",
            "--allow-http=false",
            f"--grpc-address={self._host}",
            f"--grpc-port={self._grpc_port}",
            f"--metrics-address={self._host}",
            f"--metrics-port={self._metrics_port}",
            "--allow-gpu-metrics=false",
        ]

    def _log_end(self) -> str:
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            log.seek(self._log_start)
            lines = [line.rstrip()[:400] for line in log if not _CHATTER.match(line)]
        return "\n".join([f"What {self._log_path} says last:", *lines[-_LOG_LINES:]])


def sweep_run_folder(folder: Path) -> bool:
    """Removes a run folder and its shared memory if every process of it is gone: each of them, the guard, the
    server and its stubs, holds a lock on it for as long as it lives. Returns whether it did."""
    try:
        with open(folder / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_regions(folder.name)
            shutil.rmtree(folder)
    except OSError:  # locked, another user's, or being made at this moment
        return False
    return True


def _ready_log(path: Path) -> int:
    """Makes the log's folder; returns where in the file this run's part will begin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size if path.exists() else 0
    if size <= _LOG_LIMIT:
        return size
    path.replace(path.with_name(f"{path.name}.old"))
    return 0


def _start_guard(folder: Path, lock_fd: int) -> subprocess.Popen[bytes]:
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "launcher.guard", str(folder), str(lock_fd)],
        stdin=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        pass_fds=[lock_fd],
        start_new_session=True,  # Ctrl-C in the terminal is the launcher's to handle
    )


def _model_folders(builds: Sequence[Path]) -> list[Path]:
    models = [model for build in builds for model in sorted((build.absolute() / "repository").iterdir())]
    if not models:
        raise TritonError("there is no model to serve")
    names = [model.name for model in models]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise TritonError(f"two builds hold a model called {', '.join(sorted(twice))}")
    return models


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise TritonError(
            "the package nvidia-pytriton, which brings tritonserver, is not installed: install the extra"
            " 'embedded', or use a Triton that runs elsewhere (forii serve --triton HOST:PORT)"
        )
    return Path(spec.origin).parent / "tritonserver"


def _environment(root: Path) -> dict[str, str]:
    """The server's environment. A stub embeds an interpreter of its own: it needs libpython, and takes as its
    home, packages included, that of the first ``python3`` on the PATH (it does not look at PYTHONPATH)."""

    def ahead(name: str, *folders: str) -> str:
        return os.pathsep.join([*folders, *filter(None, [os.environ.get(name)])])

    libraries = root.parent.parent / "nvidia_pytriton.libs"
    return os.environ | {
        "LD_LIBRARY_PATH": ahead("LD_LIBRARY_PATH", sysconfig.get_config_var("LIBDIR"), str(libraries)),
        "PATH": ahead("PATH", str(Path(sys.executable).parent)),
    }


def _free_ports(grpc_port: int, metrics_port: int) -> tuple[int, int]:
    """The ports given, free ones where 0 was given. Raises TritonError if one is taken."""
    with socket.socket() as first, socket.socket() as second:
        for sock, port, what in ((first, grpc_port, "gRPC"), (second, metrics_port, "metrics")):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind((_HOST, port))
            except OSError as error:
                raise TritonError(
                    f"port {port} for Triton's {what} cannot be used on {_HOST} ({error.strerror}): "
                    "stop the program that has it, or choose another port"
                ) from error
        return first.getsockname()[1], second.getsockname()[1]
