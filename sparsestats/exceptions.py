"""The errors and warnings sparsestats raises itself."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.exceptions import ConvergenceWarning as _SklearnConvergenceWarning


class SparsestatsWarning(UserWarning):
    """Base of every warning the package raises on its own account."""


class ConvergenceWarning(SparsestatsWarning, _SklearnConvergenceWarning):
    """A returned model whose certificate is above the tolerance asked for."""


class DataWarning(SparsestatsWarning):
    """Something in the data that changes how the answer is to be read."""


class FormulaError(ValueError):
    """A formula that was refused before anything in it was evaluated."""


class MissingMethodError(TypeError):
    """A loss or penalty that lacks methods the chosen solver needs."""


class UnseenLevelError(ValueError):
    """A factor level at predict that the fit has never met.

    Attributes
    ----------
    variable : str
        The factor's column.
    levels : list
        The levels that were not seen at fit.
    rows : list of int
        Positions of the rows that carry them.
    contrasts : bool
        Whether the factor's columns compare levels, so that zeros stand for one of them.
    """

    def __init__(self, variable: str, levels: Sequence[object], rows: Sequence[int], contrasts: bool = False):
        self.variable, self.levels, self.rows = variable, list(levels), [int(r) for r in rows]
        self.contrasts = contrasts
        where, these = ("row", "this row") if len(self.rows) == 1 else ("rows", "these rows")
        what = "a level that was" if len(self.levels) == 1 else "levels that were"
        shown = ", ".join(map(str, self.rows[:5])) + (", ..." if len(self.rows) > 5 else "")
        super().__init__(
            f"{variable!r} has {what} not seen at fit: {self.levels} ({where} {shown}). "
            f'Pass unseen="nan" to get NaN for {these}'
            + (
                "; zeros would take them for another level, because its columns are contrasts between levels."
                if contrasts
                else ', or "zero" for no effect of such a level.'
            )
        )

    def __reduce__(self):
        return type(self), (self.variable, self.levels, self.rows, self.contrasts)
