"""The frames and tables behind the verbs of a fit: tidy coefficients, terms, rows of a path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pandas as pd

from .columns import Columns
from .path import Path
from .protocol import Table
from .summary import TIE

INTERCEPT = "(intercept)"
"""Name of the intercept in every table."""

Alphas: TypeAlias = Sequence[float] | np.ndarray

_MOST_TERMS = 30
_MOST_VALUES = 8
_MOST_NAMES = 12


def number(value: float) -> str:
    """Four significant digits, without an exponent where it can be helped."""
    size = abs(value)
    if 1e4 <= size < 1e7:
        return f"{value:.1f}"
    return f"{value:.3e}" if 0 < size < 1e-4 or 1e7 <= size < np.inf else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """A count and what it counts, in the singular for one."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def fraction(value: float) -> str:
    """A share of alpha_max: three digits after the point, an exponent where they would be zeros."""
    return f"{value:.1e}" if 0 < value < 5e-4 else f"{value:.3f}"


def share(value: float) -> str:
    return f"{100 * value:.1f} %"


def coef_frame(path: Path, columns: Columns, alphas: Alphas, intercept: bool) -> pd.DataFrame:
    """Coefficients by column name, one column an alpha, zeros kept."""
    values = np.column_stack([path.coef(alpha) for alpha in alphas]) if len(alphas) else np.empty((len(columns), 0))
    names = columns.array
    if intercept:
        values = np.vstack([[path.intercept(alpha) for alpha in alphas], values])
        names = np.concatenate([[INTERCEPT], names])
    return pd.DataFrame(values, index=pd.Index(names, name="column"), columns=pd.Index(alphas, name="alpha"))


def class_coef_frame(path: Path, columns: Columns, alpha: float, intercept: bool) -> pd.DataFrame:
    """Coefficients by column name, one column a class, zeros kept."""
    values, names = path.coef(alpha).T, columns.array
    if intercept:
        values, names = np.vstack([path.intercept(alpha), values]), np.concatenate([[INTERCEPT], names])
    return pd.DataFrame(values, index=pd.Index(names, name="column"), columns=pd.Index(path.classes, name="class"))


def tidy_frame(path: Path, columns: Columns, alphas: Alphas, *, zeros: bool, intercept: bool) -> pd.DataFrame:
    """Long: term, column, level, group, alpha, estimate, estimate_std; the intercept first at each alpha.

    With several classes a column ``class`` stands before the estimate, and the classes come one after another.
    """
    if path.multinomial:
        assert path.classes is not None
        parts = []
        for k, label in enumerate(path.classes):
            own = replace(path, coefs=path.coefs[:, k], intercepts=path.intercepts[:, k])
            part = tidy_frame(own, columns, alphas, zeros=zeros, intercept=intercept)
            part.insert(part.columns.get_loc("estimate"), "class", label)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)
    betas = np.stack([path.coef(alpha) for alpha in alphas]) if len(alphas) else np.empty((0, len(columns)))
    row, column = np.nonzero(np.ones_like(betas) if zeros else betas)
    estimate = betas[row, column]
    scale = np.full(len(columns), np.nan) if path.sd is None else path.sd
    used = np.unique(column)
    levels = np.full(len(columns), "", dtype=object)
    levels[used] = [columns.level(j) for j in used]
    terms = np.asarray(columns.terms, dtype=object)[columns.term_of]
    labels = terms if path.groups is None else np.asarray(path.labels, dtype=object)[path.groups]
    frame = pd.DataFrame(
        {
            "term": terms[column],
            "column": columns.array[column],
            "level": levels[column],
            "group": labels[column],
            "alpha": np.asarray(alphas, dtype=float)[row],
            "estimate": estimate,
            "estimate_std": estimate * scale[column],
        }
    )
    if not intercept:
        return frame
    heads = pd.DataFrame(
        {
            "term": INTERCEPT,
            "column": INTERCEPT,
            "level": "",
            "group": "",
            "alpha": np.asarray(alphas, dtype=float),
            "estimate": [path.intercept(alpha) for alpha in alphas],
            "estimate_std": np.nan,
        }
    )
    both = pd.concat([heads, frame], ignore_index=True)
    order = np.lexsort(
        (np.concatenate([np.full(len(heads), -1), column]), np.concatenate([np.arange(len(heads)), row]))
    )
    return both.iloc[order].reset_index(drop=True)


