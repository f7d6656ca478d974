"""The embedded Triton and its guard: started for real, and ended in every way there is."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from build_engines.build import TEMPLATES
from build_engines.repository import template_files, write_model_folder
from launcher.triton import EmbeddedTriton, TritonError
from tests.model_repository.client import Reply, TokenClient

MODEL = "played"
LOOK_EVERY = 0.25  # seconds, the guard
LAUNCHER = """
import sys, time
from pathlib import Path
from launcher.triton import EmbeddedTriton
triton = EmbeddedTriton([Path(sys.argv[1])], log_path=Path(sys.argv[2]), run_root=Path(sys.argv[3]))
triton.start()
triton.wait_ready(60)
print(triton.grpc_address, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    values: dict[str, str | int] = {
        "triton_model": MODEL,
        "context": 100_000,
        "vocab_size": 100,
        "end_ids": "2",
        "pad_id": 2,
    }
    write_model_folder(template_files(TEMPLATES, "scripted"), values, folder / "repository" / MODEL)
    return folder


@pytest.fixture
def run_root(tmp_path: Path) -> Iterator[Path]:
    """Where the run folders of a test are made. Afterwards nothing of any of them may be left."""
    yield tmp_path
    names = [folder.name for folder in tmp_path.glob("forii-run-*")]
    left = [process for name in names for process in processes(name).values()]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert (left, names) == ([], [])


@pytest.fixture
def triton(build: Path, run_root: Path) -> Iterator[EmbeddedTriton]:
    with EmbeddedTriton([build], log_path=run_root / "triton.log", run_root=run_root) as server:
        server.wait_ready(60)
        yield server


def processes(name: str) -> dict[str, int]:
    """The pids of the guard, the server and the stub that have the name of a run folder in their command."""
    found = {}
    for process in psutil.process_iter():
        try:
            command, gone = " ".join(process.cmdline()), process.status() == psutil.STATUS_ZOMBIE
            leads = os.getpgid(process.pid) == process.pid
        except (psutil.Error, ProcessLookupError):
            continue
        if name in command and not gone:
            kind = "guard" if "launcher.guard" in command else "stub" if "backend_stub" in command else "server"
            # A server that is just starting a stub has, for a moment, a child with its own command.
            if leads or kind == "stub":
                found[kind] = process.pid
    return found


def stubs(name: str) -> list[psutil.Process]:
    """The processes of models that have the name of a run folder in their command."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile
            command = " ".join(process.cmdline())
            if name in command and "backend_stub" in command and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def run_folder(root: Path) -> str:
    (folder,) = root.glob("forii-run-*")
    return folder.name


def regions(name: str) -> list[str]:
    return [path.name for path in Path("/dev/shm").glob(f"{name}*")]


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(address: str) -> bool:
    """Whether the model answers."""
    with TokenClient(address, MODEL) as client:
        try:
            return client.ask([5, 6], 3).ids == [5, 6, 5]
        except grpc.RpcError:
            return False


def how_it_ends(replies: Iterator[Reply]) -> str:
    """The error that a stream ends with."""
    try:
        *_, last = replies
    except grpc.RpcError as error:
        return str(error.code().name)
    return last.error


def test_it_serves_reports_and_leaves_nothing(build: Path, run_root: Path) -> None:
    ticks = []
    with EmbeddedTriton([build], log_path=run_root / "logs" / "t.log", run_root=run_root) as server:
        server.wait_ready(60, lambda: ticks.append(1))
        name = run_folder(run_root)
        assert set(processes(name)) == {"guard", "server", "stub"}
        assert regions(name)
        assert server.running
        assert answers(server.grpc_address)
    assert ticks
    assert not server.running
    assert processes(name) == {}
    assert regions(name) == []
    server.stop()


@pytest.mark.parametrize("victim", ["server", "stub"])
def test_a_server_or_a_model_that_is_killed_comes_back_on_the_same_ports(
    triton: EmbeddedTriton, run_root: Path, victim: str
) -> None:
    name = run_folder(run_root)
    before = processes(name)
    old_regions = regions(name)
    with TokenClient(triton.grpc_address, MODEL) as client, client.stream([5], 99_000) as stream:
        replies = iter(stream)
        next(replies)
        os.kill(before[victim], signal.SIGKILL)
        assert how_it_ends(replies) in ("UNAVAILABLE", f"Stub process '{MODEL}_0_0' is not healthy.")
    wait_until(lambda: processes(name).keys() == before.keys() and answers(triton.grpc_address))
    after = processes(name)
    assert after["guard"] == before["guard"]
    assert after["server"] != before["server"]
    assert set(regions(name)).isdisjoint(old_regions)
    # A server whose stub is killed may crash before the guard has looked.
    notes = [line for line in (run_root / "triton.log").read_text().splitlines() if " guard: " in line]
    assert [note.endswith("starting it again in 0 s") for note in notes] == [True], notes


def scripted(folder: Path, name: str) -> Path:
    """The folder of a build of the scripted model."""
    values: dict[str, str | int] = {"context": 1000, "vocab_size": 100, "end_ids": "2", "pad_id": 2}
    files = template_files(TEMPLATES, "scripted")
    write_model_folder(files, {"triton_model": name, **values}, folder / "repository" / name)
    return folder


def test_a_model_comes_and_goes_while_another_answers(
    triton: EmbeddedTriton, run_root: Path, tmp_path: Path
) -> None:
    """Its process starts and ends without being taken for a crash."""
    guest = scripted(tmp_path / "guest", "guest")
    server = processes(run_folder(run_root))["server"]
    with TokenClient(triton.grpc_address, MODEL) as client, client.stream([5], 99_000) as stream:
        replies = iter(stream)
        for _ in range(2):
            triton.load(guest)
            with TokenClient(triton.grpc_address, "guest") as other:
                assert other.ask([7, 8], 3).ids == [7, 8, 7]
            with pytest.raises(TritonError, match="called guest"):
                triton.load(guest)
            triton.unload(guest)
            with TokenClient(triton.grpc_address, "guest") as other:
                assert "guest" in how_it_ends(iter(other.stream([7], 3)))
        until = time.monotonic() + 4 * LOOK_EVERY
        while time.monotonic() < until:
            assert next(replies).ids == [5]
    assert processes(run_folder(run_root))["server"] == server


def test_a_model_that_was_loaded_later_is_looked_after_too(
    triton: EmbeddedTriton, run_root: Path, tmp_path: Path
) -> None:
    triton.load(scripted(tmp_path / "guest", "guest"))
    name = run_folder(run_root)
    (victim,) = (process.pid for process in stubs(name) if "/guest/" in " ".join(process.cmdline()))
    os.kill(victim, signal.SIGKILL)

    def both() -> bool:
        with TokenClient(triton.grpc_address, "guest") as client:
            try:
                return answers(triton.grpc_address) and client.ask([7], 2).ids == [7, 7]
            except grpc.RpcError:
                return False

    wait_until(lambda: victim not in {process.pid for process in stubs(name)} and both())
    assert "the process of a model died (guest)" in (run_root / "triton.log").read_text()


def test_a_model_that_cannot_be_loaded_later_leaves_the_others_alone(
    triton: EmbeddedTriton, run_root: Path, tmp_path: Path
) -> None:
    server = processes(run_folder(run_root))["server"]
    guest = scripted(tmp_path / "guest", "guest")
    model = guest / "repository/guest/1/model.py"
    good = model.read_text()
    model.write_text("raise RuntimeError('no weights here')\n")
    with pytest.raises(TritonError, match="no weights here"):
        triton.load(guest)
    time.sleep(3 * LOOK_EVERY)
    assert answers(triton.grpc_address)
    model.write_text(good)
    triton.load(guest)
    assert processes(run_folder(run_root))["server"] == server


def test_a_server_that_keeps_dying_is_started_less_and_less_often(triton: EmbeddedTriton, run_root: Path) -> None:
    name = run_folder(run_root)
    killed: set[int | None] = {None}
    for _ in range(3):
        wait_until(lambda: processes(name).get("server") not in killed)
        killed.add(processes(name)["server"])
        os.kill(processes(name)["server"], signal.SIGKILL)
    wait_until(lambda: processes(name).get("server") not in killed)
    waits = [line.split()[-2] for line in (run_root / "triton.log").read_text().splitlines() if "again in" in line]
    assert waits == ["0", "1", "2"], (run_root / "triton.log").read_text()


def test_sigterm_to_the_guard_ends_everything(triton: EmbeddedTriton, run_root: Path) -> None:
    name = run_folder(run_root)
    os.kill(processes(name)["guard"], signal.SIGTERM)
    wait_until(lambda: not triton.running)
    assert (processes(name), regions(name)) == ({}, [])


def test_nothing_outlives_a_guard_that_is_killed(triton: EmbeddedTriton, run_root: Path) -> None:
    name = run_folder(run_root)
    with TokenClient(triton.grpc_address, MODEL) as client, client.stream([5], 99_000) as stream:
        next(iter(stream))
        os.kill(processes(name)["guard"], signal.SIGKILL)
        wait_until(lambda: processes(name) == {})
    assert not triton.running
    triton.stop()
    assert regions(name) == []
    assert list(run_root.glob("forii-run-*")) == []


def test_nothing_outlives_a_launcher_that_is_killed(build: Path, run_root: Path) -> None:
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(build), str(run_root / "triton.log"), str(run_root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    with launcher:
        assert launcher.stdout is not None
        address = launcher.stdout.readline().strip()
        name = run_folder(run_root)
        with TokenClient(address, MODEL) as client, client.stream([5], 99_000) as stream:
            next(iter(stream))
            launcher.kill()
            wait_until(lambda: processes(name) == {} and not (run_root / name).exists())
    assert regions(name) == []


def test_what_a_killed_server_left_is_removed_by_the_next_start(build: Path, run_root: Path) -> None:
    left, held = run_root / "forii-run-left", run_root / "forii-run-held"
    for folder in (left, held):
        folder.mkdir()
        (folder / "lock").touch()
    region = Path("/dev/shm/forii-run-left-region")
    region.touch()
    holder = subprocess.Popen(["flock", str(held / "lock"), "sleep", "60"], start_new_session=True)
    try:
        wait_until(lambda: bool(psutil.Process(holder.pid).children()))
        with EmbeddedTriton([build], log_path=run_root / "triton.log", run_root=run_root):
            assert not left.exists()
            assert not region.exists()
            assert held.exists()
    finally:
        os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()
        region.unlink(missing_ok=True)
    (held / "lock").unlink()
    held.rmdir()


@pytest.mark.parametrize(("which", "name"), [("grpc_port", "gRPC"), ("metrics_port", "metrics")])
def test_a_taken_port_is_named(build: Path, run_root: Path, which: str, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedTriton(
            [build],
            log_path=run_root / "triton.log",
            run_root=run_root,
            grpc_port=port if which == "grpc_port" else 0,
            metrics_port=port if which == "metrics_port" else 0,
        )
        with pytest.raises(TritonError, match=rf"port {port} for Triton's {name} .*Address already in use"):
            server.start()
    assert not server.running


def test_a_model_that_cannot_load_is_told_with_its_reason(build: Path, tmp_path: Path, run_root: Path) -> None:
    broken = tmp_path / "broken"
    model = broken / "repository" / MODEL / "1"
    model.mkdir(parents=True)
    (model.parent / "config.pbtxt").write_text((build / "repository" / MODEL / "config.pbtxt").read_text())
    (model / "model.py").write_text("raise RuntimeError('no weights here')\n")
    server = EmbeddedTriton([broken], log_path=run_root / "triton.log", run_root=run_root)
    server.start()
    with pytest.raises(TritonError, match="tritonserver could not start") as failure:
        server.wait_ready(60)
    server.stop()
    assert "no weights here" in str(failure.value)
    assert "Option" not in str(failure.value)


def test_a_model_that_never_gets_ready_is_given_up(build: Path, tmp_path: Path, run_root: Path) -> None:
    slow = tmp_path / "slow"
    model = slow / "repository" / MODEL / "1"
    model.mkdir(parents=True)
    (model.parent / "config.pbtxt").write_text((build / "repository" / MODEL / "config.pbtxt").read_text())
    (model / "model.py").write_text("import time\ntime.sleep(60)\n")
    with (
        EmbeddedTriton([slow], log_path=run_root / "triton.log", run_root=run_root) as server,
        pytest.raises(TritonError, match="not ready after 1 s"),
    ):
        server.wait_ready(1)


def test_builds_that_cannot_be_served_together_are_told(build: Path, tmp_path: Path) -> None:
    with pytest.raises(TritonError, match=f"two builds hold a model called {MODEL}"):
        EmbeddedTriton([build, build], log_path=tmp_path / "t.log")
    with pytest.raises(TritonError, match="no model to serve"):
        EmbeddedTriton([], log_path=tmp_path / "t.log")


def test_a_log_that_has_grown_too_large_is_put_aside(build: Path, run_root: Path) -> None:
    log = run_root / "triton.log"
    with open(log, "wb") as file:
        file.truncate(11 * 1024 * 1024)
    with EmbeddedTriton([build], log_path=log, run_root=run_root):
        assert (run_root / "triton.log.old").stat().st_size == 11 * 1024 * 1024
        wait_until(log.exists)
