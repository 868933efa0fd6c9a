"""From a raw table to a spec, or to one line that says what is wrong with it."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from accelsim.errors import InputError, nearest
from accelsim.specs.figure import Spec

AnySpec = TypeVar("AnySpec", bound=Spec)


def validate(spec: type[AnySpec], raw: Mapping[str, Any], where: str) -> AnySpec:
    """Return the validated spec, or raise one line that names field and value."""
    try:
        return spec.model_validate(raw)
    except ValidationError as error:
        raise InputError(f"{where}: {describe(error, spec)}") from None


def describe(error: ValidationError, spec: type[Spec]) -> str:
    """Return the first problem of a validation error as one line."""
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    field = ".".join(_plain_location(first["loc"]))
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        valid = fields_at(spec, first["loc"][:-1])
        hint = nearest(str(first["loc"][-1]), valid)
        return f"{field}: unknown field; {hint}".rstrip("; ") + more
    message = _WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"{field}: is missing{more}"
    if first["type"] in ("value_error", "assertion_error"):
        return (f"{field}: {message}" if field else message) + more
    return f"{field}: {first['input']!r}: {message[0].lower()}{message[1:]}{more}"


_WORDS = {
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}


def _plain_location(location: tuple[Any, ...]) -> list[str]:
    """Return a location without the validator's own words (`[key]`, union members)."""
    own = ("[key]", "function-", "literal[", "constrained-")
    plain = [str(part) for part in location]
    return [part for part in plain if not part.startswith(own)]


def fields_at(spec: type[Spec], location: tuple[Any, ...]) -> list[str]:
    """Return the field names that are valid at a location of a spec."""
    current: Any = spec
    for part in location:
        if isinstance(part, int):
            continue
        if not (isinstance(current, type) and issubclass(current, Spec)):
            return []
        field = current.model_fields.get(str(part))
        options = _spec_types(field.annotation) if field else []
        current = options[0] if options else None
    if isinstance(current, type) and issubclass(current, Spec):
        return list(current.model_fields)
    return []


def _spec_types(annotation: Any) -> list[type[Spec]]:
    if isinstance(annotation, type) and issubclass(annotation, Spec):
        return [annotation]
    inside = getattr(annotation, "__args__", ())
    return [found for part in inside for found in _spec_types(part)]
