"""The wire request of ``POST /completions``: JSON bytes in, a TextRequest out. Source: API contract, section 1."""

from __future__ import annotations

from typing import Annotated

from pydantic import Discriminator, Field, SkipValidation, Tag

from ..errors import InvalidRequest, UnsupportedParameter
from .wire import WireRequest, ignored, read_object, refuse, validate

# Fields of OpenAI's that would change the answer.
_UNDELIVERABLE = ("suffix", "logit_bias")


def _prompt_tag(value: object) -> str:
    return "ids" if isinstance(value, list) else "text"


# pydantic keeps the interpreter's lock until it has looked at all ids, so it is not asked to: _check_prompt does.
TokenIds = SkipValidation[Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]]
TextOrIds = Annotated[Annotated[str, Tag("text")] | Annotated[TokenIds, Tag("ids")], Discriminator(_prompt_tag)]


class TextRequest(WireRequest):
    """A text completion request. Fields the API does not know are ignored and named in the response header
    `x-forii-ignored-params`."""

    prompt: TextOrIds
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: bool = False
    best_of: int | None = None

    @property
    def answer_room(self) -> int:
        """The most tokens an answer may have, before the context has its say."""
        return self.max_tokens or 16

    @property
    def log_probs(self) -> bool:
        return self.logprobs is not None

    @property
    def top_log_probs(self) -> int:
        return self.logprobs or 0

    @property
    def bias(self) -> dict[int, float]:
        """Text completions have none."""
        return {}

    @property
    def answer_schema(self) -> None:
        """Nor a response format."""

    @property
    def tool_use(self) -> None:
        """Nor functions to call."""


def parse_text(body: bytes, *, max_n: int) -> tuple[TextRequest, tuple[str, ...]]:
    """The request in a body, and the names of its top-level fields that change nothing. See ``request.parse``."""
    given = read_object(body, '{"model": ..., "prompt": ...}')
    refuse(_UNDELIVERABLE, given)
    _check_prompt(given.get("prompt"))
    request = validate(TextRequest, given, max_n)
    if request.best_of not in (None, request.n):
        raise UnsupportedParameter("'best_of' is not supported by this server; leave it out.", "best_of")
    return request, ignored(request, given, TextRequest.model_fields)


def _check_prompt(prompt: object) -> None:
    if prompt in ("", []):
        raise InvalidRequest("'prompt' must have at least 1 character or token; it must not be empty.", "prompt")
    if not isinstance(prompt, list):
        return
    if isinstance(prompt[0], str | list):
        raise UnsupportedParameter(
            "'prompt' must be one string or one array of token ids; send each prompt in a request of its own.",
            "prompt",
        )
    place = next((place for place, token in enumerate(prompt) if type(token) is not int or token < 0), None)
    if place is not None:
        token = prompt[place]
        got = f"; got {token}" if type(token) is int else ""
        raise InvalidRequest(f"'prompt[{place}]' must be a token id, an integer from 0{got}.", f"prompt[{place}]")
