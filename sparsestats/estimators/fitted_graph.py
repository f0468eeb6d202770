"""What can be asked of a fitted linear DAG: effects, interventions, rows drawn from it, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_n_features, check_is_fitted

from ..backend.dag import varying
from ..backend.graphs import cpdag, descendants
from ..report.graphs import EdgeFrequencies, draw_graph, draw_matrix, edges_frame
from ..validation import as_random_state
from ._read import read


class FittedGraph(BaseEstimator):
    """Questions that weights, noise scales and the moments they were fitted to answer together."""

    noise: str
    missing: str
    adjacency_: np.ndarray
    penalized_: np.ndarray
    order_: np.ndarray
    intercept_: np.ndarray
    location_: np.ndarray
    covariance_: np.ndarray
    noise_scale_: Any
    noise_variances_: np.ndarray
    n_samples_: float
    n_features_in_: int

    def _check_X(self, X: Any, *, reset: bool, n_min: int = 1) -> np.ndarray:
        plain = type(X) is np.ndarray and X.dtype == np.float64 and X.ndim == 2 and X.size > 0 and len(X) >= n_min
        if plain and (reset or not hasattr(self, "feature_names_in_")) and np.isfinite(X.sum()):
            # There is nothing to convert, no name to compare and no value to refuse; to find that out again takes
            # as long as the search over orders of 40 variables.
            if hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            _check_n_features(self, X, reset=reset)
            return X
        finite = "allow-nan" if self.missing == "em" else True
        return read(self, X, reset=reset, dtype=np.float64, ensure_all_finite=finite, ensure_min_samples=n_min)

    def names(self) -> list[str]:
        """Names of the variables; ``x0, x1, ...`` without a frame."""
        return [str(name) for name in getattr(self, "feature_names_in_", [f"x{j}" for j in range(self.n_features_in_)])]

    @property
    def cpdag_(self) -> np.ndarray:
        """The Markov class, bool (d, d): ``[i, j]`` and ``[j, i]`` both set is an edge that may point either way."""
        check_is_fitted(self)
        return cpdag(self.adjacency_)

    @property
    def r2_sortability_(self) -> float:
        """Share of edges that lead to a larger R2 given all others; nan without edges or if singular."""
        check_is_fitted(self)
        kept = np.flatnonzero(varying(self.covariance_, self.location_))  # what is constant has no edges
        S, edges = (A[np.ix_(kept, kept)] for A in (self.covariance_, self.adjacency_))
        sources, targets = np.nonzero(edges)
        if not len(sources) or self.n_samples_ <= len(kept):
            return float("nan")
        sd = np.sqrt(np.diagonal(S))
        try:
            r2 = 1 - 1 / np.diagonal(np.linalg.inv(S / np.outer(sd, sd)))
        except np.linalg.LinAlgError:
            return float("nan")
        return float(np.mean(r2[sources] < r2[targets]))

    @property
    def log_likelihood_(self) -> float:
        """Mean Gaussian log-likelihood of a row of the fitting data, from its moments."""
        check_is_fitted(self)
        v = self._variances_by_model()
        noisy = v > 0
        per_column = np.log(2 * np.pi * v[noisy]) + self.noise_variances_[noisy] / v[noisy]
        return float(-0.5 * per_column.sum())

    def predict(self, X: Any) -> np.ndarray:
        """Every variable given its parents' observed values, (n, d)."""
        check_is_fitted(self)
        return self._given_parents(self._check_X(X, reset=False))

    def _given_parents(self, X: np.ndarray) -> np.ndarray:
        return self.location_ + (X - self.location_) @ self.adjacency_

    def score(self, X: Any, y: Any = None) -> float:
        """Mean Gaussian log-likelihood of the rows of X under the fitted graph.

        Variables without noise (constants, exact functions of others) are left out.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        residual = X - self._given_parents(X)
        v = self._variances_by_model()
        noisy = v > 1e-12 * np.maximum(np.diagonal(self.covariance_), np.finfo(float).tiny)
        per_row = np.log(2 * np.pi * v[noisy]) + residual[:, noisy] ** 2 / v[noisy]
        return float(-0.5 * per_row.sum(axis=1).mean())

    def _variances_by_model(self) -> np.ndarray:
        """Noise variances the model implies: a common one for noise="ev", 0 for constants."""
        if self.noise == "nv":
            return self.noise_variances_
        return np.where(varying(self.covariance_, self.location_), self.noise_scale_**2, 0.0)

    def sample(self, n_samples: int = 1, *, do: Mapping | None = None, random_state: Any = None) -> np.ndarray:
        """Rows drawn from the graph with Gaussian noise.

        Parameters
        ----------
        n_samples : int >= 1
        do : mapping variable -> value, or None
            Variables set from outside; their parents no longer matter.
        random_state : int, RandomState, Generator or None

        Returns
        -------
        ndarray (n_samples, d)
        """
        check_is_fitted(self)
        if not (isinstance(n_samples, int | np.integer) and n_samples >= 1):
            raise ValueError(f"n_samples must be a whole number >= 1; got {n_samples!r}")
        W, base = self._intervened(do)
        noise = as_random_state(random_state).normal(size=(n_samples, len(W)))
        scale = np.sqrt(self._variances_by_model())
        scale[list(self._positions(do))] = 0.0
        return np.linalg.solve((np.eye(len(W)) - W).T, (base + noise * scale).T).T

    def do(self, interventions: Mapping) -> np.ndarray:
        """Means of all variables when some are set from outside.

        Parameters
        ----------
        interventions : mapping variable -> value
            Names of columns, or positions.

        Returns
        -------
        ndarray (d,)
        """
        check_is_fitted(self)
        W, base = self._intervened(interventions)
        return np.linalg.solve((np.eye(len(W)) - W).T, base)

    def _intervened(self, do: Mapping | None) -> tuple[np.ndarray, np.ndarray]:
        W, base = self.adjacency_.copy(), self.intercept_.copy()
        for j, value in self._positions(do).items():
            W[:, j] = 0.0
            base[j] = value
        return W, base

    def _positions(self, do: Mapping | None) -> dict[int, float]:
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        out = {}
        for variable, value in (do or {}).items():
            if str(variable) in names:
                j = names.index(str(variable))
            elif isinstance(variable, Integral) and 0 <= int(variable) < self.n_features_in_:
                j = int(variable)
            else:
                raise ValueError(f"do names {variable!r}, which is not a column of the fit")
            if not np.isfinite(value):
                raise ValueError(f"do sets {variable!r} to {value}; a finite number is needed")
            out[j] = float(value)
        return out

    def total_effects(self) -> np.ndarray:
        """Change of the mean of j per unit of i set from outside, over all directed paths: (I - W)^{-1} - I;
        exactly 0 where there is no path.
        """
        check_is_fitted(self)
        identity = np.eye(len(self.adjacency_))
        total = np.linalg.solve(identity - self.adjacency_, identity) - identity
        return np.where(descendants(self.adjacency_), total, 0.0)

    def implied_covariance(self) -> np.ndarray:
        """Covariance of the fitted graph: (I - W)^{-T} diag(noise variances) (I - W)^{-1}."""
        check_is_fitted(self)
        spread = np.eye(len(self.adjacency_)) + self.total_effects()
        return spread.T @ (self._variances_by_model()[:, None] * spread)

    def to_frame(self) -> Any:
        """Edges as a frame: from, to, effect, penalised, total (over all directed paths); strongest first."""
        check_is_fitted(self)
        return edges_frame(self.names(), self.adjacency_, self.penalized_, self.total_effects())

    def to_networkx(self) -> Any:
        """A ``networkx.DiGraph`` with ``weight`` on the edges.

        Raises
        ------
        ImportError
            When networkx is not installed; it says which extra brings it.
        """
        check_is_fitted(self)
        try:
            import networkx as nx
        except ImportError as error:
            raise ImportError("to_networkx needs networkx: pip install 'sparsestats[graph]'.") from error
        graph, names = nx.DiGraph(), self.names()
        graph.add_nodes_from(names)
        graph.add_weighted_edges_from(
            (names[i], names[j], float(self.adjacency_[i, j]))
            for i, j in zip(*np.nonzero(self.adjacency_), strict=True)
        )
        return graph

    def plot(self, kind: str = "dag", ax: Any = None, *, frequencies: EdgeFrequencies | None = None) -> Any:
        """The graph, causes on the left; solid blue edges raise, dashed orange ones lower.

        Parameters
        ----------
        kind : {"dag", "cpdag", "matrix"}
            "cpdag" draws edges that may point either way in grey, without heads. "matrix" shows the weights
            in the order, and stays readable beyond 40 variables.
        ax : matplotlib Axes or None
        frequencies : EdgeFrequencies or None
            Of ``bootstrap``: written beside the edges instead of the weights.

        Returns
        -------
        Axes
        """
        check_is_fitted(self)
        if kind == "matrix":
            return draw_matrix(self.names(), self.adjacency_, self.order_, ax)
        if kind not in ("dag", "cpdag"):
            raise ValueError(f'kind must be "dag", "cpdag" or "matrix"; got {kind!r}')
        labels = None if frequencies is None else frequencies.frequencies
        return draw_graph(
            self.names(),
            self.adjacency_,
            self.order_,
            ax,
            labels=labels,
            cpdag=self.cpdag_ if kind == "cpdag" else None,
        )
