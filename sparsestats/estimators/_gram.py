"""Fits of the squared loss from sums of products, without rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..backend.moments import rows_with_moments
from ..backend.sequences import depends_on_n
from ..report.path import Path
from ..validation import check_real


class FromMoments:
    """Mixin of regressors: what ``fit`` and ``path`` find, from sums that a reduction over chunks gives."""

    def fit_gram(self: Any, XtX: Any, Xty: Any, yty: float, n: float, means: Any) -> Any:
        """Fit the squared loss at ``alpha`` from sums of products.

        They add up over chunks of rows, so that a database, dask or Spark can bring them together; the model is that
        of all rows. Weighted rows have weighted sums and the sum of weights for n.

        Parameters
        ----------
        XtX : array-like or DataFrame (p, p)
            X'X, not centred. A DataFrame names the columns.
        Xty : array-like (p,)
            X'y.
        yty : float
            y'y.
        n : float >= 2
            Rows behind them.
        means : array-like (p + 1,)
            Of the columns, and last of y.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For a family other than "gaussian", a sequence that depends on n, a CV twin (there are no rows to hold
            out), and moments that no rows have.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsestats import SLOPE
        >>> X = np.random.default_rng(0).standard_normal((80, 5))
        >>> y = 2 * X[:, 0] + 1
        >>> model = SLOPE(alpha=0.5).fit_gram(X.T @ X, X.T @ y, y @ y, 80, [*X.mean(axis=0), y.mean()])
        >>> bool(abs(model.coef_ - SLOPE(alpha=0.5).fit(X, y).coef_).max() < 1e-9)
        True
        """
        return self.fit(*_rows(self, XtX, Xty, yty, n, means))

    def path_gram(self: Any, XtX: Any, Xty: Any, yty: float, n: float, means: Any, alphas: Any = None) -> Path:
        """The whole path from sums of products; the estimator itself stays unfitted.

        Parameters
        ----------
        XtX, Xty, yty, n, means : as in ``fit_gram``
        alphas : as in ``path``

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            As in ``fit_gram``, but for CV twins, which have a path.
        """
        return self.path(*_rows(self, XtX, Xty, yty, n, means, path=True), alphas)


def _rows(
    model: Any, XtX: Any, Xty: Any, yty: Any, n: Any, means: Any, path: bool = False
) -> tuple[np.ndarray | pd.DataFrame, np.ndarray]:
    """Rows and responses with the moments asked for."""
    if model.family != "gaussian":
        raise ValueError(f'sums of products are all that family="gaussian" needs; family={model.family!r} needs rows')
    if hasattr(model, "cv") and not path:
        raise ValueError(f"{type(model).__name__} needs rows to hold out; path_gram() gives the path")
    if depends_on_n(model.sequence):
        raise ValueError(f"sequence={model.sequence!r} depends on the number of rows; give its weights as an array")
    names = getattr(XtX, "columns", None)
    for name, values in {"XtX": XtX, "Xty": Xty, "yty": yty, "means": means}.items():
        check_real(values, name)
    try:
        gram, cross = np.asarray(XtX, dtype=np.float64), np.asarray(Xty, dtype=np.float64)
        mean, square, count = np.asarray(means, dtype=np.float64), float(yty), float(n)
    except (TypeError, ValueError) as error:
        raise ValueError(f"XtX, Xty, yty, n and means must be numbers; {error}") from error
    p = len(gram) if gram.ndim else 0
    shapes = {"XtX": (gram, (p, p)), "Xty": (cross, (p,)), "means": (mean, (p + 1,))}
    for name, (values, shape) in shapes.items():
        if values.shape != shape or p == 0:
            raise ValueError(f"{name} must have shape {shape} for {p} columns; got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite")
    if not (np.isfinite(square) and 2 <= count < np.inf):
        raise ValueError(f"yty must be finite, and n a number of rows, at least 2; got {yty!r} and {n!r}")
    if np.abs(gram - gram.T).max() > 1e-8 * np.abs(gram).max():
        raise ValueError("XtX must be symmetric")
    products = np.block([[(gram + gram.T) / 2, cross[:, None]], [cross[None, :], np.array([[square]])]])
    rows = rows_with_moments(products, mean, count)
    X = np.asfortranarray(rows[:, :-1])
    return (X if names is None else pd.DataFrame(X, columns=list(names))), rows[:, -1]
