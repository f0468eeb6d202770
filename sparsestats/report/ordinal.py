"""A path of ordinal models: coefficients by boundary, probabilities by category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ..backend.ordinal import probabilities
from . import plots
from .path import Path

MODELLED = {
    "cumulative": ("P(Y <= k)", "P(Y > k)"),
    "sratio": ("P(Y = k | Y >= k)", "P(Y = k + 1 | Y <= k + 1)"),
    "cratio": ("P(Y <= k | Y <= k + 1)", "P(Y > k | Y >= k)"),
    "acat": ("P(Y = k | Y in {k, k + 1})", "P(Y = k + 1 | Y in {k, k + 1})"),
}
"""What a boundary's linear predictor gives, and what it gives with ``reverse=True``."""


@dataclass(frozen=True, eq=False)
class OrdinalPath(Path):
    """Fits along decreasing penalties with a vector of coefficients for every boundary between categories.

    Parameters
    ----------
    coefs : ndarray (k, K-1, p), intercepts : ndarray (k, K-1)
        Boundaries in the order of ``categories``.
    categories : ndarray (K,)
    family, link, reverse, repair
        As in the estimator that made the path.

    The other parameters are those of :class:`~sparsestats.report.path.Path`.
    """

    categories: Any = None
    family: str = "cumulative"
    link: str = "logit"
    reverse: bool = False
    repair: str = "rearrange"

    @cached_property
    def n_nonzero(self) -> np.ndarray:
        """Columns with a coefficient other than 0 at some boundary, (k,)."""
        return np.count_nonzero((self.coefs != 0).any(axis=1), axis=1)

    @cached_property
    def n_steps(self) -> np.ndarray:
        """Changes of a coefficient from one boundary to the next, (k,); 0 is proportional odds."""
        return np.count_nonzero(np.diff(self.coefs, axis=1), axis=(1, 2))

    @property
    def names(self) -> Any:
        if self.feature_names is not None:
            return self.feature_names
        return [f"x{j}" for j in range(self.coefs.shape[2])]

    @property
    def modelled(self) -> str:
        """The probability that a boundary's linear predictor gives, and a positive coefficient raises."""
        return MODELLED[self.family][self.reverse]

    @property
    def boundaries(self) -> list[str]:
        """Names of the boundaries: ``"<=low"``, or ``">low"`` with ``reverse``."""
        sign = ">" if self.reverse else "<="
        return [f"{sign}{c}" for c in self.categories[:-1]]

    def __repr__(self) -> str:
        k, m, p = self.coefs.shape
        if k == 0:
            return f"OrdinalPath of 0 alphas, {p} columns"
        missed = int(k - self.converged.sum())
        return (
            f"OrdinalPath of {k} alphas, {self.alphas[0]:.4g} to {self.alphas[-1]:.4g} "
            f"(alpha_max {self.alpha_max:.4g}), "
            f"{m} boundaries: {self.n_nonzero[0]} to {self.n_nonzero[-1]} of {p} columns selected, "
            f"{self.n_steps[0]} to {self.n_steps[-1]} steps between boundaries; "
            + (f"{missed} NOT CONVERGED" if missed else "all converged")
            + f"; a positive coefficient raises {self.modelled}"
        )

    def intercept(self, alpha: float) -> np.ndarray:  # type: ignore[override]
        """Intercepts (K-1,) at ``alpha``, linear in alpha between grid points."""
        i, j, w = self.locate(alpha)
        return self.intercepts[i].copy() if i == j else (1 - w) * self.intercepts[i] + w * self.intercepts[j]

    def averaged(self, shares: np.ndarray, alpha: float) -> OrdinalPath:
        """The one model whose coefficients are the weighted mean of the path's, as a path of its own.

        Order constraints and bounds on coefficients are convex, so the mean keeps what its parts keep.

        Parameters
        ----------
        shares : ndarray (k,) >= 0, summing to 1
        alpha : float
            The alpha that stands for the mean.

        Returns
        -------
        OrdinalPath of one row
            Its certificate (and the most crossing rows) is the worst among the models that make up 99.9 % of the
            mean; its deviance ratio is not known from the coefficients and NaN.
        """
        largest = np.argsort(-shares)
        needed = largest[: 1 + int(np.searchsorted(np.cumsum(shares[largest]), 0.999))]
        return replace(
            self,
            alphas=np.array([alpha]),
            coefs=np.tensordot(shares, self.coefs, 1)[None],
            intercepts=(shares @ self.intercepts)[None],
            certificates=[max((self.certificates[i] for i in needed), key=lambda c: c.relative)],
            deviance_ratio=np.array([np.nan]),
            info={
                "crossing": np.array([max(self.info["crossing"][i] for i in needed)]),
                "constrained": np.array([all(self.info["constrained"][i] for i in needed)]),
            },
            duals=None,
        )

    def linear_predictors(self, X: Any, alpha: float, offset: Any = None) -> np.ndarray:
        """eta at every boundary, (n, K-1)."""
        data = self._rows(X, offset)
        eta = data @ self.coef(alpha).T + self.intercept(alpha)
        if offset is not None:
            shift = np.asarray(offset, dtype=float)
            if shift.shape != (data.shape[0],):
                raise ValueError(f"offset must have shape ({data.shape[0]},), got {shift.shape}.")
            eta = eta + shift[:, None]
        return eta

    def predict(  # type: ignore[override]
        self, X: Any, alpha: float | None = None, offset: Any = None, *, type: str = "prob"
    ) -> np.ndarray:
        """Predictions at one alpha, or at all of them (first axis).

        Parameters
        ----------
        X : array-like or sparse (n, p)
        alpha : float or None
        offset : array-like (n,) or None
        type : {"prob", "cumulative", "link", "class"}
            Probabilities (n, K) in the order of ``categories``; P(Y <= k) (n, K-1); linear predictors
            (n, K-1); the most probable category (n,). Rows whose boundaries cross are repaired.

        Returns
        -------
        ndarray

        Raises
        ------
        ValueError
            When columns do not match by number or name, an offset is missing, ``alpha`` is outside the range or
            ``type`` is unknown.
        """
        if type not in ("prob", "cumulative", "link", "class"):
            raise ValueError(f'type must be "prob", "cumulative", "link" or "class", got {type!r}.')
        if alpha is None:
            return np.stack([self.predict(X, a, offset, type=type) for a in self.alphas])
        eta = self.linear_predictors(X, alpha, offset)
        if type == "link":
            return eta
        p = probabilities(eta, self.family, self.link, self.repair, reverse=self.reverse).probabilities
        if type == "prob":
            return p
        if type == "cumulative":
            return np.minimum(np.cumsum(p[:, :-1], axis=1), 1.0)
        return np.asarray(self.categories)[p.argmax(axis=1)]

    def tidy(self, zeros: bool = False) -> pd.DataFrame:
        """Long frame: alpha, boundary, column, estimate, estimate_std (when ``sd`` is known)."""
        mask = np.ones(self.coefs.shape, dtype=bool) if zeros else self.coefs != 0
        row, boundary, column = np.nonzero(mask)
        frame = {
            "alpha": self.alphas[row],
            "boundary": np.asarray(self.boundaries, dtype=object)[boundary],
            "column": np.asarray(self.names, dtype=object)[column],
            "estimate": self.coefs[row, boundary, column],
        }
        if self.sd is not None:
            frame["estimate_std"] = frame["estimate"] * self.sd[column]
        return pd.DataFrame(frame)

    def plot_data(self, by: str | None = None) -> pd.DataFrame:
        """The frame behind ``plot``: alpha, label, boundary, value, for columns that leave zero somewhere."""
        _by_column(by)
        shown = np.flatnonzero((self.coefs != 0).any(axis=(0, 1)))
        k, m, _ = self.coefs.shape
        scale = np.ones(self.coefs.shape[2]) if self.sd is None else self.sd
        values = (self.coefs * scale)[:, :, shown]
        return pd.DataFrame(
            {
                "alpha": np.repeat(self.alphas, m * len(shown)),
                "boundary": np.tile(np.repeat(np.asarray(self.boundaries, dtype=object), len(shown)), k),
                "label": np.tile(np.asarray(self.names, dtype=object)[shown], k * m),
                "value": values.ravel(),
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
        """Coefficients against alpha, one line a column and boundary; where a bundle splits, odds part.

        Parameters
        ----------
        ax : matplotlib Axes or None
        by : {"column"} or None
            Lines of an ordinal path are columns.
        top : int
            How many columns to colour and name.
        name : {"first", "largest"} or None
            Which: those that leave zero first, or (None) the largest at the end of the path.
        mark : dict of str to float or None
            Alphas to draw a line at, by name.
        """
        _by_column(by)
        ax = plots.new_axes(ax)
        plots.clean(ax)
        scale = np.ones(self.coefs.shape[2]) if self.sd is None else self.sd
        values = self.coefs * scale
        size = np.abs(values[-1]).max(axis=0) if len(self) else np.zeros(values.shape[2])
        entered = np.argmax((values != 0).any(axis=1), axis=0) if name == "first" else np.zeros(len(size))
        order = [j for j in np.lexsort([-size, entered]) if size[j] > 0]
        top = max(0, min(top, len(plots.COLOURS)))
        for j in order[top:]:
            ax.plot(self.alphas, values[:, :, j], color=plots.FAINT, linewidth=0.7, zorder=1)
        for j, colour in zip(order[:top], plots.COLOURS, strict=False):
            ax.plot(self.alphas, values[:, :, j], color=colour, linewidth=1.3, zorder=3)
        plots.alpha_axis(ax, self.alphas)
        ax.axhline(0, color=plots.INK, linewidth=0.8, zorder=2)
        ax.set_ylabel(self.axis_label)
        plots.counts_on_top(ax, self.alphas, self.n_nonzero, "columns selected")
        named = order[:top]
        plots.label_ends(
            ax,
            [float(values[-1, :, j].mean()) for j in named],
            [str(self.names[j]) for j in named],
            plots.COLOURS[: len(named)],
        )
        if mark:
            plots.mark_alphas(ax, mark)
        return ax

    @property
    def axis_label(self) -> str:
        """Of the axis of coefficients in plots: their scale, and what those above 0 do."""
        scale = "" if self.sd is None else " x sd of the column"
        return f"coefficient{scale}\nabove 0 raises {self.modelled}"

    def profile(self, alpha: float) -> pd.DataFrame:
        """Coefficients over the boundaries at one alpha: boundaries x columns, the intercept first."""
        values = np.column_stack([self.intercept(alpha), self.coef(alpha)])
        return pd.DataFrame(
            values,
            index=pd.Index(self.boundaries, name="boundary"),
            columns=pd.Index(["(intercept)", *map(str, self.names)], name="column"),
        )


def _by_column(by: str | None) -> None:
    if by not in (None, "column"):
        raise ValueError(f'by must be "column" or None for an ordinal path, got {by!r}.')
