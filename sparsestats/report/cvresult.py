"""What cross-validation found along a path: scores by fold, their mean and spread, the two rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from . import plots


@dataclass(frozen=True, eq=False)
class CVResult:
    """Scores of every alpha on every held-out fold.

    Parameters
    ----------
    scores : callable
        Returns the columns of ``table`` by name.
    alphas : ndarray (k,)
        Penalty strengths, largest first.
    mean, se : ndarray (k,)
        Mean score over folds, and its standard error.
    index_min, index_1se : int
        Rows of the best mean score, and of the largest alpha within one standard error of it.
    scoring : str
        Name of the score.
    greater_is_better : bool
        Its direction.
    n_nonzero : ndarray of int (k,) or None
        Number selected at each alpha by the fit to all rows.
    counted : str
        What is counted there.
    rounds : float
        How often a row was held out.
    held_out : str
        Digest of the rows of each fold: the same for two results exactly when their scores can be paired.
    null : float or None
        Mean held-out score of the null model.
    folds : str
        The folds in words, such as ``"10 folds (shuffled, random_state 0)"``.
    learned : str
        Where the terms of a formula learned their knots and scales, in words; "" when they learn nothing.

    Attributes
    ----------
    table : DataFrame
        Long: alpha, fold, score, n (held-out rows) and whatever else the selection keeps.
    alpha_min, alpha_1se : float

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.report.cvresult import CVResult
    >>> cv = CVResult(dict, np.array([1.0, 0.5]), np.array([2.0, 1.0]), np.array([0.3, 0.2]), 1, 1,
    ...               "mean_squared_error", False)
    >>> cv.alpha_min
    0.5
    """

    scores: Callable[[], Mapping[str, Any]]
    alphas: np.ndarray
    mean: np.ndarray
    se: np.ndarray
    index_min: int
    index_1se: int
    scoring: str
    greater_is_better: bool
    n_nonzero: np.ndarray | None = None
    null: float | None = None
    folds: str = ""
    counted: str = "columns"
    rounds: float = 1.0
    held_out: str = ""
    learned: str = ""

    @cached_property
    def table(self) -> pd.DataFrame:  # made when looked at: that takes as long as a quarter of a small path
        return pd.DataFrame(dict(self.scores()), copy=False)

    @property
    def alpha_min(self) -> float:
        return float(self.alphas[self.index_min])

    @property
    def alpha_1se(self) -> float:
        return float(self.alphas[self.index_1se])

    def index(self, rule: str) -> int:
        """Row chosen by a rule, "min" or "1se".

        Raises
        ------
        ValueError
            For any other rule.
        """
        rules = {"min": self.index_min, "1se": self.index_1se}
        if rule not in rules:
            raise ValueError(f'The rule must be "min" or "1se", got {rule!r}.')
        return rules[rule]

    def describe(self, rule: str) -> str:
        """The rule's row in words: score, standard error."""
        i = self.index(rule)
        return f"{self.scoring} {self.mean[i]:.5g} (se {self.se[i]:.3g})"

    def __repr__(self) -> str:
        rows = "\n".join(
            f"  {rule:<3}  alpha {self.alphas[self.index(rule)]:.4g}, {self.describe(rule)}" for rule in ("min", "1se")
        )
        where = f", {self.folds}" if self.folds else ""
        return f"Cross-validation over {len(self.alphas)} alphas{where}\n{rows}"

    def plot_data(self) -> pd.DataFrame:
        """The frame behind ``plot``: alpha, mean, se, low, high, and n_nonzero when known."""
        frame = pd.DataFrame(
            {
                "alpha": self.alphas,
                "mean": self.mean,
                "se": self.se,
                "low": self.mean - self.se,
                "high": self.mean + self.se,
            }
        )
        if self.n_nonzero is not None:
            frame["n_nonzero"] = self.n_nonzero
        return frame

    def plot(self, ax: Any = None) -> Any:
        """Mean held-out score against alpha, with one standard error either way and both rules marked.

        Parameters
        ----------
        ax : matplotlib Axes or None

        Returns
        -------
        matplotlib Axes
        """
        ax = plots.new_axes(ax)
        plots.clean(ax)
        ax.errorbar(
            self.alphas,
            self.mean,
            yerr=self.se,
            fmt="o",
            markersize=3.5,
            color=plots.COLOURS[1],
            ecolor=plots.FAINT,
            elinewidth=1.0,
            capsize=2,
            zorder=3,
        )
        best = self.index_min
        bound = self.mean[best] + (-self.se[best] if self.greater_is_better else self.se[best])
        ax.axhline(bound, color=plots.INK, linewidth=0.7, linestyle=":", zorder=2)
        plots.alpha_axis(ax, self.alphas, pad=0.02)
        better = "larger" if self.greater_is_better else "smaller"
        ax.set_ylabel(f"{self.scoring.replace('_', ' ')} ({better} is better)")
        if self.n_nonzero is not None:
            plots.counts_on_top(ax, self.alphas, self.n_nonzero, f"{self.counted} selected")
        plots.mark_alphas(ax, {"1 se": self.alpha_1se, "min": self.alpha_min})
        return ax
