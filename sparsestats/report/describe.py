"""A fit in one row and on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from . import tables
from .cvresult import CVResult
from .summary import Summary
from .tables import counted, fraction, number

if TYPE_CHECKING:
    from .fit import Fit

_LONGEST_FORMULA = 300


def _row(fit: Fit) -> int:
    """The row of the path that stands for the fit: its own, its nearest, or the last."""
    if fit.alpha is None:
        return len(fit.path) - 1
    i, j, w = fit.path.locate(fit.alpha)
    return i if w < 0.5 else j


def _active(fit: Fit) -> tuple[int, int]:
    """Columns and terms with a coefficient other than 0."""
    beta = fit.path.coefs[-1] if fit.alpha is None else fit.path.coef(fit.alpha)
    selected = fit.path.selected(beta)
    return int(np.count_nonzero(selected)), len(np.unique(fit.columns.term_of[selected]))


def deviance_ratio(fit: Fit) -> float:
    """1 - loss / null loss, interpolated between two alphas like the coefficients; the last for a path."""
    path = fit.path
    if fit.alpha is None:
        return float(path.deviance_ratio[-1])
    i, j, w = path.locate(fit.alpha)
    return float((1 - w) * path.deviance_ratio[i] + w * path.deviance_ratio[j])


def glance(fit: Fit) -> pd.DataFrame:
    path = fit.path
    if fit.alpha is None:
        certificate = max(path.certificates, key=lambda c: c.relative, default=None)
    else:
        certificate = fit.certificate
    n_nonzero, n_groups_active = _active(fit)
    value, tol, converged = np.nan, np.nan, None
    if certificate is not None:
        value, tol, converged = certificate.value, certificate.tol, certificate.converged
    return pd.DataFrame(
        {
            "family": [fit.family],
            "nobs": [fit.nobs],
            "n_dropped": [fit.n_dropped],
            "n_columns": [len(fit.columns)],
            "n_groups": [fit.columns.n_terms],
            "n_nonzero": [n_nonzero],
            "n_groups_active": [n_groups_active],
            "alpha": [np.nan if fit.alpha is None else fit.alpha],
            "rule": [fit.rule],
            "deviance_ratio": [deviance_ratio(fit)],
            "gap": [value],
            "tol": [tol],
            "converged": pd.array([converged], dtype="boolean"),
            "seconds": [path.seconds],
        }
    )


def summarize(fit: Fit) -> Summary:
    """A fit on one page: header, table, cross-validation, certificate, what else a reader must know."""
    header = [
        (fit.report.headline, _formula(fit)),
        (_size(fit), fit.report.settings),
        (_place(fit), ""),
    ]
    if fit.levels is not None:
        header.append((_modelled(fit.response.name, fit.levels), ""))
    own = list(fit.report.tables)
    if not own:
        own = [
            tables.path_table(fit.path, fit.columns)
            if fit.alpha is None
            else tables.terms_table(fit.path, fit.columns, fit.alpha)
        ]
    if fit.inferred is not None:
        own.append(fit.inferred.table())
    notes: list[tuple[str, str]] = []
    if fit.cv is not None:
        notes.append(("", _scores(fit, fit.cv)))
    notes.append(("Certificate", _certificate(fit)))
    told = (_clusters(fit), _guarantee(fit), _effort(fit), *fit.report.notes, *fit.notes)
    told += (fit.cv.learned,) if fit.cv is not None else ()
    notes += [("", note) for note in told if note]
    if fit.inferred is None:
        notes.append(("", "No p-values: selection was data-driven; see fit.infer()."))
    else:
        notes += [("Inference", fit.inferred.heading), *(("", note) for note in fit.inferred.notes)]
    return Summary(header, own, notes)


def _modelled(response: str, levels: Sequence[Any]) -> str:
    if len(levels) == 2:
        return f"models P({response} = {levels[1]!r}); the other class is {levels[0]!r}"
    return f"models P({response}) of {len(levels)} classes by a symmetric softmax: {', '.join(map(repr, levels))}"


def _formula(fit: Fit) -> str:
    text = fit.formula
    return text if len(text) <= _LONGEST_FORMULA else text[: _LONGEST_FORMULA - 3] + "..."


def _size(fit: Fit) -> str:
    columns, terms = len(fit.columns), fit.columns.n_terms
    shape = f"{counted(columns, 'column')} in {counted(terms, 'term')}"
    return f"{counted(fit.nobs, 'row')} ({fit.n_dropped} dropped), {shape}"


def _place(fit: Fit) -> str:
    path = fit.path
    if len(path) == 0:
        return f"no alpha was fitted: {path.stopped}"
    if fit.alpha is None:
        text = f"{counted(len(path), 'alpha')} from {number(path.alphas[0])} to {number(path.alphas[-1])}, none chosen"
    else:
        text = f"alpha {number(fit.alpha)}"
        if path.alpha_max > 0:
            text += f" = {fraction(fit.alpha / path.alpha_max)} alpha_max"
        if fit.cv is not None and fit.rule in ("min", "1se"):
            text += f", rule {fit.rule} of {fit.cv.folds}, {counted(len(path), 'alpha')}"
        elif fit.rule == "relaxed":
            text += ", relaxed"
        elif fit.rule == "given":
            text += ", given"
            i, j, _ = path.locate(fit.alpha)
            if i != j:
                text += f": interpolated between {number(path.alphas[j])} and {number(path.alphas[i])}"
    return text + (f"; path stopped early: {path.stopped}" if path.stopped else "")


def _scores(fit: Fit, cv: CVResult) -> str:
    """Both rules, always: where the fit sits first, then how to reach the other."""

    def terms(i: int) -> str:
        return counted(len(np.unique(fit.columns.term_of[fit.path.selected(fit.path.coef(cv.alphas[i]))])), "term")

    def score(i: int) -> str:
        return f"{number(cv.mean[i])} (se {number(cv.se[i])})"

    other = {"min": "1se", "1se": "min"}
    here = fit.rule if fit.rule in other else "min"
    away = other[here]
    i, j = cv.index(here), cv.index(away)
    at = "" if fit.rule in other else f" at {here}, alpha {number(cv.alphas[i])},"
    parts = [f"Cross-validated {cv.scoring}{at} {score(i)}"]
    if cv.null is not None and not cv.greater_is_better and cv.null > 0:
        # Both scores are held out, so this share of the null's can be negative.
        parts[0] += f", {'R2' if cv.scoring == 'mse' else 'D2'} {1 - cv.mean[i] / cv.null:.3f}"
    parts.append(f' {away}: alpha {number(cv.alphas[j])}, {score(j)}, {terms(j)} -> fit.at("{away}")')
    if cv.null is not None:
        parts.append(f" null {number(cv.null)}")
    if cv.index_min == len(cv.alphas) - 1 > 0 and cv.alphas[-1] > 0:
        parts.append(" the minimum is at the end of the path: smaller alphas may do better")
    missed = _missed_folds(cv)
    if missed:
        parts.append(f" {counted(missed, 'fold')} with models that did NOT CONVERGE")
    return "; ".join(parts)


def _missed_folds(cv: CVResult) -> int:
    if "converged" not in cv.table.columns:
        return 0
    return int((~cv.table.groupby("fold")["converged"].all()).sum())


def _certificate(fit: Fit) -> str:
    path = fit.path
    if not path.certificates:
        return "none was computed"
    if fit.alpha is None:
        missed = int(np.count_nonzero(~path.converged))
        worst = max(path.certificates, key=lambda c: c.relative)
        verdict = f"{missed} of {len(path)} alphas NOT CONVERGED" if missed else "every alpha CONVERGED"
        return f"{verdict}; worst: {worst}"
    certificate = fit.certificate
    if certificate is None:
        return "none between two alphas of the grid; fit.update(alpha=...) fits this one and certifies it"
    told, verdict = str(certificate).rsplit(". ", 1)
    return f"{told}, from the returned coefficients. {verdict}"


def _guarantee(fit: Fit) -> str:
    """What the gap says about the fitted values: a squared loss is strongly convex in them."""
    certificate = fit.certificate
    if certificate is None or certificate.kind != "gap" or fit.family != "gaussian":
        return ""
    # Below the rounding of the objective a gap, 0 among them, says no more than that rounding does.
    error = max(
        certificate.linear_predictor_error, float(np.sqrt(2 * np.finfo(float).eps * abs(certificate.objective)))
    )
    return f"Fitted values are within {error:.1e} (root mean square) of the optimum's."


def _clusters(fit: Fit) -> str:
    """How many sizes the selected columns have; silent where every one has its own."""
    if fit.alpha is None or not fit.path.ranked:
        return ""
    labels = fit.path.cluster_labels(fit.alpha)
    clusters, selected = int(labels.max(initial=0)), int(np.count_nonzero(labels))
    if clusters == selected:
        return ""
    told = f"{counted(clusters, 'cluster')} among {selected} selected columns"
    return f"{told} (equal size on the penalty's scale): fit.clusters()"


def _effort(fit: Fit) -> str:
    path, i = fit.path, _row(fit)
    parts = []
    if path.certificates and fit.alpha is not None and not fit.interpolated:
        parts.append(counted(path.certificates[i].n_iter, "iteration"))
        told = ("screened", "active", "repaired")
        parts += [f"{name} {int(path.info[name][i])}" for name in told if name in path.info]
    parts.append(f"{path.seconds:.3g} s for {counted(len(path), 'alpha')}")
    return ", ".join(parts) + "."
