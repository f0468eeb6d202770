"""Arguments of verbs that people coming from elsewhere write, answered with ours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from ..validation import argument_hint

Verb = TypeVar("Verb", bound=Callable[..., Any])

OURS = {
    "s": "at",
    "lambda_": "at",
    "alpha": "at",
    "newx": "newdata",
    "x": "newdata",
    "data": "newdata",
    "newoffset": "offset",
    "type_": "type",
}
"""What people coming from elsewhere write -> what it is here."""


def answering(verb: Verb) -> Verb:
    """The same method; an argument that does not exist is refused with the one that is meant."""
    known = [name for name in inspect.signature(verb).parameters if name != "self"]

    @wraps(verb)
    def asked(*values: Any, **given: Any) -> Any:
        for name in given:
            if name not in known:
                raise TypeError(f"{verb.__name__}() has no argument {name!r}. {argument_hint(name, known, OURS)}")
        return verb(*values, **given)

    return cast(Verb, asked)
