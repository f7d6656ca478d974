"""An instance with its keys in the order in which its schema lists them: the only order that is generated."""

from __future__ import annotations

import json
from collections.abc import Iterator

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def in_order(instance: Json, schema: Json, root: Json) -> Json:
    """The instance, declared keys first and in their order. Sees through $ref, allOf, anyOf and oneOf."""
    views = list(_views(schema, root, 0))
    if isinstance(instance, list):
        return [in_order(item, _item(views, index), root) for index, item in enumerate(instance)]
    if not isinstance(instance, dict):
        return instance
    declared: dict[str, Json] = {}
    for view in views:
        properties = view.get("properties")
        if isinstance(properties, dict):
            declared = {**declared, **{key: value for key, value in properties.items() if key not in declared}}
    keys = [key for key in declared if key in instance] + [key for key in instance if key not in declared]
    return {key: in_order(instance[key], declared.get(key, _rest(views)), root) for key in keys}


def text(instance: Json) -> str:
    """The instance as the grammar spells it."""
    return json.dumps(instance, ensure_ascii=False)


def _views(schema: Json, root: Json, depth: int) -> Iterator[dict[str, Json]]:
    """The schema's own words and those of what it is put together from."""
    if not isinstance(schema, dict) or depth > 16:
        return
    yield schema
    if isinstance(schema.get("$ref"), str):
        yield from _views(_pointed(str(schema["$ref"]), root), root, depth + 1)
    for word in ("allOf", "anyOf", "oneOf"):
        branches = schema.get(word)
        for branch in branches if isinstance(branches, list) else ():
            yield from _views(branch, root, depth + 1)


def _pointed(reference: str, root: Json) -> Json:
    """What a pointer into this document shows, else nothing."""
    found = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def _item(views: list[dict[str, Json]], index: int) -> Json:
    for view in views:
        items = view.get("prefixItems", view.get("items"))
        if isinstance(items, list) and index < len(items):
            return items[index]
        if isinstance(view.get("items"), dict):
            return view["items"]
    return None


def _rest(views: list[dict[str, Json]]) -> Json:
    return next((view["additionalProperties"] for view in views if "additionalProperties" in view), None)
