"""The functions of the R door."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike, fspath
from typing import Any

from sklearn.base import is_classifier

from ..backend.losses import Multinomial
from ..estimators._path import PathEstimator
from ..estimators.ordinal import PRESTO
from ..formula.store import spec_from_dict
from ..report import ordinal_store, store
from ..report.fit import Fit
from ..report.graphfit import GRAPH_FORMAT, GraphFit, graph_from_dict
from .arguments import Asked
from .fitting import SAVED, model_of, start
from .graphs import GRAPHS


def slope(
    formula: str,
    data: Any,
    *,
    alpha: float | str | None = None,
    family: str = "gaussian",
    alphas: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    row_groups: Any = None,
    cv: Any = 10,
    selection: str = "min",
    scoring: Any = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    unpenalized: Any = None,
    missing: str = "drop",
    env: Mapping[str, Callable[..., Any]] | None = None,
    terms_in_folds: bool = False,
    **params: Any,
) -> Fit:
    """SLOPE by formula: sorted-L1 penalised regression, every column of the design on its own.

    Minimises ``(1/n) sum_i u_i l(y_i, eta_i) + alpha * sum_k v_k |c|_(k)``, l the loss of the family (half the squared
    error, minus the log-likelihood of classes, half the Poisson deviance, Huber's: ``ss.losses``), u the rows' weights
    (their sum n), c the standardised coefficients, sorted by size, and v the sequence.

    Parameters
    ----------
    formula : str
        ``"y ~ x + C(g) + bs(age, df=4)"``. Penalised factors have a column for every level.
    data : pandas or polars DataFrame
        Never changed.
    alpha : None, float or "cv"
        Strength of the penalty. None fits the path and chooses nothing; a number fits that one; "cv" fits the
        path, cross-validates it and sits at ``selection``.
    family : {"gaussian", "binomial", "multinomial", "poisson", "huber"}, default "gaussian"
        For "binomial" the response has two levels and the last is the event (declare an order with
        ``C(y, levels=[...])`` or an ordered dtype), or is 0/1, or ``cbind(yes, no)`` counts.
        "multinomial" takes three levels or more, or counts of them: ``cbind(a, b, c)``. Sequences that
        depend on n ("gaussian", "corrected") take the number of outcomes for it: a table of counts gives the model of
        its outcomes written out, a row each.
    alphas : array-like, ``ss.relative(...)`` or None
        The path; None is 100 values from alpha_max to 0.01 alpha_max.
    sample_weight, offset, row_groups : array-like, name of a column, or None
        One value a row of ``data``. Row groups are kept whole in the folds.
    cv : int, splitter or (train, test) pairs, default 10
        An integer means shuffled folds, stratified for classes, ``row_groups`` kept together. Labels and row numbers
        are of the rows of ``data``, whether they are used or not.
    selection : {"min", "1se"}, default "min"
        The rule that picks alpha after cross-validation: the best mean score, or the largest alpha within one
        standard error of it.
    scoring : str, callable or None
        None is the default of the family: "mse" (gaussian), "deviance" (poisson), "mae" (huber), "log_loss" (classes).
        Also "r2", "brier", "misclassification", "accuracy", "roc_auc" (two classes), each where it means something, or
        any scikit-learn scorer.
    random_state : int, RandomState, Generator or None, default 0
        Seed of the folds.
    n_jobs : int or None
        Folds at a time, -1 for all cores; the answer does not depend on it.
    unpenalized : str, list of str or None
        Terms that no penalty covers, as ``keep()`` in the formula.
    missing : {"drop", "raise"}, default "drop"
        What to do with rows that miss a variable in use.
    env : dict of str to function, or None
        Functions the formula may call besides its vocabulary.
    terms_in_folds : bool, default False
        Learn knots, scales and polynomials inside each fold instead of once on all rows. Levels are always
        those of all rows.
    **params
        Of the estimator (:class:`sparsestats.SLOPE`, with their ranges and defaults): sequence, q, huber_delta,
        standardize, fit_intercept, penalty_factor (array, or dict of term to number), solver, tol, max_iter,
        screening, constraints (called with variables by term or column), verbose.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError
        For an argument that does not exist; it names the one that is meant.
    FormulaError
        For a formula outside the vocabulary, before anything in it is evaluated.
    ValueError
        For data, a response or a parameter that cannot be used.

    References
    ----------
    Bogdan, van den Berg, Sabatti, Su and Candes (2015). SLOPE: adaptive variable selection via convex
    optimization. Annals of Applied Statistics 9, 1103-1140.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.slope("body_mass_g ~ bill_length_mm + flipper_length_mm", load_penguins(), alpha=10.0)
    >>> list(fit.coef().index)
    ['(intercept)', 'bill_length_mm', 'flipper_length_mm']
    """
    asked = Asked(
        alpha, alphas, sample_weight, offset, row_groups, cv, selection, scoring, random_state, n_jobs,
        unpenalized, missing, env, terms_in_folds,
    )  # fmt: skip
    return start("slope", formula, data, model_of("slope", family), asked, params, family)


def gslope(
    formula: str,
    data: Any,
    *,
    alpha: float | str | None = None,
    family: str = "gaussian",
    alphas: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    row_groups: Any = None,
    cv: Any = 10,
    selection: str = "min",
    scoring: Any = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    unpenalized: Any = None,
    missing: str = "drop",
    env: Mapping[str, Callable[..., Any]] | None = None,
    terms_in_folds: bool = False,
    **params: Any,
) -> Fit:
    """Group SLOPE by formula: a term is selected with all its columns or not at all.

    Minimises ``(1/n) sum_i u_i l(y_i, eta_i) + alpha * sum_k w_k r_(k)``, l and u as in :func:`slope`, the norms
    ``r_g = sqrt(p_g) ||c_g||`` of the terms' standardised (or orthonormalised) coefficients, p_g of them (or their
    rank), sorted by size, and w the sequence.

    Parameters
    ----------
    formula, data, alpha, family, alphas, sample_weight, offset, row_groups, cv, selection, scoring,
    random_state, n_jobs, unpenalized, missing, env, terms_in_folds
        As in :func:`slope`.
    **params
        Of the estimator, as in :func:`slope`; also ``groups``, a dict of term to name that puts several terms
        into one group (as ``grp()`` in the formula). ``standardize`` is "group" unless given, as soon as a
        penalised term has several columns: each is then orthonormalised, so that a basis and its raw columns
        give one answer.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError, FormulaError, ValueError
        As in :func:`slope`.

    References
    ----------
    Brzyski, Gossmann, Su and Bogdan (2019). Group SLOPE: adaptive selection of groups of predictors. Journal
    of the American Statistical Association 114, 419-433.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.gslope("body_mass_g ~ species + sex + bs(flipper_length_mm, df=4)", load_penguins())
    >>> sorted(fit.groups)
    ['bs(flipper_length_mm, df=4)', 'sex', 'species']
    """
    asked = Asked(
        alpha, alphas, sample_weight, offset, row_groups, cv, selection, scoring, random_state, n_jobs,
        unpenalized, missing, env, terms_in_folds,
    )  # fmt: skip
    return start("gslope", formula, data, model_of("gslope", family), asked, params, family)


def sgslope(
    formula: str,
    data: Any,
    *,
    alpha: float | str | None = None,
    family: str = "gaussian",
    alphas: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    row_groups: Any = None,
    cv: Any = 10,
    selection: str = "min",
    scoring: Any = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    unpenalized: Any = None,
    missing: str = "drop",
    env: Mapping[str, Callable[..., Any]] | None = None,
    terms_in_folds: bool = False,
    **params: Any,
) -> Fit:
    """Sparse-group SLOPE by formula: terms are selected, and columns inside them.

    Minimises ``(1/n) sum_i u_i l(y_i, eta_i) + alpha * J``, l and u as in :func:`slope`, with
    ``J = l1_ratio * sum_k v_k |c|_(k) + (1 - l1_ratio) * sum_k w_k r_(k)``, c the standardised coefficients and
    ``r_g = sqrt(p_g) ||c_g||`` the norms of the terms', p_g of them, each sorted by size, and (v, w) the sequence.

    Parameters
    ----------
    formula, data, alpha, family, alphas, sample_weight, offset, row_groups, cv, selection, scoring,
    random_state, n_jobs, unpenalized, missing, env, terms_in_folds
        As in :func:`slope`.
    **params
        Of the estimator, as in :func:`slope`; also ``l1_ratio`` (default 0.95; 1 is SLOPE, 0 group SLOPE),
        ``q`` as a number or a pair (columns, terms), and ``groups``, a dict of term to name that puts several
        terms into one group (as ``grp()`` in the formula). Columns are scaled one by one unless
        ``standardize="group"`` is given: single columns are selected, so they keep their meaning.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError, FormulaError, ValueError
        As in :func:`slope`.

    References
    ----------
    Feser and Evangelou (2023). Sparse-group SLOPE: adaptive bi-level selection with FDR-control.
    arXiv:2305.09467.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.sgslope("body_mass_g ~ species + sex + bill_depth_mm", load_penguins(), alpha=20.0)
    >>> sorted(fit.groups)
    ['bill_depth_mm', 'sex', 'species']
    """
    asked = Asked(
        alpha, alphas, sample_weight, offset, row_groups, cv, selection, scoring, random_state, n_jobs,
        unpenalized, missing, env, terms_in_folds,
    )  # fmt: skip
    return start("sgslope", formula, data, model_of("sgslope", family), asked, params, family)


def fit(
    formula: str,
    data: Any,
    model: Any,
    *,
    alpha: float | str | None = None,
    alphas: Any = None,
    sample_weight: Any = None,
    offset: Any = None,
    row_groups: Any = None,
    cv: Any = 10,
    selection: str = "min",
    scoring: Any = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    unpenalized: Any = None,
    missing: str = "drop",
    env: Mapping[str, Callable[..., Any]] | None = None,
    terms_in_folds: bool = False,
    **params: Any,
) -> Fit:
    """Any penalised estimator of the package by formula.

    Parameters
    ----------
    formula, data
        As in :func:`slope`.
    model : estimator with a path
        Such as ``ss.GroupSLOPE(q=0.05)``; it is copied, never changed.
    alpha : None, float or "cv"
        As in :func:`slope`; None keeps the model's own alpha where it has one.
    alphas, sample_weight, offset, row_groups, cv, selection, scoring, random_state, n_jobs, unpenalized,
    missing, env, terms_in_folds
        As in :func:`slope`.
    **params
        Parameters of the model to set before the fit.

    Returns
    -------
    Fit

    Raises
    ------
    TypeError, FormulaError, ValueError
        As in :func:`slope`.

    Examples
    --------
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.fit("body_mass_g ~ species + sex", load_penguins(), model=ss.GroupSLOPE(q=0.05), alpha=5.0)
    >>> fit.estimator.q
    0.05
    """
    if not isinstance(model, PathEstimator) or "alpha" not in model.get_params():
        raise TypeError(
            f"model must be an estimator with a path, such as ss.GroupSLOPE(), got {model!r}. "
            'Cross-validation is asked for by alpha="cv", not by a CV estimator; ordinal models by ss.presto.'
        )
    asked = Asked(
        alpha, alphas, sample_weight, offset, row_groups, cv, selection, scoring, random_state, n_jobs,
        unpenalized, missing, env, terms_in_folds,
    )  # fmt: skip
    return start("fit", formula, data, model, asked, params)


def load(path: str | PathLike[str], *, env: Mapping[str, Callable[..., Any]] | None = None) -> Fit | GraphFit:
    """Read a fit that ``Fit.save`` wrote.

    Nothing in the file is executed; its formula passes the same guard as at fit. A loaded fit predicts,
    prints, plots and moves along its path; it holds no rows of the data, so ``update`` is not possible and
    ``predict`` needs ``newdata``.

    Parameters
    ----------
    path : str or path
    env : dict of str to function, or None, default None
        The functions that were lent at fit, when the formula calls any; they are not stored.

    Returns
    -------
    Fit
        GraphFit for a saved graph, OrdinalFit for a saved ordinal model.

    Raises
    ------
    ValueError
        When the file is not a saved fit, or is damaged.
    FormulaError
        When its formula would be refused.

    Examples
    --------
    >>> import tempfile, os
    >>> import sparsestats as ss
    >>> from sparsestats.datasets import load_penguins
    >>> fit = ss.slope("body_mass_g ~ flipper_length_mm", load_penguins(), alpha=10.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(os.path.join(folder, "model.json"))
    ...     again = ss.load(os.path.join(folder, "model.json"))
    >>> bool((again.coef() == fit.coef()).all())
    True
    """
    with open(path, encoding="utf-8") as file:
        try:
            saved = json.load(file)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{fspath(path)} is not a saved sparsestats fit: it is no JSON ({error}).") from error
    if isinstance(saved, dict) and saved.get("format") == GRAPH_FORMAT:
        return graph_from_dict(saved, GRAPHS)
    if isinstance(saved, dict) and saved.get("format") == ordinal_store.FORMAT:
        return ordinal_store.from_dict(
            saved, spec=partial(spec_from_dict, env=env), estimator=lambda params: PRESTO(**params)
        )
    return store.from_dict(saved, spec=partial(spec_from_dict, env=env), estimator=_saved_model)


def _saved_model(
    name: str, params: Mapping[str, Any], levels: Sequence[Any] | None
) -> tuple[Any, Callable[[Any], Any]]:
    if name not in SAVED:
        raise ValueError(f"This version knows no model {name!r}; it knows {', '.join(sorted(SAVED))}.")
    model = SAVED[name](**params)
    several = is_classifier(model) and len(levels or ()) > 2
    return model, Multinomial().mean if several else model._loss.mean
