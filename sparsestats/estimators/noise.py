"""Penalties scaled by the noise: the alpha at which a sequence's false discovery rate is the one it names."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from ..backend.standardize import dense_columns
from ._response import PathRegressor


def noise_scaled(estimator: Any, X: Any, y: Any, *, max_rounds: int = 50) -> Any:
    """Fit at alpha = sigma / sqrt(n), the noise estimated along with the model (scaled SLOPE).

    Sequences such as "bh" are quantiles of noise of size 1; in the loss (1/2n) ||y - Xb||^2 on columns of
    variance 1 their false discovery rate is q at alpha = sigma / sqrt(n). Starting from the standard deviation
    of y, sigma is estimated by least squares on the columns selected so far, until the selection repeats.

    Parameters
    ----------
    estimator : SLOPE, GroupSLOPE or SparseGroupSLOPE
        Of family "gaussian"; copied, never changed. Its ``alpha`` is not used.
    X : array-like, sparse matrix or DataFrame (n, p)
    y : array-like (n,)
    max_rounds : int >= 1, default 50

    Returns
    -------
    estimator
        A fitted copy, with ``sigma_`` (the estimate its ``alpha_`` was made of) and ``n_rounds_``. Of
        selections that alternate, the smaller; the rounds also end where a selection leaves no degrees of
        freedom for sigma.

    Raises
    ------
    TypeError
        For an estimator that is not a regressor with a path.
    ValueError
        For a family that is not "gaussian", or max_rounds below 1.

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization, algorithm 5.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 20))
    >>> model = ss.noise_scaled(ss.SLOPE(), X, 3 * X[:, 0] + rng.standard_normal(200))
    >>> np.flatnonzero(model.coef_).tolist(), bool(0.8 < model.sigma_ < 1.2)
    ([0], True)
    """
    if not isinstance(estimator, PathRegressor) or not {"alpha", "family"} <= set(estimator.get_params(deep=False)):
        raise TypeError(f"noise_scaled needs SLOPE, GroupSLOPE or SparseGroupSLOPE, without CV; got {estimator!r}")
    if estimator.family != "gaussian":
        raise ValueError(f'noise_scaled needs family="gaussian", whose noise has a scale; got {estimator.family!r}')
    if max_rounds < 1:
        raise ValueError(f"max_rounds must be at least 1; got {max_rounds}")
    data = clone(estimator)._problem(X, y)
    sigma = _residual_sd(data, np.zeros(data.shape[1], dtype=bool))
    fitted: list[Any] = []
    selections: list[bytes] = []
    for rounds in range(1, max_rounds + 1):
        model = clone(estimator).set_params(alpha=sigma / np.sqrt(data.shape[0])).fit(X, y)
        model.sigma_, model.n_rounds_ = sigma, rounds
        chosen = model.coef_ != 0
        if chosen.tobytes() in selections:
            first = selections.index(chosen.tobytes())
            # One round back: the selection stands. Further back: the rounds since then repeat for ever.
            if first == len(selections) - 1:
                return model
            return min(fitted[first:], key=lambda m: np.count_nonzero(m.coef_))
        fitted.append(model)
        selections.append(chosen.tobytes())
        if chosen.sum() + data.fit_intercept >= data.shape[0]:
            break
        sigma = _residual_sd(data, chosen)
    return fitted[-1]


def _residual_sd(data: Any, chosen: np.ndarray) -> float:
    """sqrt(RSS / degrees of freedom) of least squares on some columns and the free ones."""
    columns = dense_columns(data.X, np.flatnonzero(chosen | ~data.penalized))
    if data.fit_intercept:
        columns = np.column_stack([np.ones(len(data.y)), columns])
    if not columns.shape[1]:
        return float(np.sqrt(data.y @ data.y / len(data.y)))
    beta, _, rank, _ = np.linalg.lstsq(columns, data.y, rcond=None)
    residual = data.y - columns @ beta
    return float(np.sqrt(residual @ residual / max(len(data.y) - rank, 1)))
