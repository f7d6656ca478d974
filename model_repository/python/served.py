"""Triton's side of a Python engine: requests of the Python backend in, answers in the batch out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import triton_python_backend_utils as pb_utils
from answer import Answer, send_error
from batch import Batch, Engine
from gauges import Gauges
from request import Limits, Refusal, Tensors, read_request

MakeEngine = Callable[[Path, dict[str, str]], Engine]


class Served:
    """One served model: its batch and what it bears.

    args: what Triton hands to ``initialize``. make_engine: called with the folder of the model's files and the
    parameters of its config.pbtxt.
    """

    def __init__(self, args: dict[str, str], make_engine: MakeEngine) -> None:
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        folder = Path(args["model_repository"]) / args["model_version"]
        self._limits = Limits.of(parameters)
        self._batch = Batch(make_engine(folder, parameters), Gauges(args["model_name"]))

    def take(self, requests: Sequence[pb_utils.InferenceRequest]) -> None:
        """Lets requests join the batch; a wrong one is answered with its error at once."""
        for request in requests:
            sender = request.get_response_sender()
            try:
                self._batch.join(Answer(read_request(_tensors(request), self._limits), sender))
            except Refusal as refusal:
                send_error(sender, str(refusal))

    def close(self) -> None:
        """Ends what runs and joins the batch's thread."""
        self._batch.close()


def _tensors(request: pb_utils.InferenceRequest) -> Tensors:
    def tensor(name: str) -> npt.NDArray[np.generic] | None:
        found = pb_utils.get_input_tensor_by_name(request, name)
        # the leading dimension is Triton's batch, always 1 here
        return None if found is None else found.as_numpy()[0]

    return tensor
