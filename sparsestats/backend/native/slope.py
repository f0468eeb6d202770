"""Convex penalised paths in the compiled core: losses and penalties that carry a ``native`` name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from ..._core import ext
from .. import sequences
from ..certificate import Certificates
from ..problem import PathResult, Problem

LOSSES = ("gaussian", "binomial", "multinomial", "poisson", "huber")
PENALTIES = ("l1", "sorted_l1", "group_sorted_l1", "sparse_group_sorted_l1")


def supports(problem: Problem) -> bool:
    """Whether the compiled core knows both the loss and the penalty."""
    return problem.loss.native in LOSSES and problem.penalty.native in PENALTIES


class NativeProblem:
    """A problem laid out for the core: columns read in place, moments taken once.

    Parameters
    ----------
    problem : Problem
        Its penalty is resolved here, with the ranks the design finds.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        self._columns = columns(problem.X)
        self._grouped, absorbs = _units(problem)
        self.design = self._lay_out(absorbs)
        # Ranks below the number of columns may leave another penalty than the columns let expect.
        if (
            self._mixed
            and problem.standardize == "group"
            and absorbs != bool(self._resolved(problem.observations).l1_ratio == 0)
        ):
            self.design = self._lay_out(not absorbs)
        # The quadratic core centres the response itself; a bounded gradient would have a long way to the level of y.
        self._level = 0.0
        if problem.loss.native == "huber" and problem.fit_intercept:
            self._level = float(np.median(problem.y if problem.offset is None else problem.y - problem.offset))
        self._y = _vector(problem.y - self._level)
        self._offset = None if problem.offset is None else _vector(problem.offset)

    def _lay_out(self, absorbs: bool) -> Any:
        """The design, with the groups' weights in its scales or not."""
        problem = self.problem
        weights = np.ones(problem.shape[0]) if problem.sample_weight is None else _vector(problem.sample_weight)
        return ext.Design(self._columns, weights, *_design_options(problem, self._grouped, absorbs))

    @property
    def _mixed(self) -> bool:
        """Whether the penalty is of columns and of groups, and has some to cover."""
        return self.problem.penalty.native == "sparse_group_sorted_l1" and bool(self.problem.penalized.any())

    def _resolved(self, observations: int) -> Any:
        """A penalty of both kinds with its weights for the ranks the design found."""
        if not self._grouped:  # of the columns' part alone, whose groups the design does not know
            return self.problem.penalty.resolve(observations, _labels(self.problem))
        # Its columns are ranked too, those among them that a group of lower rank leaves at 0.
        sizes = self._sizes()
        labels = np.repeat(np.arange(len(sizes)), self._coordinates())
        return self.problem.penalty.resolve(observations, labels, sizes)

    @cached_property
    def penalty(self) -> Any:
        return self.penalty_for(self.problem.observations)

    def penalty_for(self, observations: int) -> Any:
        """The core's penalty for so many observations; None when nothing is penalised, whatever alpha."""
        penalty, sizes = self.problem.penalty, self._sizes()
        if not len(sizes):
            return None
        if penalty.native == "l1":
            return ext.Penalty(np.ones(int(self._coordinates().sum())), [], 1.0)
        if self._mixed:
            known = self._resolved(observations)
            v, w, ratio = known.v, known.w, known.l1_ratio
            return ext.Penalty(v, w, ratio) if ratio * v.any() + (1 - ratio) * w.any() > 0 else None
        if penalty.native == "group_sorted_l1":
            w = sequences.groupwise(penalty.sequence, sizes, q=penalty.q, n=observations)
            return ext.Penalty([], w, 0.0) if w.any() else None
        columns = int(self._coordinates().sum())
        v = sequences.elementwise(penalty.sequence, columns, q=penalty.q, n=observations)
        return ext.Penalty(v, [], 1.0) if v.any() else None

    def _sizes(self) -> np.ndarray:
        """Coefficients of each unit of the penalty; every one alone where there are no groups."""
        ranks, responses = np.maximum(self.design.ranks(), 1), self.problem.responses
        return ranks * responses if self._grouped else np.repeat(ranks, responses)

    def _coordinates(self) -> np.ndarray:
        """Coordinates of each unit in the core: its columns, whatever their rank, times the responses."""
        problem = self.problem
        if not self._grouped:
            return self._sizes()
        _, columns = np.unique(np.asarray(problem.groups)[problem.penalized], return_counts=True)
        return columns * problem.responses

    def solve(
        self,
        alphas: Sequence[float] | np.ndarray,
        *,
        tol: float,
        max_iter: int,
        screening: bool = True,
        stop_deviance: float = 2.0,
        control: Any = None,
    ) -> dict[str, Any]:
        """One call of the core; empty ``alphas`` asks for ``alpha_max`` alone."""
        penalty = self.penalty
        if penalty is None:  # the unpenalised fit serves every alpha
            penalty, alphas = ext.Penalty(np.ones(int(self._coordinates().sum())), [], 1.0), np.zeros(len(alphas))
        return ext.solve_path(
            self.design,
            self.problem.loss.native,
            getattr(self.problem.loss, "delta", 0.0),
            self._y,
            self._offset,
            penalty,
            np.asarray(alphas, dtype=float),
            tol,
            max_iter,
            bool(screening),
            stop_deviance,
            ext.Control() if control is None else control,
        )

    def alpha_max(self) -> float:
        return float(self.solve([], tol=1e-8, max_iter=1)["alpha_max"])

    def solve_path(
        self,
        alphas: Sequence[float] | np.ndarray,
        *,
        tol: float = 1e-8,
        max_iter: int = 10_000,
        screening: bool = True,
        stop_deviance: float = 2.0,
        control: Any = None,
    ) -> PathResult:
        """Fit decreasing alphas; each carries the duality gap of the full problem.

        Parameters
        ----------
        alphas : sequence of float, non-increasing, >= 0
        tol : float
            Certificate asked for, as a share of the null objective.
        max_iter : int
            Steps at each alpha: proximal-gradient, Newton and block sweeps alike.
        screening : bool
            Strong rules with repair; False solves on all columns.
        stop_deviance : float
            End the path once the deviance ratio exceeds it; 2 never does.
        control : Control or None
            Progress and a stop request, shared with other threads.
        """
        began = time.perf_counter()
        alphas = np.asarray(alphas, dtype=float)
        out = self.solve(
            alphas,
            tol=tol,
            max_iter=max_iter,
            screening=screening,
            stop_deviance=stop_deviance,
            control=control,
        )
        k, flat = len(out["alphas"]), self.problem.loss.flat
        return PathResult(
            alphas=alphas[:k],
            coefs=out["coefs"],
            intercepts=out["intercepts"] + self._level,
            certificates=Certificates(
                ["gap" if alpha > 0 or flat else "newton" for alpha in out["alphas"].tolist()],
                out["gaps"],
                np.full(k, out["null_objective"]),
                np.full(k, tol),
                out["objectives"],
                out["bounds"],
                out["iterations"],
                out["stops"],
            ),
            alpha_max=float(out["alpha_max"]),
            deviance_ratio=out["deviance_ratio"],
            stopped=out["stopped"],
            seconds=time.perf_counter() - began,
            info={
                key: out[key]
                for key in ("iterations", "newton_steps", "screened", "active", "repaired", "discarded", "seconds")
            },
        )


