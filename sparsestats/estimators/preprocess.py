"""Transformers that stand in front of an estimator in a Pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..exceptions import FormulaError


class ModelMatrix(TransformerMixin, BaseEstimator):
    """Columns of a model from a formula, as a transformer.

    Levels, knots and scales are learned in ``fit``, so inside each fold when it stands in a Pipeline. Columns
    are named ``term[label]``; an estimator behind it with ``groups="auto"`` reads the terms from these names.

    Parameters
    ----------
    formula : str
        The right side alone, ``"x + C(g) + bs(age, df=4)"``; a leading ``~`` is allowed. The intercept
        belongs to the estimator behind, and so does what ``keep()`` marks: see ``penalty_factor_``.
    unseen : {"raise", "nan", "zero"}, default "raise"
        What a factor level that ``fit`` never met does in ``transform``: ``UnseenLevelError``, a row of NaN, or zeros
        in the factor's columns. Zeros are what a level without rows has, whose effect the penalty leaves at 0: the
        answer for rare levels that a fold holds out. They need a column for every level (factors under ``keep()``
        and explicit contrasts have none, and raise).
    env : dict of str to function, or None, default None
        Functions of your own that the formula may call.

    Attributes
    ----------
    spec_ : sparsestats.formula.Spec
        What was learned.
    terms_ : tuple of Term
        Name, columns, variables, kind, levels and whether penalised, term by term.
    groups_ : int ndarray, shape (p,)
        The term of each column, for ``groups=``.
    penalty_factor_ : ndarray, shape (p,)
        0 for columns under ``keep()``, else 1.
    n_features_in_ : int
        Columns of the frame seen in ``fit``.
    feature_names_in_ : object ndarray, shape (n_features_in_,)
        Their names.

    Raises
    ------
    FormulaError
        In ``fit``, for a formula with a left side, an ``offset()`` or anything outside the vocabulary.
    TypeError
        For data without named columns.

    Notes
    -----
    A row where a variable is missing comes out as NaN: rows are never dropped, but incomplete ones take no
    part in learning knots and scales. Beyond the range learned, splines continue as the formula documents.

    Examples
    --------
    >>> import pandas as pd
    >>> from sparsestats import ModelMatrix
    >>> data = pd.DataFrame({"x": [1.0, 2.0, 3.0], "g": ["a", "b", "a"]})
    >>> ModelMatrix("x + g").fit_transform(data).columns.tolist()
    ['x', 'g[a]', 'g[b]']
    """

    def __init__(self, formula: str, *, unseen: str = "raise", env: Mapping[str, Callable[..., Any]] | None = None):
        self.formula = formula
        self.unseen = unseen
        self.env = env

    def fit(self, X: Any, y: Any = None) -> ModelMatrix:
        """Learn levels, knots and scales from the complete rows of a frame.

        Parameters
        ----------
        X : pandas or polars DataFrame, shape (n, n_features_in_)
        y : ignored

        Returns
        -------
        self
        """
        from ..formula import check_unseen, design, has_response

        check_unseen(self.unseen)
        if has_response(self.formula):
            raise FormulaError(
                f"ModelMatrix takes a right side alone, {self.formula!r} has a left one; y goes to fit(X, y)."
            )
        learned = design(self.formula, X, env=self.env)
        if learned.offset is not None:
            raise FormulaError("ModelMatrix makes columns only; pass the offset to the estimator's fit.")
        self.spec_ = learned.spec
        self.feature_names_in_ = np.array(list(X.columns), dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        return self

    def transform(self, X: Any) -> pd.DataFrame:
        """The columns of new data, a row for each of its rows.

        Parameters
        ----------
        X : pandas or polars DataFrame
            With the columns that the formula reads.

        Returns
        -------
        DataFrame, shape (n, p)
            pandas, on the index of X; ``set_output`` chooses another container.
        """
        check_is_fitted(self)
        rows = self.spec_.transform(X, unseen=self.unseen)
        return pd.DataFrame(rows.X, index=rows.index, columns=self.spec_.names, copy=False)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns, ``term[label]``.

        Parameters
        ----------
        input_features : ignored
            The names come from the formula.

        Returns
        -------
        object ndarray, shape (p,)
        """
        check_is_fitted(self)
        return np.array(self.spec_.names, dtype=object)

    @property
    def terms_(self) -> tuple[Any, ...]:
        check_is_fitted(self)
        return self.spec_.terms

    @property
    def groups_(self) -> np.ndarray:
        check_is_fitted(self)
        return self.spec_.groups

    @property
    def penalty_factor_(self) -> np.ndarray:
        check_is_fitted(self)
        return self.spec_.penalty_factor

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags
