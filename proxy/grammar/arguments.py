"""A tool's parameters in, the grammar of its arguments out: an object, or the family's own way to write one."""

from __future__ import annotations

from dataclasses import dataclass

from ..syntax import CallSyntax
from ..tools import Tool
from .budget import Budget
from .compiler import Compiler
from .document import Document
from .facets import Objects
from .json_value import JSON
from .parameters import Parameters
from .rules import Expr, Grammar
from .schema import Schema

_COARSE_SECONDS = 0.2  # may pass for one tool, each of which takes a few milliseconds
_OBJECT = frozenset(("object",))


@dataclass(frozen=True, slots=True)
class ParsedTool:
    """document: of its parameters. texts: those that are written as they are, where the family has such."""

    name: str
    document: Document
    texts: frozenset[str]

    @classmethod
    def of(cls, name: str, document: Document) -> ParsedTool:
        """The tool whose parameters the document is of."""
        parameters = document.schema if isinstance(document.schema, dict) else {}
        return cls(name, document, Tool(name, None, parameters).texts)

    def coarse(self) -> ParsedTool:
        """The same tool with parameters of the same names, whose values may be anything."""
        given = self.document.schema if isinstance(self.document.schema, dict) else {}
        listed = given.get("properties")
        names = listed if isinstance(listed, dict) else {}
        values: dict[str, JSON] = {name: {"type": "string"} if name in self.texts else {} for name in names}
        required = given.get("required", [])
        return ParsedTool.of(self.name, Document({"type": "object", "properties": values, "required": required}))


class Arguments:
    """Writes the arguments of tools into one grammar. marks: the keywords left to the check so far."""

    def __init__(self, grammar: Grammar, budget: Budget, syntax: CallSyntax) -> None:
        self.marks = frozenset[str]()
        self._grammar = grammar
        self._budget = budget
        self._syntax = syntax

    def write(self, tool: ParsedTool, seconds: float) -> Expr:
        """seconds: how long it may take. Raises InvalidSchema where that is not enough."""
        compiler = Compiler(tool.document, open_objects=False, seconds=seconds)
        compiler.grammar, compiler.budget = self._grammar, self._budget
        schemas = (*_asked(tool.document), tool.document.root)
        if self._syntax.parameters is None:
            expr: Expr = compiler.rule(schemas)
        else:
            after = self._syntax.after_call
            expr = Parameters(compiler, self._syntax.parameters, tool.texts, after).write(schemas)
        compiler.finish()
        self.marks |= compiler.marks
        return expr

    def coarse(self, tool: ParsedTool) -> Expr:
        """Any arguments, which are checked; where they are not JSON, with the names that the tool has."""
        self.marks |= {"size"}
        if self._syntax.parameters is not None:
            return self.write(tool.coarse(), _COARSE_SECONDS)
        return self.write(ParsedTool.of(tool.name, Document({"type": "object"})), _COARSE_SECONDS)


def _asked(document: Document) -> tuple[Schema, ...]:
    """Arguments are an object. One whose properties are listed, and are none, has none."""
    found = [document.intern(Schema(types=_OBJECT))]
    if _is_empty(document.schema):
        found.append(document.intern(Schema(types=_OBJECT, objects=Objects(high=0))))
    return tuple(found)


def _is_empty(parameters: JSON) -> bool:
    if not isinstance(parameters, dict) or parameters.get("properties") != {}:
        return False
    return parameters.keys() <= {"type", "properties", "required", "title", "description", "$schema"}
