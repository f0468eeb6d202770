"""The named parts of a program, as a user's constraints are handed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Variables(dict):
    """The words of a program, and its coefficients by column or term, cut out when they are asked for.

    A name that is neither is answered with those there are, and so is one that is both: taking either could hold all
    coefficients to what was meant for one.

    Parameters
    ----------
    own : mapping
        The program's words and what they stand for.
    coefficients : str
        The word for all coefficients, a column of the data at each place of the last axis.
    columns : mapping of str to positions, or None
        The places of each column and term.
    """

    def __init__(self, own: Mapping[str, Any], coefficients: str, columns: Mapping[str, Sequence[int]] | None = None):
        super().__init__(own)
        self.coefficients, self.columns = coefficients, columns or {}

    def __getitem__(self, name: Any) -> Any:
        if name in self.columns and super().__contains__(name):
            what = "all coefficients" if name == self.coefficients else f"the {name}"
            raise KeyError(f"constraints: {name!r} names a column and {what}; give the column another name")
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.columns

    def __missing__(self, name: Any) -> Any:
        if name not in self.columns:
            terms = f" and the terms {', '.join(list(self.columns)[:20])}" if self.columns else ""
            raise KeyError(f"constraints: there is no variable {name!r}; there are {', '.join(self)}{terms}.")
        return super().__getitem__(self.coefficients)[..., list(self.columns[name])]
