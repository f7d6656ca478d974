"""An instance with its keys in the order in which its schema lists them: the only order that is generated."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.grammar.json_value import JSON, Value


def in_order(instance: JSON, schema: JSON, root: JSON) -> JSON:
    """The instance, declared and required keys first and in their order, listed values as they are listed. Sees
    through $ref, allOf, anyOf, oneOf, then and else."""
    views = list(_views(schema, root, 0))
    for view in views:
        listed = view.get("enum")
        for value in [view.get("const"), *(listed if isinstance(listed, list) else [])]:
            if Value.of(value) == Value.of(instance):
                return value
    if isinstance(instance, list):
        return [in_order(item, _item(views, index), root) for index, item in enumerate(instance)]
    if not isinstance(instance, dict):
        return instance
    declared: dict[str, JSON] = {}
    for view in views:
        properties = view.get("properties")
        if isinstance(properties, dict):
            declared = {**declared, **{key: value for key, value in properties.items() if key not in declared}}
    for view in views:
        required = view.get("required")
        for key in required if isinstance(required, list) else ():
            declared.setdefault(str(key), _rest(views))
    keys = [key for key in declared if key in instance] + [key for key in instance if key not in declared]
    return {key: in_order(instance[key], declared.get(key, _rest(views)), root) for key in keys}


def _views(schema: JSON, root: JSON, depth: int) -> Iterator[dict[str, JSON]]:
    """The schema's own words and those of what it is put together from."""
    if not isinstance(schema, dict) or depth > 16:
        return
    yield schema
    if isinstance(schema.get("$ref"), str):
        yield from _views(_pointed(str(schema["$ref"]), root), root, depth + 1)
    for word in ("allOf", "anyOf", "oneOf", "then", "else"):
        branches = schema.get(word)
        branches = branches if isinstance(branches, list) else [branches]
        for branch in branches:
            yield from _views(branch, root, depth + 1)


def _pointed(reference: str, root: JSON) -> JSON:
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


def _item(views: list[dict[str, JSON]], index: int) -> JSON:
    for view in views:
        items = view.get("prefixItems", view.get("items"))
        if isinstance(items, list) and index < len(items):
            return items[index]
        if isinstance(view.get("items"), dict):
            return view["items"]
    return None


def _rest(views: list[dict[str, JSON]]) -> JSON:
    return next((view["additionalProperties"] for view in views if "additionalProperties" in view), None)
