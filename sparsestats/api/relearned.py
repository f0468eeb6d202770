"""A design whose knots and scales are learned inside each fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..formula import Spec
from ..formula.evaluate import Evaluator
from ..formula.frame import Subset, Table
from ..formula.spec import Product


def learns(spec: Spec) -> bool:
    """Whether some term learned numbers from the rows: knots, centres, scales. Levels do not count."""
    return any("levels" not in state for state in spec.states.values())


@dataclass(frozen=True, eq=False)
class Relearned:
    """Called with the training rows of a fold, gives the design of all rows.

    Levels stay those of all rows: a fold that misses one still has its column.

    Parameters
    ----------
    spec : Spec
        Learned on all rows.
    data : DataFrame
    used : ndarray of int
        Rows of ``data`` in the design.
    source : ndarray of int or None
        The design's row that each row of the estimator comes from, when they are not the same.
    """

    spec: Spec
    data: Any
    used: np.ndarray
    source: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Of what a call returns."""
        return len(self.used if self.source is None else self.source), len(self.spec.names)

    def __call__(self, train: np.ndarray) -> np.ndarray:
        rows = np.unique(train if self.source is None else self.source[train])
        spec = _learned_on(self.spec, Table(self.data), self.used[rows])
        X = spec.transform(self.data, need_offset=False).X[self.used]
        if X.shape[1] != self.shape[1]:
            raise ValueError(
                "A term has another number of columns in this fold than on all rows (quantiles coincide?); "
                "terms_in_folds=False learns the terms once."
            )
        return np.asfortranarray(X if self.source is None else X[self.source])


def _learned_on(spec: Spec, table: Table, rows: np.ndarray) -> Spec:
    states: dict[str, dict[str, Any]] = {}
    evaluator = Evaluator(Subset(table, rows), states, spec.env, learning=True, rows=rows)
    for block in spec.blocks:
        if isinstance(block, Product):
            for node, full in zip(block.factors, block.full, strict=True):
                evaluator.factor(node, full=full, free=block.free)
    kept = {key: state for key, state in spec.states.items() if "levels" in state}
    return replace(spec, states={**spec.states, **states, **kept})