class NativeFolds:
    """Paths on some rows of a problem and what they predict for others, each in one call of the core.

    Parameters
    ----------
    problem : Problem
        One that :meth:`serves`.
    """

    def __init__(self, problem: Problem):
        self.problem = problem
        grouped, absorbs = _units(problem)
        self._folds = ext.Folds(
            problem.X,
            _vector(problem.y),
            None if problem.offset is None else _vector(problem.offset),
            *_design_options(problem, grouped, absorbs),
        )
        # Without ranks to find, a design of any rows knows the penalty of all.
        self._row = NativeProblem(replace(problem, X=np.asfortranarray(problem.X[:1]), y=problem.y[:1], offset=None))
        self._penalties: dict[int, Any] = {}

    @staticmethod
    def serves(problem: Problem) -> bool:
        """Whether rows alone tell folds apart: no weights to rescale, no ranks to find, no level to move."""
        return (
            supports(problem)
            and isinstance(problem.X, np.ndarray)
            and problem.sample_weight is None
            and problem.standardize != "group"
            and problem.loss.native != "huber"
        )

    def predict(
        self, train: np.ndarray, test: np.ndarray, alphas: np.ndarray, *, control: Any = None, **options: Any
    ) -> tuple[np.ndarray, np.ndarray, str] | None:
        """Linear predictors (m, k) or (m, k, K) of ``test``, which of the k models converged, why the path ended early.

        None when nothing is penalised. The predictors are without their offset.
        """
        n = len(train)
        if n not in self._penalties:
            self._penalties[n] = self._row.penalty_for(n)
        if self._penalties[n] is None:
            return None
        control = ext.Control() if control is None else control
        loss = self.problem.loss.native
        out = self._folds.fit(train, test, loss, 0.0, self._penalties[n], alphas, control=control, **options)
        if not out["finite"]:
            raise self.problem.overflow()
        return out["eta"], out["gaps"] <= options["tol"] * out["null_objective"], out["stopped"]


