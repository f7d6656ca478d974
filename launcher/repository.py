"""The models of a running Triton: builds in; links for Triton, marks for the guard and loaded models out.

::

    <run folder>/repository/<model>    link to the model; Triton loads all of them whenever it starts
    <run folder>/kept/<model>          empty file; the guard starts Triton again if the model's process is gone

A model of a running Triton is marked only while it must be there: once it is loaded, until it is to be unloaded.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from launcher.guard import KEPT

_READY_SECONDS = 5.0
_LOAD_SECONDS = 600.0


class TritonError(RuntimeError):
    """tritonserver cannot be started, did not become ready or cannot serve a model; the message says why."""


class Repository:
    """folder: of the run. address: HOST:PORT of Triton's gRPC port."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder / "repository"
        self._kept = folder / KEPT
        self._address = address
        self.folder.mkdir()
        self._kept.mkdir()

    def link(self, model: Path) -> None:
        """Lets Triton find a model folder. Raises TritonError if there is one of the name."""
        try:
            (self.folder / model.name).symlink_to(model)
        except FileExistsError:
            raise TritonError(f"two builds hold a model called {model.name}") from None

    def keep(self, name: str) -> None:
        (self._kept / name).touch()

    def ready(self, names: Iterable[str]) -> bool:
        """Whether all of these models are."""
        asked = [pb.ModelReadyRequest(name=name) for name in names]
        try:
            with self._triton() as triton:
                return all(triton.ModelReady(one, timeout=_READY_SECONDS).ready for one in asked)
        except grpc.RpcError:  # not listening yet
            return False

    def load(self, model: Path) -> None:
        """Loads a model folder into the running Triton. Raises TritonError, and leaves nothing of it behind."""
        self.link(model)
        request = pb.RepositoryModelLoadRequest(model_name=model.name)
        with self._triton() as triton:
            try:
                triton.RepositoryModelLoad(request, timeout=_LOAD_SECONDS)
            except grpc.RpcError as error:
                (self.folder / model.name).unlink()
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    _unload_when_loaded(triton, model.name)
                raise TritonError(f"Triton cannot load {model.name}: {error.details()}") from error
        self.keep(model.name)

    def unload(self, name: str) -> None:
        """Unloads a model; Triton ends what still runs on it with an error. Raises TritonError, and then the
        model is there as before."""
        (self._kept / name).unlink(missing_ok=True)
        request = pb.RepositoryModelUnloadRequest(model_name=name)
        try:
            with self._triton() as triton:
                triton.RepositoryModelUnload(request, timeout=_LOAD_SECONDS)
        except grpc.RpcError as error:
            # Should it go all the same, after the deadline, the guard misses it and starts Triton again, with it.
            self.keep(name)
            raise TritonError(f"Triton cannot unload {name}: {error.details()}") from error
        (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def _triton(self) -> Iterator[service_pb2_grpc.GRPCInferenceServiceStub]:
        with grpc.insecure_channel(self._address) as channel:
            yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def _unload_when_loaded(triton: service_pb2_grpc.GRPCInferenceServiceStub, name: str) -> None:
    """Triton goes on loading when nobody waits for it any more, and unloads only what it has loaded."""
    with contextlib.suppress(grpc.RpcError):  # it loads for ever; the error that follows tells of it
        triton.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name=name), timeout=_LOAD_SECONDS)
