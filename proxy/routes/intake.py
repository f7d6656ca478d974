"""The body of a request in, an Answer that is ready to run out, with its turn in the line before the engine.

A long request is parsed and prepared in a thread. It waits for one in a line of its own (``proxy/admission.py``),
so that no more than may wait are kept, and looks whether there is room for it in the engine's line only then: what
would be refused is not prepared.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from functools import partial
from typing import NamedTuple, Protocol

from ..accounts.caller import Caller
from ..accounts.meter import Meter
from ..admission import Turn
from ..metrics import RequestMetrics
from ..models import ServedModel
from ..openai.request import ChatRequest
from ..openai.sse import UsageMode
from ..openai.text_request import TextRequest
from ..pipeline import Answer, prepare
from ..prompt.pool import is_long, run
from ..schemas import Wanted
from ..servable import check_servable
from ..services import Services
from .headers import AnswerHeaders


class Parse(Protocol):
    """A body in, the request and the names of the fields that change nothing out."""

    def __call__(self, body: bytes, *, max_n: int) -> tuple[ChatRequest | TextRequest, tuple[str, ...]]: ...


class Ready(NamedTuple):
    """meter: of what the answer will use. usage_mode: how a stream reports usage; None asks for a whole answer."""

    answer: Answer
    turn: Turn
    meter: Meter
    usage_mode: UsageMode | None


class Intake:
    """One request. caller: whose it is."""

    def __init__(self, services: Services, parse: Parse, body: bytes, caller: Caller) -> None:
        self._services = services
        self._parse = parse
        self._body = body
        self._caller = caller

    async def ready(self, headers: AnswerHeaders, metrics: RequestMetrics, used: ExitStack) -> Ready:
        """used: closed when the answer is over; the model is in use and a stream of the key's is taken until then.
        Raises what is wrong with the request, RateLimited and Overloaded."""
        admission, client = self._services.admission, self._caller.key
        async with admission.reading(client) if is_long(len(self._body)) else nullcontext():
            parsing = partial(self._parse, self._body, max_n=self._services.settings.max_n)
            request, ignored = await run(self._services.pool, len(self._body), parsing)
            headers.mark_parsed(ignored)
            model = used.enter_context(self._services.catalog.use(request.model))
            metrics.model = model.id
            headers.mark_found(model.id)
            check_servable(request, model)
            turn = admission.turn(model.id, client, request.n)
            wanted, size = _wanted(request, model), len(self._body)
            constraint = await self._services.schemas.constraint(wanted, size) if wanted else None
            answer = await prepare(request, model, self._services.engine, metrics, size, constraint)
        headers.mark_prepared(answer.prompt_tokens, answer.truncated_tokens)
        hold = await self._services.limiter.begin(self._caller, answer.prompt_tokens, stream=bool(request.stream))
        used.callback(lambda: hold.release(unused=not metrics.begun))
        return Ready(answer, turn, self._meter(request, answer, metrics), _usage_mode(request))

    def _meter(self, request: ChatRequest | TextRequest, answer: Answer, metrics: RequestMetrics) -> Meter:
        return Meter(
            self._caller,
            metrics,
            answer.prompt_tokens,
            answer.model.manifest.recipe.price,
            request.user,
            request.metadata or {},
        )


def _wanted(request: ChatRequest | TextRequest, model: ServedModel) -> Wanted | None:
    """What the answers are bound by, if anything."""
    if isinstance(request, TextRequest) or not (request.answer_schema or request.tool_use):
        return None
    param = "functions[{}].parameters" if request.functions else "tools[{}].function.parameters"
    return Wanted(model.format.syntax, request.answer_schema, request.tool_use, param)


def _usage_mode(request: ChatRequest | TextRequest) -> UsageMode | None:
    """Source: API contract, section 4."""
    if not request.stream:
        return None
    if request.stream_options is None or request.stream_options.include_usage is None:
        return "inline"
    return "separate" if request.stream_options.include_usage else "none"
