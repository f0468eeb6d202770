"""What is measured: the rows of every suite, with the goals they are held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import probes
from .race import Race


@dataclass(frozen=True)
class Suite:
    """A named table: races against peers, or a probe of ours alone."""

    title: str
    races: tuple[Race, ...] = ()
    quick_races: tuple[Race, ...] = ()
    probe: Callable[[bool], list[probes.Measure]] | None = None


def against(problem: str, peers: list[str], targets: list[float], goals: dict[float, float] | None = None):
    """Every peer at every target; goals are for the ratio to the first peer."""
    return tuple(
        Race(problem, target, peer, goal_ratio=(goals or {}).get(target) if peer == peers[0] else None)
        for target in targets
        for peer in peers
    )


TARGETS = [1e-4, 1e-6, 1e-8]
LASSO_PEERS = ["celer", "scikit-learn", "skglm", "sortedl1 hybrid", "glmnet", "adelie"]
BINOMIAL_PEERS = ["celer", "scikit-learn liblinear", "skglm", "sortedl1 hybrid", "glmnet", "adelie"]

SUITES: dict[str, Suite] = {
    "slope": Suite(
        "SLOPE paths (bh, q = 0.1) against sortedl1 and skglm",
        races=(
            *against("slope p=1000", ["sortedl1 hybrid"], TARGETS, {1e-6: 15.0, 1e-8: 20.0}),
            *against("slope p=1000", ["sortedl1 fista"], [1e-6]),
            *against("slope p=5000", ["sortedl1 hybrid"], TARGETS, {1e-6: 10.0, 1e-8: 20.0}),
            *against("slope n=1000", ["sortedl1 hybrid"], TARGETS, {1e-6: 5.0, 1e-8: 8.0}),
            *against("slope n=1000", ["skglm FISTA"], [1e-6]),
            *against("slope p=20000", ["sortedl1 hybrid"], [1e-6], {1e-6: 1.0}),
            *against("slope p=20000", ["Newton-ALM"], [1e-6], {1e-6: 1.0}),
            *against("slope binomial", ["sortedl1 hybrid"], TARGETS),
        ),
        quick_races=(
            *against("slope p=1000", ["sortedl1 hybrid"], [1e-4]),
            *against("slope n=1000", ["sortedl1 hybrid"], [1e-6], {1e-6: 5.0}),
        ),
    ),
    "gslope": Suite(
        "Group SLOPE paths (mean, q = 0.1); no package on the index solves it, in R sgs does",
        races=(
            *(
                Race(f"gslope {name}", target, goal_seconds=seconds if target == 1e-6 else None)
                for name, seconds in {"A": 0.01, "B": 0.1, "C": 0.4, "E": None, "L": None}.items()
                for target in TARGETS
            ),
            # Whatever its tolerance, sgs stays at gaps of 6e-4 on A.
            *(Race(f"gslope {name}", 1e-3, "sgs", goal_ratio=75.0) for name in "ABL"),
        ),
        quick_races=(Race("gslope A", 1e-6, goal_seconds=0.01),),
    ),
    "lasso": Suite(
        "The lasso as a SLOPE with equal weights, against lasso solvers",
        races=(
            *against("lasso p=1000", LASSO_PEERS, [1e-6, 1e-8]),
            *against("lasso n=1000", LASSO_PEERS, [1e-6]),
            *against("lasso binomial", BINOMIAL_PEERS, [1e-6]),
            *against("lasso multinomial", ["scikit-learn saga", "glmnet"], [1e-4, 1e-6]),
        ),
        quick_races=against("lasso p=1000", ["celer"], [1e-6]),
    ),
    "group_lasso": Suite(
        "The group lasso as a group SLOPE with equal weights, against celer, skglm, adelie and glmnet",
        races=(
            *against("group lasso A", ["celer", "skglm", "adelie"], [1e-6, 1e-8]),
            *against("group lasso B", ["celer", "skglm", "adelie"], [1e-6]),
            *against("group lasso multinomial", ["glmnet"], [1e-6]),
        ),
        quick_races=against("group lasso A", ["celer"], [1e-6]),
    ),
    "screening": Suite(
        "Screening on against off, ours at gap 1e-6",
        races=tuple(
            Race(problem, 1e-6, "sparsestats, no screening", goal_ratio=goal)
            for problem, goal in {
                "gslope A": 0.95, "gslope B": 0.95, "gslope C": 3.0, "gslope E": 0.95,
                "slope p=1000": 0.95, "slope n=1000": 0.95,
            }.items()
        ),
        quick_races=(Race("gslope A", 1e-6, "sparsestats, no screening", goal_ratio=0.95),),
    ),
    "tight": Suite(
        "What tightness costs: ours at gap 1e-8, with ours at 1e-4 as the peer (ratio 1 = nothing)",
        races=tuple(
            Race(problem, 1e-8, "sparsestats", peer_target=1e-4)
            for problem in (
                "slope p=1000", "slope p=5000", "slope n=1000", "slope binomial", "lasso p=1000", "lasso n=1000",
                "lasso binomial", "gslope A", "gslope B", "gslope C", "gslope C2", "gslope E", "gslope L",
                "group lasso A", "group lasso B",
                "slope p=1000 weak", "slope p=5000 weak", "slope n=1000 weak", "gslope A weak", "gslope C weak",
            )
        ),
        quick_races=(Race("gslope A", 1e-8, "sparsestats", peer_target=1e-4),),
    ),
    "sgslope": Suite("Sparse-group SLOPE paths, ours alone", probe=probes.sparse_group),
    "losses": Suite("Binomial and Poisson paths over the gaussian one, processor time", probe=probes.losses),
    "wide": Suite("Group SLOPE with 100 000 dense columns", probe=probes.wide),
    "start": Suite("Import and first fit, fresh processes", probe=probes.start_up),
    "formula": Suite("The R door over the array door, percent", probe=probes.formula_overhead),
    "cv": Suite("Cross-validation in units of one path", probe=probes.cross_validation),
    "memory": Suite("Memory peak of a path beyond X", probe=probes.memory),
}  # fmt: skip
