from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from proxy import errors
from proxy.errors import ForiiError
from proxy.responses import error_response

_LINE = re.compile(r"^(?P<bars>[ |`-]*)(?P<name>[A-Z][A-Za-z]+)(?P<rest>.*)$")


def classes(root: type[ForiiError] = ForiiError) -> Iterator[type[ForiiError]]:
    yield root
    for child in root.__subclasses__():
        yield from classes(child)


def drawn() -> dict[str, tuple[int, str]]:
    """The tree of the docstring: each class's depth and what stands beside it."""
    assert errors.__doc__ is not None
    tree = errors.__doc__.split("::\n")[1].split("Source:")[0]
    found = [_LINE.match(line.removeprefix("    ")) for line in tree.splitlines() if line.strip()]
    return {line["name"]: (len(line["bars"]) // 3, line["rest"]) for line in found if line is not None}


def test_the_tree_in_the_docstring_has_every_class() -> None:
    assert set(drawn()) == {error.__name__ for error in classes()}


@pytest.mark.parametrize("error", list(classes()), ids=lambda error: error.__name__)
def test_what_the_docstring_says_of_a_class_is_so(error: type[ForiiError]) -> None:
    depth, beside = drawn()[error.__name__]
    assert depth == error.__mro__.index(ForiiError)
    words = beside.split()
    assert error.code in words
    for word in words:
        known = {error.code, error.type, str(error.status), *error.headers}
        assert word in known, f"{error.__name__}: {word}"
    if "status" in vars(error):
        assert str(error.status) in words
    assert ("Retry-After" in words) == ("Retry-After" in error.headers)


@pytest.mark.parametrize("error", list(classes()), ids=lambda error: error.__name__)
def test_an_errors_answer_has_its_status_its_headers_and_four_fields(error: type[ForiiError]) -> None:
    response = error_response(error("Do this instead.", "messages[2].content"))
    assert response.status_code == error.status
    for name, value in error.headers.items():
        assert response.headers[name] == value
    assert error("Do this instead.", "messages[2].content").to_body() == {
        "error": {
            "message": "Do this instead.",
            "type": error.type,
            "param": "messages[2].content",
            "code": error.code,
        }
    }


def test_what_can_be_tried_again_says_so_by_its_status() -> None:
    again = {error.__name__ for error in classes() if error.status >= 500}
    structured = {"GuideRefused", "StructuredOutputFailed"}
    assert again == {"ForiiError", "EngineFailed", "ModelUnavailable", "DatabaseAway", "TimedOut"} | structured
