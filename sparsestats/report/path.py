"""A fitted regularisation path: the object a person holds, reads, predicts from and plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..backend.certificate import Certificate
from ..backend.problem import PathResult
from . import plots
from .clusters import cluster_frame, cluster_labels

_SNAP = 1e-10
"""Relative distance at which an alpha is taken for one of the grid: more than rounding, less than a step."""


@dataclass(frozen=True, eq=False)
class Path:
    """Fits along decreasing penalties, coefficients on the data's own scale.

    Each row minimises ``(1/n) sum w_i l(y_i, b0 + x_i'b) + alpha * J(S b)`` for its alpha (J the penalty, S
    the standardisation). Between two alphas ``coef`` and ``predict`` interpolate linearly in alpha.

    Parameters
    ----------
    alphas : ndarray (k,)
        Penalty strengths, largest first.
    coefs : ndarray (k, p), or (k, K, p) with K > 2 classes
        Coefficients; constant columns hold exact zeros.
    intercepts : ndarray (k,), or (k, K)
        Intercepts, zeros when none was fitted.
    certificates : sequence of Certificate
        One a row, computed from that row.
    alpha_max : float
        Smallest alpha at which every penalised coefficient is 0.
    deviance_ratio : ndarray (k,)
        1 - loss / null loss, the null model that of alpha infinite: intercept, offset and unpenalised columns
        (glmnet's ``dev.ratio`` leaves the unpenalised columns out of its null model).
    stopped : str
        Empty when every alpha asked for was fitted, else why the path is shorter.
    seconds : float
        Wall time of the whole path.
    feature_names : sequence of str or None
        Column names; None stands for x0, x1, ...
    groups : ndarray of int (p,) or None
        Group label of each column, 0..m-1; None when each column stands alone.
    group_names : sequence of str or None
        Names of the groups (the terms of a formula).
    mean : callable or None
        Inverse link of the loss, for ``predict(type="response")``; None is the identity.
    sd : ndarray (p,) or None
        Standard deviations of the columns (weighted, divisor n), for standardised estimates.
    standardization : sparse array (p, p) or None
        The map to the coefficients that the penalty sees, before it multiplies them by ``penalty_factor``. Without it
        group norms are those of ``sd * coef``.
    info : dict of str to ndarray
        Diagnostics of the solver, one value an alpha.
    duals : list or None
        Multipliers of the user's own constraints, one list an alpha (cvxpy only).
    penalty_factor : ndarray (p,) or None
        What the penalty multiplies each column by; None is ones.
    ranked : bool
        Whether the penalty ranks columns by size, so that they come in clusters of equal size.
    classes : ndarray (K,) or None
        What the K coefficient vectors of ``coefs`` belong to, in their order.
    has_offset : bool
        Whether it was fitted with an offset, so that predictions need one too.

    Attributes
    ----------
    n_nonzero : ndarray (k,), columns with a coefficient other than 0, for any class
    n_groups_active : ndarray (k,), groups with such a column
    n_clusters : ndarray (k,), different sizes among the penalised coefficients (``ranked`` paths only)
    converged : ndarray of bool (k,), what the certificates say

    Examples
    --------
    >>> import numpy as np
    >>> from sparsestats.report.path import Path
    >>> alphas, coefs = np.array([1.0, 0.5]), np.array([[0.0], [1.0]])
    >>> path = Path(alphas, coefs, np.zeros(2), [], 1.0, deviance_ratio=np.array([0.0, 0.5]))
    >>> path.coef(0.75)
    array([0.5])
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    certificates: Sequence[Certificate]
    alpha_max: float
    deviance_ratio: np.ndarray
    stopped: str = ""
    seconds: float = 0.0
    feature_names: Sequence[str] | None = None
    groups: np.ndarray | None = None
    group_names: Sequence[str] | None = None
    mean: Callable[[np.ndarray], np.ndarray] | None = None
    sd: np.ndarray | None = None
    standardization: sparse.sparray | None = None
    info: dict[str, np.ndarray] = field(default_factory=dict)
    duals: list | None = None
    penalty_factor: np.ndarray | None = None
    ranked: bool = False
    classes: np.ndarray | None = None
    has_offset: bool = False

    @classmethod
    def from_result(cls, result: PathResult, **described: Any) -> Path:
        """A solver's answer as a path; ``described`` is what it cannot know: names, groups, scales and the like."""
        return cls(
            alphas=result.alphas,
            coefs=result.coefs,
            intercepts=result.intercepts,
            certificates=result.certificates,
            alpha_max=result.alpha_max,
            deviance_ratio=result.deviance_ratio,
            stopped=result.stopped,
            seconds=result.seconds,
            info=result.info,
            duals=result.duals,
            **described,
        )

    def __len__(self) -> int:
        return len(self.alphas)

    def __repr__(self) -> str:
        n, p = len(self), self.coefs.shape[-1]
        if n == 0:
            return f"Path of 0 alphas, {p} columns"
        missed = int(n - self.converged.sum()) if self.certificates else 0
        state = f"{missed} NOT CONVERGED" if missed else "all converged" if self.certificates else "no certificates"
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        return (
            f"Path of {n} alphas, {self.alphas[0]:.4g} to {self.alphas[-1]:.4g} "
            f"(alpha_max {self.alpha_max:.4g}): "
            f"{self.n_nonzero[0]} to {self.n_nonzero[-1]} of {p} columns selected, "
            f"deviance ratio up to {np.max(self.deviance_ratio):.3f}; {state}{stopped}"
        )

    @cached_property
    def n_nonzero(self) -> np.ndarray:
        return np.count_nonzero(self.selected(self.coefs), axis=1)

    @cached_property
    def n_groups_active(self) -> np.ndarray:
        return np.count_nonzero(self.group_norms(), axis=1)

    @cached_property
    def n_clusters(self) -> np.ndarray:
        return np.array([self._clusters(row).max(initial=0) for row in self.coefs], dtype=int)

    @cached_property
    def converged(self) -> np.ndarray:
        return np.array([c.converged for c in self.certificates], dtype=bool)

    @property
    def names(self) -> Sequence[str]:
        """Column names, made up (x0, x1, ...) where none were given."""
        if self.feature_names is not None:
            return self.feature_names
        return [f"x{j}" for j in range(self.coefs.shape[-1])]

    @property
    def multinomial(self) -> bool:
        """Whether there is a coefficient vector for each of several classes."""
        return self.coefs.ndim == 3

    @property
    def coef_names(self) -> Sequence[str]:
        """A name for each coefficient of a row: the columns', or ``column [class]``, class after class."""
        if not self.multinomial:
            return self.names
        classes = range(self.coefs.shape[1]) if self.classes is None else self.classes
        return [f"{name} [{label}]" for label in classes for name in self.names]

    def selected(self, coefs: np.ndarray) -> np.ndarray:
        """Which columns have a coefficient other than 0."""
        return np.any(coefs != 0, axis=-2) if self.multinomial else coefs != 0

    @property
    def labels(self) -> Sequence[str]:
        """Names of the groups, made up where none were given; the columns' when each stands alone."""
        if self.groups is None:
            return self.names
        if self.group_names is not None:
            return self.group_names
        sizes = np.bincount(self.groups)
        names = np.asarray(self.names, dtype=object)
        first = np.zeros(len(sizes), dtype=np.intp)
        first[self.groups[::-1]] = np.arange(len(self.groups))[::-1]
        return [str(names[first[g]]) if m == 1 else f"group {g}" for g, m in enumerate(sizes)]

    def group_norms(self) -> np.ndarray:
        """Euclidean norm of each group's coefficients on the penalty's scale, (k, m), penalty factors left out.

        Under ``standardize="group"`` that is the standard deviation of the group's part of the fit.
        Columns stand for groups when there are none: then absolute standardised coefficients. With several classes
        the norm is over all of them.
        """
        c = self.to_penalty(self.coefs)
        squares = np.sum(c * c, axis=1) if self.multinomial else c * c
        if self.groups is None:
            return np.sqrt(squares) if self.multinomial else np.abs(c)
        p, m = c.shape[-1], int(self.groups.max()) + 1 if len(self.groups) else 0
        member = sparse.csr_array((np.ones(p), (np.arange(p), self.groups)), shape=(p, m))
        return np.sqrt(squares @ member)

    def to_penalty(self, coefs: np.ndarray) -> np.ndarray:
        """Coefficients (..., p) on the scale the penalty sees, as far as it is known; without the penalty factors."""
        if self.standardization is not None:
            return (self.standardization @ coefs.reshape(-1, coefs.shape[-1]).T).T.reshape(coefs.shape)
        return coefs if self.sd is None else coefs * self.sd

    def clusters(self, alpha: float) -> pd.DataFrame:
        """The columns that share one absolute coefficient on the penalty's scale, largest first.

        A sorted-L1 penalty makes coefficients equal in size, exactly: correlated columns, and any whose order
        the data cannot tell. What is equal is ``penalty_factor * sd * |coef|``; see ``clusters.TIE`` for how
        exactly.

        Parameters
        ----------
        alpha : float
            Between two alphas of the grid the clusters are those of the interpolated coefficients.

        Returns
        -------
        DataFrame with cluster (1, 2, ...), size, abs_std, members (names), signs (+1 or -1, one a member)
            One row a cluster; free columns and zeros are in none.

        Raises
        ------
        ValueError
            When the penalty does not rank columns, or ``alpha`` is outside the fitted range.
        """
        coef = self.coef(alpha)
        return cluster_frame(self._penalized(coef).ravel(), self._clusters(coef).ravel(), self.coef_names)

    def cluster_labels(self, alpha: float) -> np.ndarray:
        """The cluster of each column at ``alpha``, (p,): 1 the largest in size, 0 for zeros and free columns."""
        return self._clusters(self.coef(alpha))

    def _clusters(self, coef: np.ndarray) -> np.ndarray:
        if not self.ranked:
            raise ValueError(
                "Clusters are ties of columns that the penalty ranks (SLOPE); this path's penalty ranks none."
            )
        return cluster_labels(self._penalized(coef))

    def _penalized(self, coef: np.ndarray) -> np.ndarray:
        """Coefficients with the penalty factors: what the penalty ranks, 0 for free columns."""
        c = self.to_penalty(coef)
        return c if self.penalty_factor is None else c * self.penalty_factor

    def locate(self, alpha: float) -> tuple[int, int, float]:
        """Rows i, j and weight w with fit(alpha) = (1 - w) row_i + w row_j; on the grid i = j and w = 0.

        Raises
        ------
        ValueError
            When ``alpha`` lies outside the fitted range, or no alpha was fitted.
        """
        alphas = self.alphas
        if len(alphas) == 0:
            raise ValueError(
                "The path is empty: no alpha was fitted" + (f" ({self.stopped})." if self.stopped else ".")
            )
        if not isinstance(alpha, Real):
            raise ValueError(f"alpha must be one number, got {alpha!r}.")
        alpha = float(alpha)
        nearest = int(np.argmin(np.abs(alphas - alpha)))
        if abs(alphas[nearest] - alpha) <= _SNAP * max(abs(alpha), abs(float(alphas[nearest]))):
            return nearest, nearest, 0.0
        if not alphas[-1] < alpha < alphas[0]:
            fitted = f"range [{alphas[-1]:.6g}, {alphas[0]:.6g}]" if len(alphas) > 1 else f"alpha, {alphas[0]:.6g}"
            raise ValueError(
                f"alpha={alpha:.6g} is outside the fitted {fitted}. "
                "Fit a path that reaches it (alphas=), or fit that alpha."
            )
        j = int(np.searchsorted(-alphas, -alpha))
        i = j - 1
        return i, j, float((alphas[i] - alpha) / (alphas[i] - alphas[j]))

    def coef(self, alpha: float) -> np.ndarray:
        """Coefficients (p,) or (K, p) at ``alpha``, linear in alpha between grid points.

        Raises
        ------
        ValueError
            When ``alpha`` is outside the fitted range.
        """
        i, j, w = self.locate(alpha)
        return self.coefs[i].copy() if i == j else (1 - w) * self.coefs[i] + w * self.coefs[j]

    def intercept(self, alpha: float) -> Any:
        """Intercept at ``alpha``, or those of the K classes (K,); linear in alpha between grid points."""
        i, j, w = self.locate(alpha)
        value = (1 - w) * self.intercepts[i] + w * self.intercepts[j]
        return value if self.multinomial else float(value)

    def predict(self, X: Any, alpha: float | None = None, offset: Any = None, *, type: str = "response") -> np.ndarray:
        """Predictions at one alpha, or at all of them.

        Parameters
        ----------
        X : array-like or sparse (n, p)
        alpha : float or None
            None answers for every alpha of the path.
        offset : array-like (n,), (n, K) with K > 2 classes, or None
            Added to the linear predictor.
        type : {"response", "link"}
            The mean of y (the probabilities of the classes), or the linear predictor.

        Returns
        -------
        ndarray (n,), or (n, k) when ``alpha`` is None; with K > 2 classes (n, K), or (n, k, K)

        Raises
        ------
        ValueError
            When columns do not match by number or name, an offset is missing, ``alpha`` is outside the range or
            ``type`` is unknown.
        """
        if type not in ("response", "link"):
            raise ValueError(f'type must be "response" or "link", got {type!r}.')
        data = self._rows(X, offset)
        if alpha is None:
            eta = linear_predictors(data, self.coefs, self.intercepts)
        else:
            eta = data @ self.coef(alpha).T + self.intercept(alpha)
        if offset is not None:
            shift = np.asarray(offset, dtype=float)
            shape = (len(eta), *self.coefs.shape[1:-1])
            if shift.shape != shape:
                raise ValueError(f"offset must have shape {shape}, got {shift.shape}.")
            eta = eta + (shift[:, None] if alpha is None else shift)
        return eta if type == "link" or self.mean is None else self.mean(eta)

    def _rows(self, X: Any, offset: Any) -> Any:
        """The rows to predict as numbers, when their columns are those of the fit and an offset comes if it had one."""
        if offset is None and self.has_offset:
            raise ValueError("this path was fitted with an offset; predict needs offset= for the new rows")
        # As in scikit-learn columns that are not named by text are taken by their place.
        names = [name for name in getattr(X, "columns", ()) if isinstance(name, str)]
        if names and self.feature_names is not None and names != list(self.feature_names):
            raise ValueError(
                f"X must have the columns of the fit in their order, {list(self.feature_names)[:10]}; got {names[:10]}"
            )
        data: Any = X if sparse.issparse(X) else np.asarray(X, dtype=float)
        p = self.coefs.shape[-1]
        if data.ndim != 2 or data.shape[1] != p:
            raise ValueError(f"X must have shape (n, {p}), got {data.shape}.")
        return data

    def tidy(self, zeros: bool = False) -> pd.DataFrame:
        """Long frame of the coefficients, the intercept not among them.

        Parameters
        ----------
        zeros : bool
            Keep coefficients that are 0.

        Returns
        -------
        DataFrame with alpha, class (with K > 2), column, group (when grouped), estimate, estimate_std (when ``sd``
        is known)
        """
        place = np.nonzero(np.ones_like(self.coefs) if zeros else self.coefs)
        row, column, estimate = place[0], place[-1], self.coefs[place]
        frame: dict[str, Any] = {"alpha": self.alphas[row]}
        if self.multinomial:
            frame["class"] = place[1] if self.classes is None else self.classes[place[1]]
        frame["column"] = np.asarray(self.names, dtype=object)[column]
        if self.groups is not None:
            frame["group"] = np.asarray(self.labels, dtype=object)[self.groups[column]]
        frame["estimate"] = estimate
        if self.sd is not None:
            frame["estimate_std"] = estimate * self.sd[column]
        return pd.DataFrame(frame)

    def plot_data(self, by: str | None = None) -> pd.DataFrame:
        """The frame behind ``plot``: alpha, label, value, for every line that leaves zero somewhere.

        Parameters
        ----------
        by : {"column", "group"} or None
            Standardised coefficients, or norms of groups; None is "group" when some has several columns.
        """
        values, labels = self._lines(self._by(by))
        shown = np.flatnonzero(np.any(values != 0, axis=0))
        return pd.DataFrame(
            {
                "alpha": np.repeat(self.alphas, len(shown)),
                "label": np.tile(np.asarray(labels, dtype=object)[shown], len(self)),
                "value": values[:, shown].ravel(),
            }
        )

    def plot(
        self,
        ax: Any = None,
        *,
        by: str | None = None,
        top: int = 9,
        name: str | None = None,
        mark: Mapping[str, float] | None = None,
    ) -> Any:
        """Coefficients (or norms of groups) against alpha on a log scale, the null model on the left.

        Columns are multiplied by their standard deviation where it is known, so that their sizes compare.
        A few lines are coloured and named at their ends, by default the groups that enter first or the columns
        that end largest; the rest is grey, so that a hundred can be read. The number selected is on top.

        Parameters
        ----------
        ax : matplotlib Axes or None
        by : {"column", "group"} or None
            See ``plot_data``.
        top : int
            How many lines to name, at most 9.
        name : {"first", "largest"} or None
            Which: those that leave zero first, or the largest at the end of the path. None is "first" for groups
            and "largest" for columns.
        mark : dict of str to float or None
            Alphas to draw a line at, by name.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ValueError
            For another ``by`` or ``name``.
        """
        by = self._by(by)
        if name not in (None, "first", "largest"):
            raise ValueError(f'name must be "first" or "largest", got {name!r}.')
        values, labels = self._lines(by)
        ax = plots.new_axes(ax)
        plots.clean(ax)
        peak = np.max(np.abs(values), axis=0, initial=0.0)
        shown = np.flatnonzero(peak > 0)
        last = np.abs(values[-1]) if len(values) else peak
        early = (name or ("first" if by == "group" else "largest")) == "first"
        enters = np.argmax(values != 0, axis=0) if early and len(values) else np.zeros(len(peak), dtype=int)
        named = sorted(shown, key=lambda j: (enters[j], -last[j], -peak[j]))
        named = named[: max(0, min(top, len(plots.COLOURS)))]
        faint = np.setdiff1d(shown, named)
        marker = "o" if len(self) == 1 else ""
        if len(faint):
            ax.plot(self.alphas, values[:, faint], color=plots.FAINT, linewidth=0.7, marker=marker, zorder=1)
        for j, colour in zip(named, plots.COLOURS, strict=False):
            ax.plot(self.alphas, values[:, j], color=colour, linewidth=1.5, marker=marker, zorder=3)
        plots.alpha_axis(ax, self.alphas)
        ax.axhline(0, color=plots.INK, linewidth=0.8, zorder=2)
        if by == "group":
            ax.set_ylim(bottom=0)
            scaled = self.sd is not None or self.standardization is not None
            ax.set_ylabel("norm of the group's coefficients" + (" (standardised)" if scaled else ""))
        else:
            ax.set_ylabel("coefficient" + (" x sd of the column" if self.sd is not None else ""))
        counts = self.n_groups_active if by == "group" else self.n_nonzero
        plots.counts_on_top(ax, self.alphas, counts, f"{by}s selected")
        if mark:
            plots.mark_alphas(ax, mark)
        if named:
            ends = [float(values[-1, j]) for j in named]
            names = [str(labels[int(j)]) for j in named]
            plots.label_ends(ax, ends, names, plots.COLOURS[: len(named)])
        return ax

    def _by(self, by: str | None) -> str:
        if by is None:
            several = self.groups is not None and len(self.groups) > int(self.groups.max(initial=-1)) + 1
            return "group" if several else "column"
        if by not in ("column", "group"):
            raise ValueError(f'by must be "column" or "group", got {by!r}.')
        return by

    def _lines(self, by: str) -> tuple[np.ndarray, Sequence[str]]:
        if by == "group":
            return self.group_norms(), self.labels
        values = self.coefs if self.sd is None else self.coefs * self.sd
        return values.reshape(len(self), -1), self.coef_names


def linear_predictors(X: Any, coefs: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
    """Linear predictors of rows under every model of a path: (n, k), or (n, k, K) for coefs (k, K, p)."""
    eta = X @ coefs.reshape(-1, coefs.shape[-1]).T + np.ravel(intercepts)
    return eta.reshape(X.shape[0], *coefs.shape[:-1])
