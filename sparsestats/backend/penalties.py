"""Penalties: what a solver may ask of the other side of the objective.

A penalty J acts on ``c``, the penalised coefficients on the standardised scale (one entry a penalised column,
in the order of the columns). The solver multiplies it by ``alpha``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ..exceptions import MissingMethodError
from . import sequences, splitting
from .sorted_norms import (
    group_norms,
    sorted_dual_norm,
    sorted_expression,
    sorted_prox,
    sorted_screen,
    sorted_sum,
    weighted_sorted_prox,
)


def require(obj: Any, methods: Iterable[str], who: str) -> None:
    """Refuse a loss or penalty that lacks methods, with their names.

    Raises
    ------
    MissingMethodError
        Naming every method of ``methods`` that ``obj`` does not have.
    """
    missing = [name for name in methods if not callable(getattr(obj, name, None))]
    if missing:
        raise MissingMethodError(
            f"{who} needs {', '.join(methods)} of {type(obj).__name__}, which lacks: {', '.join(missing)}"
        )


def has(obj: Any, *methods: str) -> bool:
    """Whether a loss or penalty defines all of these optional methods."""
    return all(callable(getattr(obj, name, None)) for name in methods)


class Penalty:
    """Base of the penalties. One of your own subclasses it and defines two methods:

    - ``value(c) -> float``: J(c);
    - ``prox(u, step) -> (p,)``: argmin_c ||c - u||^2 / 2 + step J(c).

    The rest buys something:

    - ``dual_norm(z) -> float``: sup {z'c : J(c) <= 1}, for a J that is a norm (or a gauge). With it fits are
      certified by a duality gap; without, by stationarity. Leave it out when J is not homogeneous;
    - ``dual_bound(z, c, alpha) -> float``: an upper bound of ``dual_norm(z)`` that is exact when c minimises,
      where the dual norm itself has no formula;
    - ``expression(c)``: J as a cvxpy expression, for ``solver="cvxpy"``;
    - ``screen(gradient, alpha_next, alpha_prev) -> bool mask``: columns worth trying at the next alpha;
    - ``resolve(n_samples, groups, sizes) -> Penalty``: called once before a fit for penalties that depend on
      the shape of the data; returns a copy with its arrays filled in;
    - ``fixed() -> Penalty``: the resolved penalty with those arrays given, so that resolving changes nothing;
    - ``at(alpha) -> Penalty``: the J of this alpha, for penalties whose shape moves with it;
    - ``entry(z) -> float``: the smallest alpha at which c = 0 is stationary when -gradient is z there, where no
      dual norm says it;
    - ``tangent(c) -> (p,)``: slopes of a J that is concave in each |c_j|, for solvers that majorise it;
    - ``adapted(curvature) -> Penalty``: the copy whose concavity is in units of the loss's curvature.

    Attributes
    ----------
    name : str
        The word used in messages and summaries.
    native : str or None
        The penalty's name in the compiled core. Never inherited: a subclass that changes the mathematics is
        solved by its own Python text unless it says otherwise.
    grouped : bool
        Whether it acts on groups of columns; ``groups`` are then its labels, one a column.

    Examples
    --------
    The lasso with coefficients that may not be negative:

    >>> import numpy as np
    >>> import sparsestats as ss
    >>> class NonnegativeL1(ss.penalties.Penalty):
    ...     name = "nonnegative L1"
    ...
    ...     def value(self, c):
    ...         return c.sum() if c.min() >= 0 else np.inf
    ...
    ...     def prox(self, u, step):
    ...         return np.maximum(u - step, 0.0)
    ...
    ...     def dual_norm(self, z):
    ...         return max(z.max(), 0.0)
    >>> X = np.random.default_rng(0).normal(size=(50, 4))
    >>> model = ss.Penalized(penalty=NonnegativeL1(), alpha=0.1).fit(X, X @ [2.0, 0.0, -1.0, 1.0])
    >>> bool((model.coef_ >= 0).all())
    True
    """

    name: ClassVar[str] = "penalty"
    native: ClassVar[str | None] = None
    grouped: ClassVar[bool] = False
    groups: Any = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.native = cls.__dict__.get("native")

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return False
        mine, theirs = vars(self), vars(other)
        return mine.keys() == theirs.keys() and all(_same(mine[k], theirs[k]) for k in mine)

    def __hash__(self) -> int:
        return hash(type(self))

    def resolve(
        self,
        n_samples: int,
        groups: np.ndarray | None = None,
        sizes: Sequence[float] | np.ndarray | None = None,
    ) -> Penalty:
        """This penalty for data of a known shape.

        Parameters
        ----------
        n_samples : int
        groups : int array (p,), labels 0..m-1 of the penalised columns; None when every column stands alone
        sizes : array (m,), size of each group (its rank where groups are orthonormalised); ones (p,) without
            groups
        """
        return self

    def fixed(self) -> Penalty:
        """This penalty, resolved, as one that no data change any more."""
        return self


@dataclass(frozen=True, eq=False)
class L1(Penalty):
    """The lasso, J(c) = sum_j |c_j|; weights enter through ``penalty_factor``.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> ss.penalties.L1().prox(np.array([3.0, -0.5]), 1.0)
    array([ 2., -0.])
    """

    name: ClassVar[str] = "L1"
    native: ClassVar[str | None] = "l1"

    def value(self, c: np.ndarray) -> float:
        return float(np.abs(c).sum())

    def prox(self, u: np.ndarray, step: float) -> np.ndarray:
        return np.sign(u) * np.maximum(np.abs(u) - step, 0.0)

    def dual_norm(self, z: np.ndarray) -> float:
        return float(np.abs(z).max(initial=0.0))

    def expression(self, c: Any) -> Any:
        import cvxpy as cp

        return cp.norm1(c)

    def screen(self, gradient: np.ndarray, alpha_next: float, alpha_prev: float) -> np.ndarray:
        """The sequential strong rule: keep |gradient_j| >= 2 alpha_next - alpha_prev."""
        return np.abs(gradient) >= 2.0 * alpha_next - alpha_prev


@dataclass(frozen=True, eq=False)
class SortedL1(Penalty):
    """SLOPE, J(c) = sum_i v_i |c|_(i), |c|_(1) the largest, v non-increasing and >= 0.

    Parameters
    ----------
    sequence : {"bh", "gaussian", "oscar", "lasso"} or array (p,), default "bh"
        The weights v, or the name of their shape: see :func:`sparsestats.backend.sequences.elementwise`.
    q : float in (0, 1), default 0.1
        Target false discovery rate of the named shapes that have one.
    weights : ndarray (p,)
        v, filled in by :meth:`resolve`.

    Raises
    ------
    ValueError
        From :meth:`resolve`: an increasing, negative, not finite or wrongly sized sequence; q outside (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> ss.penalties.SortedL1([2.0, 1.0]).resolve(n_samples=10, sizes=np.ones(2)).value(np.array([1.0, -3.0]))
    7.0

    References
    ----------
    Bogdan et al. (2015), SLOPE - adaptive variable selection via convex optimization, equation 1.3.
    """

    name: ClassVar[str] = "sorted L1"
    native: ClassVar[str | None] = "sorted_l1"

    sequence: str | Sequence[float] | np.ndarray = "bh"
    q: float = 0.1
    weights: np.ndarray | None = field(default=None, repr=False)

    def resolve(
        self,
        n_samples: int,
        groups: np.ndarray | None = None,
        sizes: Sequence[float] | np.ndarray | None = None,
    ) -> SortedL1:
        p = len(groups) if groups is not None else len(_given(sizes, "sizes", self))
        return replace(self, weights=sequences.elementwise(self.sequence, p, q=self.q, n=n_samples))

    def fixed(self) -> SortedL1:
        return replace(self, sequence=_given(self.weights, "weights", self))

    def value(self, c: np.ndarray) -> float:
        return sorted_sum(np.abs(c), _given(self.weights, "weights", self))

    def prox(self, u: np.ndarray, step: float) -> np.ndarray:
        return np.sign(u) * sorted_prox(np.abs(u), step * _given(self.weights, "weights", self))

    def dual_norm(self, z: np.ndarray) -> float:
        return sorted_dual_norm(np.abs(z), _given(self.weights, "weights", self))

    def ranked(self, c: np.ndarray) -> np.ndarray:
        """The magnitudes that are ranked, one for each weight."""
        return np.abs(c)

    def ranked_expression(self, c: Any) -> Any:
        """:meth:`ranked` in cvxpy: convex, one entry for each weight."""
        import cvxpy as cp

        return cp.abs(c)

    def expression(self, c: Any) -> Any:
        return sorted_expression(self.ranked_expression(c), _given(self.weights, "weights", self))

    def screen(self, gradient: np.ndarray, alpha_next: float, alpha_prev: float) -> np.ndarray:
        """The strong rule for SLOPE (Larsson, Bogdan & Wallin 2020, algorithm 2)."""
        weights = _given(self.weights, "weights", self)
        return sorted_screen(np.abs(gradient), (2.0 * alpha_next - alpha_prev) * weights)


@dataclass(frozen=True, eq=False)
class GroupSortedL1(Penalty):
    """Group SLOPE, J(c) = sum_i w_i [k_g ||c_g||]_(i), k_g = sqrt(size of g), w non-increasing and >= 0.

    Groups are ranked by the weighted norms k_g ||c_g||.

    Parameters
    ----------
    sequence : {"mean", "max", "corrected", "lasso", "oscar"} or array (m,), default "mean"
        The weights w, or the name of their shape: see :func:`sparsestats.backend.sequences.groupwise`.
    q : float in (0, 1), default 0.1
        Target group false discovery rate of the named shapes that have one.
    groups : int ndarray (p,), labels 0..m-1
        Group of each penalised column; given here or to :meth:`resolve`.
    weights : ndarray (m,)
        w, filled in by :meth:`resolve`.
    group_weights : ndarray (m,)
        k, filled in by :meth:`resolve`.

    Raises
    ------
    ValueError
        From :meth:`resolve`: no groups; labels that are not 0..m-1; a sequence or q out of range.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> penalty = ss.penalties.GroupSortedL1([2.0, 1.0]).resolve(n_samples=10, groups=np.array([0, 0, 1, 1]))
    >>> round(penalty.value(np.array([3.0, 4.0, 0.0, 1.0])), 6)
    15.556349

    References
    ----------
    Brzyski, Gossmann, Su & Bogdan (2019), Group SLOPE - adaptive selection of groups of predictors.
    """

    name: ClassVar[str] = "group sorted L1"
    native: ClassVar[str | None] = "group_sorted_l1"
    grouped: ClassVar[bool] = True

    sequence: str | Sequence[float] | np.ndarray = "mean"
    q: float = 0.1
    groups: np.ndarray | None = None
    weights: np.ndarray | None = field(default=None, repr=False)
    group_weights: np.ndarray | None = field(default=None, repr=False)

    def resolve(
        self,
        n_samples: int,
        groups: np.ndarray | None = None,
        sizes: Sequence[float] | np.ndarray | None = None,
    ) -> GroupSortedL1:
        labels, size = _labels_and_sizes(self, groups, sizes)
        return replace(
            self,
            groups=labels,
            weights=sequences.groupwise(self.sequence, size, q=self.q, n=n_samples),
            group_weights=np.sqrt(np.asarray(size, dtype=float)),
        )

    def fixed(self) -> GroupSortedL1:
        return replace(self, sequence=_given(self.weights, "weights", self))

    def _parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return (
            _given(self.groups, "groups", self),
            _given(self.weights, "weights", self),
            _given(self.group_weights, "group_weights", self),
        )

    def value(self, c: np.ndarray) -> float:
        return sorted_sum(self.ranked(c), self._parts()[1])

    def prox(self, u: np.ndarray, step: float) -> np.ndarray:
        groups, weights, k = self._parts()
        norms = group_norms(u, groups, len(k))
        shrunk = weighted_sorted_prox(norms, k, step * weights)
        # a group of norm 0 stays 0; it is not 0/0
        return u * np.divide(shrunk, norms, out=np.zeros_like(norms), where=norms > 0)[groups]

    def dual_norm(self, z: np.ndarray) -> float:
        groups, weights, k = self._parts()
        return sorted_dual_norm(group_norms(z, groups, len(k)) / k, weights)

    def ranked(self, c: np.ndarray) -> np.ndarray:
        """The weighted norms that are ranked, one for each weight."""
        groups, _, k = self._parts()
        return k * group_norms(c, groups, len(k))

    def ranked_expression(self, c: Any) -> Any:
        """:meth:`ranked` in cvxpy: convex, one entry for each weight."""
        import cvxpy as cp

        groups, _, k = self._parts()
        members = np.split(np.argsort(groups, kind="stable"), np.cumsum(np.bincount(groups))[:-1])
        return cp.hstack([k[g] * cp.norm2(c[columns]) for g, columns in enumerate(members)])

    def expression(self, c: Any) -> Any:
        return sorted_expression(self.ranked_expression(c), self._parts()[1])

    def screen(self, gradient: np.ndarray, alpha_next: float, alpha_prev: float) -> np.ndarray:
        """The strong rule for group SLOPE (Feser & Evangelou 2024): whole groups are kept or left out."""
        groups, weights, k = self._parts()
        norms = group_norms(gradient, groups, len(k)) / k
        return sorted_screen(norms, (2.0 * alpha_next - alpha_prev) * weights)[groups]


@dataclass(frozen=True, eq=False)
class SparseGroupSortedL1(Penalty):
    """Sparse-group SLOPE, J(c) = r sum_i v_i |c|_(i) + (1 - r) sum_i w_i [k_g ||c_g||]_(i), r = l1_ratio.

    It selects groups and columns inside them. At l1_ratio 1 it is SLOPE, at 0 group SLOPE; v = w = 1 is the
    sparse-group lasso.

    Parameters
    ----------
    sequence : {"vmean", "vmax", "original", "lasso", "oscar"} or pair (v, w), default "vmean"
        The weights, or the name of their shape: see :func:`sparsestats.backend.sequences.sparse_group`.
    q : float in (0, 1) or pair (q_v, q_g), default 0.1
        Target false discovery rates of columns and of groups.
    l1_ratio : float in [0, 1], default 0.95
        Share of the elementwise part.
    groups : int ndarray (p,), labels 0..m-1
        Group of each penalised column; given here or to :meth:`resolve`.
    v : ndarray (p,)
        Filled in by :meth:`resolve`.
    w : ndarray (m,)
        Filled in by :meth:`resolve`, which also writes a J that is a single sorted norm (groups of one column,
        v = 0 or w = 0) with l1_ratio 1 or 0.
    group_weights : ndarray (m,)
        k = sqrt(size), filled in by :meth:`resolve`.

    Raises
    ------
    ValueError
        From :meth:`resolve`: no groups; labels that are not 0..m-1; a sequence, q or l1_ratio out of range.

    Notes
    -----
    The prox is exact. It is not the composition of the two proxes: shrinking groups changes the ranks of the
    columns (the sparse-group lasso, whose columns have no ranks, is the exception).

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> penalty = ss.penalties.SparseGroupSortedL1("lasso", l1_ratio=0.5)
    >>> penalty.resolve(n_samples=10, groups=np.array([0, 0, 1])).prox(np.array([3.0, 0.4, 0.6]), 1.0).round(3)
    array([1.793, 0.   , 0.   ])

    References
    ----------
    Feser & Evangelou (2023), Sparse-group SLOPE: adaptive bi-level selection with FDR-control.
    """

    name: ClassVar[str] = "sparse-group sorted L1"
    native: ClassVar[str | None] = "sparse_group_sorted_l1"
    grouped: ClassVar[bool] = True

    sequence: Any = "vmean"
    q: float | tuple[float, float] = 0.1
    l1_ratio: float = 0.95
    groups: np.ndarray | None = None
    v: np.ndarray | None = field(default=None, repr=False)
    w: np.ndarray | None = field(default=None, repr=False)
    group_weights: np.ndarray | None = field(default=None, repr=False)

    def resolve(
        self,
        n_samples: int,
        groups: np.ndarray | None = None,
        sizes: Sequence[float] | np.ndarray | None = None,
    ) -> SparseGroupSortedL1:
        labels, size = _labels_and_sizes(self, groups, sizes)
        r = self.l1_ratio
        v, w = sequences.sparse_group(self.sequence, size, q=self.q, l1_ratio=r, n=n_samples, columns=len(labels))
        # Where a group has more columns than its rank the spare entries of c are 0 and rank last.
        spare = len(labels) - len(v)
        v = np.append(v, np.full(spare, v[-1])) if spare else v
        settings: dict[str, Any] = dict(groups=labels, group_weights=np.sqrt(np.asarray(size, dtype=float)))
        # Three cases are one sorted norm in the writing of two, and are solved as that one.
        if len(size) == len(labels):  # every column alone: both parts rank |c|
            v, r = r * v + (1.0 - r) * w, 1.0
        elif 0 < r < 1 and not np.any(v):
            w, r = (1.0 - r) * w, 0.0
        elif 0 < r < 1 and not np.any(w):
            v, r = r * v, 1.0
        if r != self.l1_ratio:
            settings |= dict(sequence=(v, w), l1_ratio=r)
        return replace(self, v=v, w=w, **settings)

    def fixed(self) -> SparseGroupSortedL1:
        return replace(self, sequence=(_given(self.v, "v", self), _given(self.w, "w", self)))

    @property
    def _columns(self) -> SortedL1:
        return SortedL1(weights=self.l1_ratio * _given(self.v, "v", self))

    @property
    def _groups(self) -> GroupSortedL1:
        return GroupSortedL1(
            groups=_given(self.groups, "groups", self),
            weights=(1.0 - self.l1_ratio) * _given(self.w, "w", self),
            group_weights=_given(self.group_weights, "group_weights", self),
        )

    @property
    def parts(self) -> tuple[Any, ...]:
        """The sorted norms that J is the sum of: those whose weights are not all 0, at least one."""
        both = (self._columns, self._groups)
        return tuple(part for part in both if np.any(part.weights)) or both[:1]

    def value(self, c: np.ndarray) -> float:
        return sum(part.value(c) for part in self.parts)

    def prox(self, u: np.ndarray, step: float) -> np.ndarray:
        if len(self.parts) == 1:
            return self.parts[0].prox(u, step)
        v = _given(self.v, "v", self)
        if v[0] == v[-1]:  # no ranks that the groups' shrinkage could change
            return self._groups.prox(self._columns.prox(u, step), step)
        return self._split(u, step)[0]

    def _split(
        self, point: np.ndarray, step: float, start: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, int]:
        """The prox, the groups' part of ``point - prox``, and the sweeps it took."""
        columns, groups = self._columns, self._groups
        x, b, u, sweeps = splitting.prox_of_sum(
            point, lambda p: columns.prox(p, step), lambda p: groups.prox(p, step), start
        )
        return np.where(x == 0.0, 0.0, b), u, sweeps

    def _norm_of_split(self, z: np.ndarray, u: np.ndarray) -> float:
        """The dual norm's bound from z = (z - u) + u, u the groups' part."""
        return max(self._columns.dual_norm(z - u), self._groups.dual_norm(u))

    def dual_norm(self, z: np.ndarray) -> float:
        """inf over z = a + u of max(the columns' dual norm of a, the groups' of u): there is no formula."""
        if len(self.parts) == 1:
            return self.parts[0].dual_norm(z)
        a, u = self._columns.dual_norm(z), self._groups.dual_norm(z)
        return splitting.dual_norm_of_sum(
            z,
            self.value,
            self._split,
            lambda part: self._norm_of_split(z, part),
            z * (a / (a + u)) if a + u else z,
        )

    def dual_bound(self, z: np.ndarray, c: np.ndarray, alpha: float) -> float:
        """The dual norm of z from above, and exactly where c minimises: z split as the prox at c + z does."""
        if len(self.parts) == 1:
            return self.parts[0].dual_norm(z)
        bound, u = min(self._columns.dual_norm(z), self._groups.dual_norm(z)), None
        while True:  # a split that crawls goes on as long as that halves the excess
            before = bound
            _, u, sweeps = self._split(c + z, alpha, u)
            bound = min(before, self._norm_of_split(z, u))
            if sweeps < splitting.MAX_SWEEPS or bound - alpha > 0.5 * (before - alpha):
                break
        # Of the null model at alpha_max the two dual balls touch, where the split crawls.
        return self.dual_norm(z) if bound > alpha and not np.any(c) else bound

    def expression(self, c: Any) -> Any:
        return sum(part.expression(c) for part in self.parts)

    def screen(self, gradient: np.ndarray, alpha_next: float, alpha_prev: float) -> np.ndarray:
        """Groups by what of their gradient the columns' part cannot carry, then columns inside them.

        After Feser & Evangelou (2024), with v aligned to the sorted gradient.
        """
        if len(self.parts) == 1:
            return self.parts[0].screen(gradient, alpha_next, alpha_prev)
        magnitudes, v = np.abs(gradient), self.l1_ratio * _given(self.v, "v", self)
        order = np.argsort(-magnitudes, kind="stable")
        left = np.empty_like(magnitudes)
        left[order] = np.maximum(magnitudes[order] - alpha_next * v, 0.0)
        inside = np.flatnonzero(self._groups.screen(left, alpha_next, alpha_prev))
        keep = np.zeros(len(gradient), dtype=bool)
        # Columns left out are 0 and rank last, so those inside meet the first weights.
        keep[inside] = sorted_screen(magnitudes[inside], (2.0 * alpha_next - alpha_prev) * v[: len(inside)])
        return keep


@dataclass(frozen=True, eq=False)
class MCP(Penalty):
    """The minimax concave penalty: alpha J(c) = sum_j p(|c_j|), p(t) = alpha t - t^2/(2 gamma) up to gamma alpha,
    constant beyond.

    Small coefficients are treated as by the lasso, large ones are not shrunk at all. It is not convex: fits are
    certified by stationarity.

    Parameters
    ----------
    gamma : float > 0 or array (p,), default 3.0
        Where p turns flat, as a multiple of alpha; smaller is more concave, inf is the lasso. Values above 1 suit
        a loss of unit curvature in every coefficient, such as squares of standardised columns.
    alpha : float > 0
        Filled in by :meth:`at`: the shape of J moves with it.

    Raises
    ------
    ValueError
        For gamma <= 0.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> ss.penalties.MCP(gamma=3.0).at(1.0).prox(np.array([0.5, 2.0, 5.0]), 1.0)
    array([0. , 1.5, 5. ])

    References
    ----------
    Zhang (2010), Nearly unbiased variable selection under minimax concave penalty, Annals of Statistics 38.
    """

    name: ClassVar[str] = "MCP"
    native: ClassVar[str | None] = None

    gamma: float | np.ndarray = 3.0
    alpha: float | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not np.all(np.asarray(self.gamma) > 0):
            raise ValueError(f"gamma of the MCP must be > 0, got {np.min(self.gamma)}")

    def at(self, alpha: float) -> MCP:
        return replace(self, alpha=alpha)

    def adapted(self, curvature: np.ndarray) -> MCP:
        """gamma over the curvature v: for one coefficient alone (u - alpha)/(v - v/gamma) as with v = 1."""
        return replace(self, gamma=self.gamma / np.maximum(curvature, 1e-300))

    @property
    def _knee(self) -> Any:
        """|c| from which on J is flat."""
        if self.alpha is None:
            raise ValueError("the MCP has no alpha: call at(alpha)")
        return self.gamma * self.alpha

    def value(self, c: np.ndarray) -> float:
        t = np.minimum(np.abs(c), self._knee)
        return float(np.sum(t - t * (t / (2.0 * self._knee))))

    def tangent(self, c: np.ndarray) -> np.ndarray:
        return np.maximum(1.0 - np.abs(c) / self._knee, 0.0)

    def entry(self, z: np.ndarray) -> float:
        return float(np.abs(z).max(initial=0.0))

    def prox(self, u: np.ndarray, step: float) -> np.ndarray:
        size, knee = np.abs(u), self._knee
        bend = np.broadcast_to(step / knee, u.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            firm = np.where(size <= knee, np.maximum(size - step, 0.0) / (1.0 - bend), size)
        # From bend 1 on the objective is concave between 0 and the knee: the better of its two ends.
        hard = np.where(size > np.sqrt(step * knee), size, 0.0)
        return np.sign(u) * np.where(bend < 1.0, firm, hard)


SHIPPED: dict[str, type[Penalty]] = {
    cls.__name__: cls for cls in (L1, SortedL1, GroupSortedL1, SparseGroupSortedL1, MCP)
}
"""The penalties that a saved model may name."""


def entry_alpha(penalty: Any, z: np.ndarray) -> float:
    """The smallest alpha at which c = 0 is stationary when -gradient is ``z`` there; inf when there is none.

    From the penalty's ``dual_norm`` or ``entry``, or by bisection on its ``prox``.
    """
    for method in ("dual_norm", "entry"):
        if has(penalty, method):
            return float(getattr(penalty, method)(z))
    # z is in t times the subdifferential of J at 0 exactly when prox_{tJ}(z) = 0
    high = 1.0
    while penalty.prox(z, high).any():
        high *= 2.0
        if high > 1e30:
            return float("inf")
    low = 0.0
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if penalty.prox(z, middle).any() else (low, middle)
    return high


def _labels_and_sizes(penalty: Any, groups: Any, sizes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Labels of the columns and sizes of the groups, for :meth:`Penalty.resolve`."""
    labels = np.asarray(_given(penalty.groups if groups is None else groups, "groups", penalty), dtype=np.intp)
    counts = np.bincount(labels)
    if not counts.all():
        raise ValueError(f"groups must be labelled 0..m-1; no column has label {np.argmin(counts)}")
    return labels, counts if sizes is None else np.asarray(sizes)


def _same(one: Any, other: Any) -> bool:
    """Whether two settings are equal: numbers, names, arrays, or pairs of them."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(np.array_equal(one, other))


def _given(array: Any, what: str, penalty: Penalty) -> Any:
    if array is None:
        raise ValueError(f"the {penalty.name} penalty has no {what}: call resolve(n_samples, groups, sizes)")
    return array
