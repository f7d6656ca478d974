"""An answer's bounds in, its grammar and its judge out.

Everything that is wrong with a schema is found before any grammar is made. What is right but costs too much is
said less exactly where it is a tool's: its arguments are then any, and checked.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from itertools import count

from ..syntax import Thinking
from .answer import Answer, AnswerGrammar
from .answer_bounds import AnswerBounds, ToolBounds
from .arguments import Arguments, ParsedTool
from .budget import MOST_BROAD, MOST_BROAD_OPEN, Budget
from .calls import calls
from .clock import Clock
from .compiled import SchemaCheck
from .compiler import Compiler
from .document import Document
from .invalid import InvalidParameters, InvalidSchema
from .judge import Judge
from .rules import MOST_RULES, Expr, Grammar, TooLarge

_MOST_ATTEMPTS = 3  # to make only some of the tools coarse
_AIM = 0.8  # of the rules that there may be
_EXACT = 0.6  # of the time, before all tools are made coarse, which takes little
_SHARE = 0.5  # of the time that is left, for one of several
_NO_HURRY = Clock(float("inf"))
_DEEP = "the schema is nested too deeply"


class _TooCostly(Exception):
    """The tools at these places cost too much."""

    def __init__(self, places: Collection[int]) -> None:
        super().__init__(places)
        self.places = places


class BoundedAnswer:
    """seconds: how long it may take to compile. Raises InvalidSchema for a schema that is refused, and
    InvalidParameters for a tool's."""

    def __init__(self, bounds: AnswerBounds, seconds: float) -> None:
        self._bounds = bounds
        self._seconds = seconds * (_EXACT if bounds.tools else 1)
        self._end = 0.0  # of that time
        self._schema = None if bounds.schema is None else _document(bounds.schema)
        self._clock = _NO_HURRY  # of what is being written
        self._sizes: list[tuple[int, int]] = []  # in rules, of each tool, and its place
        self._tools = [_parsed(place, tool) for place, tool in enumerate(bounds.tools)]

    def compile(self) -> tuple[dict[Thinking, str], frozenset[str]]:
        """The grammar, by where a prompt leaves the sample, and the keywords left to the check. Raises
        InvalidSchema, and InvalidParameters where no arguments satisfy a tool's schema."""
        coarse: set[int] = set()
        self._end = time.thread_time() + self._seconds
        for attempt in count():
            try:
                return self._attempt(coarse)
            except _TooCostly as costly:
                if len(coarse) == len(self._tools):
                    break
                last = attempt >= _MOST_ATTEMPTS or coarse.issuperset(costly.places)
                coarse |= set(range(len(self._tools)) if last else costly.places)
        raise InvalidSchema("the schema is too large; make it smaller")

    def judge(self, *, unique_keys: bool) -> Judge:
        """unique_keys: see Judge."""
        return Judge(
            None if self._schema is None else SchemaCheck(self._schema.schema, self._schema.draft),
            {tool.name: SchemaCheck(tool.document.schema, tool.document.draft) for tool in self._tools},
            self._bounds.least,
            self._bounds.most,
            unique_keys,
        )

    def _attempt(self, coarse: set[int]) -> tuple[dict[Thinking, str], frozenset[str]]:
        """coarse: the tools whose arguments may be any."""
        grammar = Grammar(lambda: self._clock.check())
        budget = Budget(MOST_BROAD_OPEN if self._bounds.open_objects else MOST_BROAD)
        schema, marks = self._text(grammar, budget)
        following = None
        if self._tools:
            branches, more = self._branches(grammar, budget, coarse)
            marks |= more
            syntax = self._bounds.syntax.calls
            assert syntax is not None
            following = calls(grammar, syntax, branches, self._bounds.least, self._bounds.most)
        answer = Answer(self._bounds.syntax, schema, following, must_call=self._bounds.least > 0)
        try:
            return AnswerGrammar(grammar, answer).texts(), marks
        except TooLarge:
            raise _TooCostly(self._largest(len(grammar))) from None

    def _largest(self, rules: int) -> set[int]:
        """The tools without which there are not too many of so many rules."""
        found = set()
        for size, place in sorted(self._sizes, reverse=True):
            if rules > _AIM * MOST_RULES:
                found.add(place)
                rules -= size
        return found

    def _text(self, grammar: Grammar, budget: Budget) -> tuple[Expr | None, frozenset[str]]:
        """The text that conforms to the response's schema."""
        if self._schema is None or self._bounds.least:
            return None, frozenset()
        seconds = self._left * (_SHARE if self._tools else 1)
        compiler = Compiler(self._schema, open_objects=self._bounds.open_objects, seconds=seconds)
        compiler.grammar, compiler.budget = grammar, budget
        root = compiler.rule((self._schema.root,))
        self._clock = Clock(seconds)
        try:
            compiler.finish()
        except RecursionError:
            raise InvalidSchema(_DEEP) from None
        finally:
            self._clock = _NO_HURRY
        if grammar.impossible([root]):
            raise self._schema.impossible or InvalidSchema("no value satisfies this schema")
        return root, compiler.marks

    def _branches(
        self, grammar: Grammar, budget: Budget, coarse: set[int]
    ) -> tuple[list[tuple[str, Expr]], frozenset[str]]:
        """The name and the arguments of each tool; tools with equal parameters share them."""
        assert self._bounds.syntax.calls is not None
        arguments = Arguments(grammar, budget, self._bounds.syntax.calls)
        written: dict[bytes, Expr] = {}
        self._sizes = []
        for place, (tool, bounds) in enumerate(zip(self._tools, self._bounds.tools, strict=True)):
            if bounds.parameters in written:
                continue
            before = len(grammar)
            try:
                expr = arguments.coarse(tool) if place in coarse else self._exact(arguments, tool)
            except (InvalidSchema, RecursionError):
                raise _TooCostly({place}) from None
            written[bounds.parameters] = expr
            self._sizes.append((len(grammar) - before, place))
        branches = [written[bounds.parameters] for bounds in self._bounds.tools]
        for place in grammar.impossible(branches):
            wrong = self._tools[place].document.impossible or InvalidSchema("no arguments satisfy this schema")
            raise InvalidParameters(place, wrong.message, wrong.path, wrong.keyword)
        names = [tool.name for tool in self._tools]
        return list(zip(names, branches, strict=True)), arguments.marks

    def _exact(self, arguments: Arguments, tool: ParsedTool) -> Expr:
        seconds = self._left * _SHARE
        self._clock = Clock(seconds)
        try:
            return arguments.write(tool, seconds)
        finally:
            self._clock = _NO_HURRY

    @property
    def _left(self) -> float:
        """Seconds."""
        return self._end - time.thread_time()


def _document(schema: bytes) -> Document:
    try:
        return Document(json.loads(schema))
    except RecursionError:
        raise InvalidSchema(_DEEP) from None


def _parsed(place: int, tool: ToolBounds) -> ParsedTool:
    try:
        return ParsedTool.of(tool.name, _document(tool.parameters))
    except InvalidSchema as error:
        raise InvalidParameters(place, error.message, error.path, error.keyword) from error
