"""A real PostgreSQL on a free port of this machine, in a temporary folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Debian keeps the server's programs out of the PATH.
_DEBIAN = Path("/usr/lib/postgresql")
_START_SECONDS = 30.0


def postgres_programs() -> Path | None:
    """The folder of the newest initdb and postgres on this machine."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresServer:
    """It refuses to run as root: then it runs as the user postgres, which Debian's package makes, or nobody."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        user = _user() if os.getuid() == 0 else None
        self._user = None if user is None else user.pw_uid
        self._group = None if user is None else user.pw_gid
        # Not below the test's folder, which only its own user may enter.
        self.folder = Path(tempfile.mkdtemp(prefix="forii-postgres-"))
        self._data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._make(user)
            self.port = _free_port()
            self.start()
        except BaseException:
            self.remove()
            raise

    def database_url(self, name: str) -> str:
        return f"postgresql://forii@127.0.0.1:{self.port}/{name}"

    def create(self, name: str, template: str = "template0") -> str:
        """A new database, a copy of the template. Returns its URL."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "forii")
        self._run("createdb", *where, "-T", template, name)
        return self.database_url(name)

    def start(self) -> None:
        """On the same port as before, with what it held before."""
        log = (self.folder / "log.txt").open("ab")
        with log:
            self._process = process = subprocess.Popen(
                [
                    *(str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port)),
                    *("-h", "127.0.0.1", "-k", str(self.folder), "-c", "fsync=off"),
                ],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
                group=self._group,
            )
        self._wait(process)

    def stop(self) -> None:
        """At once, as if it had been cut off: connections are closed, transactions lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """It is stopped for as long as the block runs."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _make(self, user: pwd.struct_passwd | None) -> None:
        if user is not None:
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "forii", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        ready = [str(self._programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode != 0:
            log = (self.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
            assert process.poll() is None, f"PostgreSQL ended:\n{log}"
            assert time.monotonic() < deadline, f"PostgreSQL does not start:\n{log}"
            time.sleep(0.02)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            user=self._user,
            group=self._group,
        )


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
