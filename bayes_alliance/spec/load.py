"""Model files: TOML in, :class:`ModelSpec` out, every fault at once.

Invariant: a file that loads has no key the package does not know; its hash depends on what it
says, not on its layout or comments.
"""

import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from bayes_alliance.exceptions import Fault, SpecError, did_you_mean
from bayes_alliance.spec.schema import ModelSpec
from bayes_alliance.spec.shipped import find_model

__all__ = ["parse_model", "posterior_hash", "read_model", "read_toml", "spec_hash",
           "text_for_numbers"]

_MAXIMUM_BYTES = 1_000_000


def read_model(name: str | Path) -> ModelSpec:
    """Read a model file.

    Parameters
    ----------
    name : str or pathlib.Path
        Name of a shipped model, or path of a ``.toml`` file.

    Returns
    -------
    ModelSpec
        The validated specification.

    Raises
    ------
    SpecError
        If the file is missing, is no TOML or breaks the schema; lists every fault.
    """
    path = find_model(name)
    return _validate(read_toml(path), path.name)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    dict
        What it says.

    Raises
    ------
    SpecError
        If it is too large, is not UTF-8 or is no TOML.
    """
    size = path.stat().st_size
    if size > _MAXIMUM_BYTES:
        raise SpecError([Fault(path.name, "", f"the file has {size} bytes",
                               f"at most {_MAXIMUM_BYTES} bytes")])
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError([Fault(path.name, f"byte {error.start}", "is not UTF-8",
                               "a TOML file in UTF-8")]) from None
    return _parse(text, path.name)


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise SpecError([Fault(file, "", "is nested too deep", "tables in tables, a few levels "
                               "deep")]) from None
    except ValueError as error:  # a whole number of thousands of digits is no TOMLDecodeError
        raise SpecError([Fault(file, "", f"is no valid TOML: {error}", "a TOML file")]) from None


def parse_model(text: str, file: str = "model.toml") -> ModelSpec:
    """Parse the text of a model file; see :func:`read_model`."""
    return _validate(_parse(text, file), file)


def _validate(raw: dict[str, Any], file: str) -> ModelSpec:
    faults = text_for_numbers(raw.get("priors"), file)
    try:
        found = ModelSpec.model_validate(raw)
    except ValidationError as error:
        faults += [_fault(item, file) for item in error.errors(include_url=False)]
    if faults:
        raise SpecError(faults)
    return found


def text_for_numbers(priors: Any, file: str) -> list[Fault]:
    """Return a fault for every number of the priors that is written as text or as true.

    Parameters
    ----------
    priors : dict
        The file's table of priors, as read.
    file : str
        What faults call the file.
    """
    faults = []
    for name, value in priors.items() if isinstance(priors, dict) else ():
        for key, number in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(number, (str, bool)):
                where = ".".join(part for part in ("priors", name, key) if part)
                faults.append(Fault(file, where, f"{number!r} is no number", "a number"))
    return faults


def _fault(item: Any, file: str) -> Fault:
    """Turn one pydantic error into a fault with the nearest allowed key."""
    place = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        *parents, key = item["loc"]
        allowed = _allowed_keys(tuple(str(part) for part in parents))
        hint = did_you_mean(str(key), allowed)
        return Fault(file, place, f"unknown key {str(key)!r}{hint}", ", ".join(allowed))
    if item["type"] == "missing":
        return Fault(file, place, "this key is missing")
    message = item["msg"].removeprefix("Value error, ")
    given = item.get("input")
    shown = "" if isinstance(given, (dict, list, tuple)) or given is None else f", got {given!r}"
    return Fault(file, place, f"{message}{shown}")


def _allowed_keys(parents: tuple[str, ...]) -> list[str]:
    """Return the keys the schema knows at a place of the file."""
    model: type[BaseModel] = ModelSpec
    skip = False
    for part in parents:
        if skip:
            skip = False
            continue
        field = model.model_fields.get(part)
        if field is None:
            return []
        found = _model_in(field.annotation)
        if found is None:
            return []
        model, skip = found
    return sorted(model.model_fields)


def _model_in(annotation: Any) -> tuple[type[BaseModel], bool] | None:
    """Return the model a field holds, and whether it sits behind a free key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument, True
    return None


def spec_hash(spec: ModelSpec) -> str:
    """Return the hash of what a specification says.

    Variants are left out: they are specifications of their own, and results of the grid bear
    their hashes.

    Parameters
    ----------
    spec : ModelSpec
        Any specification.

    Returns
    -------
    str
        SHA-256 of its canonical JSON, 64 hexadecimal digits.
    """
    return _hash_of(spec.model_dump(mode="json", exclude={"variants"}))


def posterior_hash(spec: ModelSpec) -> str:
    """Return the hash of the part of a specification that a posterior can depend on.

    Scenarios and settings of forecasts are left out: what lies after the data moves no draw.

    Parameters
    ----------
    spec : ModelSpec
        Any specification.

    Returns
    -------
    str
        SHA-256 of the canonical JSON of that part, 64 hexadecimal digits.
    """
    return _hash_of(spec.model_dump(mode="json", exclude={"forecast", "scenarios", "variants"}))


def _hash_of(content: dict[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
