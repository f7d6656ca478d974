"""What the grammar compiler refuses, and where it is wrong."""

from __future__ import annotations


class InvalidSchema(ValueError):
    """A schema that is refused. path: a JSON pointer to the place, as ``#/properties/age``. keyword: the word that
    is wrong there, or empty. The message names both and says what to change."""

    def __init__(self, message: str, path: str = "#", keyword: str = "") -> None:
        super().__init__(message, path, keyword)
        self.message = message
        self.path = path
        self.keyword = keyword

    def __str__(self) -> str:
        place = f"{self.path}/{self.keyword}" if self.keyword else self.path
        return f"{place}: {self.message}"


class InvalidParameters(InvalidSchema):
    """A tool's parameters that are refused. place: of the tool among those that may be called."""

    def __init__(self, place: int, message: str, path: str = "#", keyword: str = "") -> None:
        super().__init__(message, path, keyword)
        self.args = (place, message, path, keyword)
        self.place = place
