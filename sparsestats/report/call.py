"""What was asked: the call behind a fit, as it would be written again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Call:
    """A call of the R door.

    Parameters
    ----------
    function : str
        ``"ss.gslope"``.
    formula : str
        As given.
    arguments : mapping of str to str
        The arguments that differ from their defaults, in words; the data is not among them.
    """

    function: str
    formula: str
    arguments: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, function: str, formula: str, arguments: Mapping[str, Any]) -> Call:
        """From the values of the arguments; arrays are told by their shape."""
        return cls(function, formula, {name: _short(value) for name, value in arguments.items()})

    def __str__(self) -> str:
        formula = [repr(self.formula)] if self.formula else []  # a graph has none
        shown = [*formula, "data", *(f"{name}={text}" for name, text in self.arguments.items())]
        return f"{self.function}({', '.join(shown)})"

    __repr__ = __str__


def _short(value: Any) -> str:
    """Arrays and frames by their size, everything else by its text, none of it longer than a line."""
    shape = getattr(value, "shape", None)
    if shape:
        return f"<{type(value).__name__} of shape {tuple(shape)}>"
    text = getattr(value, "__name__", None) or repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
