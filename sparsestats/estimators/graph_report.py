"""What the summary of a fitted DAG says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..report.protocol import Report, Table

if TYPE_CHECKING:
    from .dag import CoLiDE

SHOWN = 30
"""Edges, and blocks of the order, that a summary shows."""
PROVED = 10
"""Up to this many variables a summary proves the global optimum (a tenth of a second)."""
VARSORTED = 0.95
"""Share of edges along growing variances from which a summary cautions."""


def graph_report(model: CoLiDE) -> Report:
    """Edges, the place of the objective among all graphs, and what to beware of."""
    check_is_fitted(model)
    equal = model.noise == "ev"
    headline = f"CoLiDE, {'equal' if equal else 'unequal'} noise, linear DAG"
    if model._refines():
        headline += ", refined by BIC"
    settings = model._settings()
    shown = f"alpha {model.alpha:g}, penalty_scale {model.penalty_scale}; threshold {settings.threshold:g}" + (
        ", refitted" if settings.refit or settings.bic else ", not refitted"
    )
    if settings.bic:
        shown += "; parents chosen by BIC"
    elif settings.refit and settings.prune:
        out, of = int(np.count_nonzero(model.pruned_)), int(np.count_nonzero(model.penalized_))
        added = int(np.count_nonzero((model.adjacency_ != 0) & (model.penalized_ == 0)))
        shown += f"; {out} of {of} penalised edges pruned by BIC" + (f", {added} added" if added else "")
    if model.duals_:
        shown += "; the user's own constraints on the weights"
    edges = model.to_frame()
    rows = [
        [r[0], r[1], f"{r[2]:.3f}", f"{r[3]:.3f}", f"{r[4]:.3f}"]
        for r in edges.head(SHOWN).itertuples(index=False, name=None)
    ]
    more = [f"... and {len(edges) - SHOWN} more edges: fit.tidy()"] if len(edges) > SHOWN else []
    blocks = model.order_blocks_
    more += _either_way(model, blocks)
    table = Table(
        ["from", "to", "effect", "penalised", "total"],
        rows,
        "llrrr",
        more or ([] if rows else ["no edges"]),
    )
    return Report(headline=headline, settings=shown, tables=[table], notes=_notes(model, blocks))


def _either_way(model: CoLiDE, blocks: list[list[int]]) -> list[str]:
    """Arrows inside a block of the order: a refit may draw one where the penalised objective tells no direction."""
    names = model.names()
    arrows = [
        f"{names[i]} -> {names[j]}" for block in blocks for i in block for j in block if model.adjacency_[i, j] != 0
    ]
    more = f", ... ({len(arrows)} in all)" if len(arrows) > SHOWN else ""
    return [f"of undecided direction: {', '.join(arrows[:SHOWN])}{more}"] if arrows else []


def _notes(model: CoLiDE, undecided: list[list[int]]) -> list[str]:
    names = model.names()
    blocks = [names[b[0]] if len(b) == 1 else "{" + ", ".join(names[j] for j in b) + "}" for b in undecided]
    shown = " -> ".join(blocks[:SHOWN]) + (" -> ..." if len(blocks) > SHOWN else "")
    braces = (
        f"   (inside braces: undecided, objectives within {model._tie():.1e})"
        if any(len(b) > 1 for b in undecided)
        else ""
    )
    if model.noise == "ev":
        noise = f"   noise sd {model.noise_scale_:.3f} (refit), {model.penalized_scale_:.3f} (penalised)"
    else:
        sd = np.sqrt(model.noise_variances_)
        noise = f"   noise sd {sd.min():.3f} to {sd.max():.3f}"
    out = [f"Order: {shown}{braces}{noise}"]
    out.append(_place_among_all(model))
    caution = []
    if not model._refines() and (model.follows_variances_ or model.varsortability_ >= VARSORTED):
        what = (
            "and the noise is far from equal: the order may only follow the units of the columns"
            if model.follows_variances_
            else "the graph is not trustworthy if columns were rescaled"
        )
        caution.append(
            f"{following(model)} from smaller to larger variance "
            f"({100 * model.r2_sortability_:.0f} % to larger R2, which no unit changes); {what}"
        )
    if model.standardised_ and not model._refines():
        caution.append("all columns have one variance: directions are not told by this score")
    if model._refines():
        caution.append(
            "a Gaussian-BIC graph started from an order of CoLiDE, not the published estimator; beyond the Markov "
            "class, fit.cpdag(), Gaussian data tell only which noise scales are the more alike"
        )
    elif model.noise == "ev":
        caution.append('equal noise assumed; noise="nv" to relax; Markov class: fit.cpdag()')
    else:
        caution.append("unequal noise is not identified by this score; Markov class: fit.cpdag()")
    out.append("Caution: " + "; ".join(caution))
    return out


def _place_among_all(model: CoLiDE) -> str:
    """Where the objective stands among all DAGs; said in one line."""
    small = model.n_features_in_ <= PROVED
    told = model.certify(max_exact=PROVED)
    if model.duals_:
        return (
            f"Objective {model.objective_:.6f} under the constraints, before thresholding; without them no DAG is "
            f"below {told.bound:.6f}. The order was found without them"
        )
    if not small:
        return (
            f"Objective {model.objective_:.6f} before thresholding; no DAG is below {told.bound:.6f} "
            "(acyclicity given up). Local optimum of a search over orders; "
            "fit.estimator.certify(max_exact=20) proves up to 20 variables"
        )
    if model._refines():
        return (
            f"Penalised objective {model.objective_:.6f} on the BIC's order; "
            f"the least over all DAGs is {told.bound:.6f}"
        )
    verdict = "GLOBAL optimum" if told.converged else f"NOT the global optimum, {told.bound:.6f}: objective"
    return f"{verdict} {model.objective_:.6f} before thresholding (all orders of {model.n_features_in_} variables)"


def following(model: CoLiDE) -> str:
    """How many of the arrows go from smaller to larger variance: the start of a sentence about them."""
    count = int(np.count_nonzero(model.adjacency_))
    follow = round(model.varsortability_ * count)
    if count == 1:
        return "the only arrow goes"
    return f"{'all' if follow == count else f'{follow} of'} {count} arrows go"
