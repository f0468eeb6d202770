"""An ordinal fit on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import describe
from .protocol import Table
from .summary import Summary
from .tables import counted, number

if TYPE_CHECKING:
    from .ordinal_fit import OrdinalFit

_MOST_ROWS = 40
_PENALTIES = {"l1": "L1", "group": "group", "slope": "SLOPE", "mcp": "MCP"}
STEP = 1e-12
"""Differences of coefficients up to this are rounding."""


def _rare(fit: OrdinalFit) -> str:
    k = int(np.argmin(fit.counts))
    total = float(np.sum(fit.counts))
    unit = " by weight" if _weighted(fit) else ""
    return f"{fit.levels[k]} (rarest: {fit.counts[k]:g} of {total:g}{unit}, {100 * fit.counts[k] / total:.1f} %)"


def _weighted(fit: OrdinalFit) -> bool:
    """Whether rows came with weights; counted outcomes are none."""
    return fit.response.kind != "counts" and float(np.sum(fit.counts)) != fit.nobs


def _direction(fit: OrdinalFit) -> str:
    reverse = fit.path.reverse
    link = {"logit": "F logistic", "probit": "F normal"}.get(fit.path.link, f"F {fit.path.link}")
    towards = fit.levels[-1 if reverse else 0]
    note = " (MASS::polr prints the opposite sign)" if fit.path.family == "cumulative" and not reverse else ""
    model = f"{fit.path.modelled} = F(a_k + x'b_k), {link}"
    return f'{model}: a POSITIVE estimate moves towards "{towards}"{note}'


def _coefficients(fit: OrdinalFit, alpha: float) -> Table:
    beta, a = fit.model.coef(alpha), fit.model.intercept(alpha)
    names = np.asarray(fit.path.boundaries, dtype=object)
    rows = [("(intercept)", *(number(v) for v in a), "")]
    shown = np.flatnonzero((beta != 0).any(axis=0))
    for j in shown[:_MOST_ROWS]:
        steps = np.flatnonzero(np.abs(np.diff(beta[:, j])) > STEP)
        if len(steps) == 0:
            words = "yes"
        elif len(steps) == 1:
            words = f'1 step (after "{fit.levels[steps[0]]}")'
        else:
            words = f"{len(steps)} steps"
        rows.append((str(fit.columns.array[j]), *(number(v) for v in beta[:, j]), words))
    notes = []
    if len(shown) > _MOST_ROWS:
        notes.append(f"... and {len(shown) - _MOST_ROWS} more columns: fit.coef()")
    left = [str(fit.columns.array[j]) for j in np.flatnonzero(~(beta != 0).any(axis=0))]
    if left:
        notes.append(
            f"not selected: {', '.join(left[:12])}" + (f", ... ({len(left)} in all)" if len(left) > 12 else "")
        )
    if len(names) == 1:  # nothing to be parallel to
        return Table(("term", str(names[0])), [row[:2] for row in rows], "lr", notes)
    return Table(("term", *map(str, names), "parallel?"), rows, "l" + "r" * len(names) + "l", notes)


def _along(fit: OrdinalFit) -> Table:
    path = fit.path
    at = np.unique(np.linspace(0, len(path) - 1, min(10, len(path))).round().astype(int))
    rows = [
        (
            number(path.alphas[i]), str(path.n_nonzero[i]), str(path.n_steps[i]),
            f"{path.deviance_ratio[i]:.4f}", f"{path.certificates[i].relative:.1e}",
        )
        for i in at
    ]  # fmt: skip
    return Table(("alpha", "columns", "steps", "deviance ratio", "relative gap"), rows, "rrrrr")


def _wald(table: pd.DataFrame, weighted: bool) -> Table:
    rows = [
        (r.boundary, r.column, number(r.estimate), number(r.std_error), f"{r.z:.2f}", f"{r.p_value:.2g}")
        for r in table.itertuples()
    ]
    notes = ["maximum likelihood; standard errors from the observed information"]
    if weighted:
        notes.append(
            "weights were rescaled to sum to the number of rows with one: they count no observations, cbind() does"
        )
    return Table(("boundary", "term", "estimate", "std. error", "z", "p"), rows, "llrrrr", notes)


def _scores(fit: OrdinalFit, alpha: float) -> Table | None:
    if fit.rows is not None:
        rows = {"this": fit.in_sample(fit.model, alpha), **fit.reference_scores()}
    elif fit.kept_scores is not None:
        rows = {**fit.kept_scores["references"]}
        if fit.rule == "average":
            rows = {"this": fit.kept_scores["average"], **rows}
        elif not fit.interpolated:
            rows = {"this": fit.kept_scores["path"][fit.path.locate(alpha)[0]], **rows}
    else:
        return None
    return Table(
        ("fit", "mean log-loss", "rare-class log-loss", "Brier"),
        [(name, *(f"{value:.5g}" for value in values)) for name, values in rows.items()],
        "lrrr",
        ["in sample; fit.cv for honest ones"],
    )


def _averaged(fit: OrdinalFit) -> str:
    """What the mean is made of."""
    assert fit.shares is not None
    largest = np.argsort(-fit.shares)
    most = np.sort(largest[: 1 + int(np.searchsorted(np.cumsum(fit.shares[largest]), 0.9))])
    effective = 1 / float(fit.shares @ fit.shares)
    return (
        f"mean of the coefficients at {len(fit.path)} alphas, each by its held-out likelihood; nine "
        f"tenths of it from alphas {number(fit.path.alphas[most[0]])} to {number(fit.path.alphas[most[-1]])}, "
        f"like {effective:.1f} models in equal shares"
    )


def summarize(fit: OrdinalFit) -> Summary:
    words = {
        "cumulative": "cumulative",
        "sratio": "stopping ratio",
        "cratio": "continuation ratio",
        "acat": "adjacent categories",
    }
    template = fit.template
    order = " < ".join(str(c) for c in fit.levels[:8]) + (" < ..." if len(fit.levels) > 8 else "")
    chosen = template.penalty
    words_of = _PENALTIES[chosen] if isinstance(chosen, str) else chosen.name
    shape = f"first_penalty {template.first_penalty:g}; {words_of} penalty on differences"
    if template.l1_ratio < 1:
        shape += f", l1_ratio {template.l1_ratio:g}"
    if fit.alpha == 0:
        shape = "maximum likelihood, no penalty"
    header = [
        (
            f"PRESTO, {words[fit.path.family]} {fit.path.link}, {len(fit.levels)} ordered levels",
            describe._formula(fit),
        ),
        (f"{counted(fit.nobs, 'row')} ({fit.n_dropped} dropped), {counted(len(fit.columns), 'column')}", shape),
        (order, _rare(fit)),
        (_direction(fit), ""),
    ]
    place = _averaged(fit) if fit.rule == "average" else describe._place(fit)
    if np.isfinite(fit.alpha_po) and fit.alpha_po > 0 and fit.rule != "average":
        place += f" (alpha_po {number(fit.alpha_po)}: from there on, proportional odds)"
    header.append((place, ""))
    own = []
    if fit.alpha is None:
        own.append(_along(fit))
    else:
        own.append(_coefficients(fit, fit.alpha))
        scores = _scores(fit, fit.alpha)
        own += [] if scores is None else [scores]
        table, reason = fit.wald()
        if table is not None:
            own.append(_wald(table, _weighted(fit)))
    notes: list[tuple[str, str]] = [("Assumption", "; ".join(fit.tests))] if fit.tests else []
    if fit.alpha == 0 and table is None:
        notes.append(("No standard errors", reason))
    if fit.cv is not None:
        for rule in ("min", "1se"):
            where = "" if rule == fit.rule else f' -> fit.at("{rule}")'
            alpha = number(fit.cv.alphas[fit.cv.index(rule)])
            notes.append(("Cross-validated", f"{rule} at alpha {alpha}, {fit.cv.describe(rule)}{where}"))
        if fit.average is not None and fit.rule != "average":
            notes.append(("", 'the mean of the path, weighted by held-out likelihood -> fit.at("average")'))
        if fit.cv.null is not None:
            notes.append(("", f"null {fit.cv.scoring} {number(fit.cv.null)}"))
    notes.append(("Certificate", describe._certificate(fit)))
    if fit.alpha is not None and not fit.interpolated and fit.path.family == "cumulative":
        i, _, _ = fit.model.locate(fit.alpha)
        bound, crossing = bool(fit.model.info["constrained"][i]), int(fit.model.info["crossing"][i])
        if bound:
            held = "constraints hold the boundaries in order at the rows of the fit"
        elif crossing:
            crossed = f"{crossing} rows cross and are" if crossing > 1 else "1 row crosses and is"
            held = f"{crossed} mended in predictions (repair = {template.repair!r})"
        else:
            held = f"no row crosses; monotone = {template.monotone!r} did not bind"
        if len(fit.levels) > 2:
            notes.append(("Order", held))
    notes += [("", note) for note in fit.notes]
    notes += [("", fit.cv.learned)] if fit.cv is not None and fit.cv.learned else []
    if fit.alpha != 0:
        notes.append(("", "No p-values of coefficients: selection was data-driven."))
    return Summary(header, own, notes)
