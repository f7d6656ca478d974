"""A Triton that runs elsewhere, as ``forii serve --triton`` sees it: it decides itself what it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from build_engines.recipe import load_manifest
from launcher.triton import TritonError
from proxy.engines.triton import TritonEngine


class RemoteTriton:
    """grpc_address: HOST:PORT of its gRPC port. running: nobody here keeps it so, and so nobody gives it up."""

    running = True

    def __init__(self, grpc_address: str) -> None:
        self.grpc_address = grpc_address

    def serves(self, build: Path) -> bool:
        """Whether the model of a build is ready there. Not to be called on an event loop."""
        return asyncio.run(self._ready(load_manifest(build).triton_model))

    def load(self, build: Path) -> None:
        """Raises TritonError if the model is not ready there: only its own operator can load it."""
        if not self.serves(build):
            raise TritonError(
                f"{self.grpc_address} does not serve {load_manifest(build).triton_model}: load it there"
            )

    def unload(self, build: Path) -> None:
        """Leaves it to the operator of that Triton."""

    async def _ready(self, name: str) -> bool:
        engine = TritonEngine(self.grpc_address)
        try:
            return await engine.ready(name)
        finally:
            await engine.close()