def _design_options(problem: Problem, grouped: bool, absorbs: bool) -> tuple:
    """What the core's designs take besides rows and their weights."""
    return (
        problem.fit_intercept,
        {True: "columns", False: "none", "group": "groups"}[problem.standardize],
        np.ascontiguousarray(problem.groups if grouped else (), dtype=np.int64),
        _vector(() if problem.penalty_factor is None else problem.penalty_factor),
        absorbs,
        problem.responses,
    )


def _units(problem: Problem) -> tuple[bool, bool]:
    """Whether the core's units are groups, and whether their scales absorb the groups' weights."""
    penalty, orthonormal = problem.penalty, problem.standardize == "group"
    if penalty.native != "sparse_group_sorted_l1":
        grouped = penalty.native == "group_sorted_l1"
        return grouped or (orthonormal and problem.groups is not None), grouped
    labels = _labels(problem)
    groups_alone = len(labels) > 0 and penalty.resolve(problem.observations, labels).l1_ratio == 0
    # Numpy's own truth values are none to the core.
    return bool(penalty.l1_ratio < 1 or orthonormal), bool(groups_alone)


def _labels(problem: Problem) -> np.ndarray:
    """Groups of the penalised coefficients, 0, 1, ..."""
    labels = np.repeat(np.asarray(problem.groups)[problem.penalized], problem.responses)
    return np.unique(labels, return_inverse=True)[1]


def deviations(X: Any, sample_weight: np.ndarray | None) -> np.ndarray:
    """Weighted standard deviations (divisor n) of the columns, without a copy of X."""
    weights = np.ones(X.shape[0]) if sample_weight is None else _vector(sample_weight)
    return columns(X).moments(weights)[1]


def columns(X: Any) -> Any:
    """The core's view of X: dense Fortran-ordered or CSC, float32 or float64, never copied."""
    if sparse.issparse(X):
        csc: Any = X
        starts = csc.indptr.astype(csc.indices.dtype, copy=False)
        return ext.Columns.csc(csc.data, csc.indices, starts, csc.shape[0])
    return (ext.Columns.dense32 if X.dtype == np.float32 else ext.Columns.dense)(X)


def _vector(values: Any) -> np.ndarray:
    """Contiguous doubles; a matrix column after column."""
    return np.ascontiguousarray(np.ravel(values, order="F"), dtype=np.float64)