def term_norms(path: Path, columns: Columns, beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Norm of each term's coefficients on the penalty's scale, and a label of its group.

    Terms that were put into one group have one norm, that of the group: on the penalty's scale its columns are
    mixed, and no term has any of its own.
    """
    c = path.to_penalty(beta)
    squares = np.sum(np.atleast_2d(c * c), axis=0)
    labels = columns.term_of if path.groups is None else path.groups
    # What is free is in no group.
    labels = np.where(columns.free, labels.max(initial=0) + 1 + columns.term_of, labels)
    group = np.empty(columns.n_terms, dtype=np.intp)
    group[columns.term_of] = labels
    return np.sqrt(np.bincount(labels, weights=squares))[group], group


def terms_table(path: Path, columns: Columns, alpha: float) -> Table:
    """The selected terms, strongest first: size, share of all the norms, estimates on the data's scale."""
    beta = path.coef(alpha)
    norms, group = term_norms(path, columns, beta)
    active = np.bincount(columns.term_of, weights=path.selected(beta), minlength=columns.n_terms) > 0
    sizes = np.bincount(columns.term_of, minlength=columns.n_terms)
    free = np.zeros(columns.n_terms, dtype=bool)
    free[columns.term_of[columns.free]] = True
    first = np.unique(group, return_index=True)[1]
    total = norms[first[~free[first]]].sum()
    order = sorted(map(int, np.flatnonzero(active)), key=lambda t: (free[t], -norms[t]))
    rows = []
    any_levels = False
    told: set[int] = set()  # groups whose share is in the table: of several terms the first has it, and shares sum to 1
    for t in order[:_MOST_TERMS]:
        any_levels |= columns.is_factor(t) and not free[t]
        part = "free" if free[t] else share(norms[t] / total) if total > 0 and group[t] not in told else ""
        told.add(int(group[t]))
        rows.append((columns.terms[t], str(sizes[t]), number(norms[t]), part, _told(path, columns, t, beta)))
    notes = []
    shared = {int(g) for g in group[order] if np.count_nonzero(group == g) > 1}
    for g in sorted(shared):
        members = ", ".join(columns.terms[t] for t in np.flatnonzero(group == g))
        notes.append(f"group {path.labels[g]}, with one norm and one share: {members}")
    if len(order) > _MOST_TERMS:
        notes.append(f"... and {len(order) - _MOST_TERMS} more terms: fit.tidy()")
    unselected = np.flatnonzero(~active & ~free)
    if len(unselected):
        shown = ", ".join(columns.terms[t] for t in unselected[:_MOST_NAMES])
        more = f", ... ({len(unselected)} in all)" if len(unselected) > _MOST_NAMES else ""
        notes.append(f"not selected: {shown}{more}")
    if any_levels:
        notes.append("penalised factors are fully coded: deviations, no reference level")
    if not rows:
        notes.insert(0, "no term is selected at this alpha")
    return Table(("term", "cols", "group norm", "share", "estimates (data's scale)"), rows, "lrrrl", notes)


def _told(path: Path, columns: Columns, term: int, beta: np.ndarray) -> str:
    """Estimates of one term in words, class after class where there are several."""
    if not path.multinomial or path.classes is None:
        return _estimates(columns, term, beta)
    return "; ".join(f"{c}:{TIE}{_estimates(columns, term, b)}" for c, b in zip(path.classes, beta, strict=True))


def _estimates(columns: Columns, term: int, beta: np.ndarray) -> str:
    """Estimates of one term in words: by level for a factor, in order for a basis."""
    positions = columns.by_term[term]
    if len(positions) == 1:
        return number(beta[positions[0]])
    levels = [columns.level(j) for j in positions]
    # The number of a basis function tells a reader nothing; the year that is a level does.
    basis = not columns.is_factor(term) and all(level.isdigit() for level in levels)
    shown = [
        number(v) if basis else f"{level}{TIE}{number(v)}" for level, v in zip(levels, beta[positions], strict=True)
    ]
    more = [f"... ({len(shown)})"] if len(shown) > _MOST_VALUES else []
    return ("  " if basis else ", ").join(shown[:_MOST_VALUES] + more)


def path_table(path: Path, columns: Columns, rows: int = 10) -> Table:
    """About ``rows`` alphas along a path: how much is selected, how much explained, how well solved."""
    at = np.unique(np.linspace(0, len(path) - 1, min(rows, len(path))).round().astype(int))
    cells = []
    for i in at:
        terms = len(np.unique(columns.term_of[path.selected(path.coefs[i])]))
        certificate = path.certificates[i] if path.certificates else None
        cells.append(
            (
                number(path.alphas[i]),
                fraction(path.alphas[i] / path.alpha_max) if path.alpha_max > 0 else "",
                str(terms),
                str(path.n_nonzero[i]),
                f"{path.deviance_ratio[i]:.3f}",
                "" if certificate is None else f"{certificate.relative:.1e}",
                "" if certificate is None or certificate.converged else "NOT CONVERGED",
            )
        )
    notes = [f"{len(at)} of {len(path)} alphas shown; fit.at(alpha) answers for one"] if len(at) < len(path) else []
    heads = ("alpha", "/ alpha_max", "terms", "columns", "deviance ratio", "relative gap", "")
    return Table(heads, cells, "rrrrrrl", notes)
