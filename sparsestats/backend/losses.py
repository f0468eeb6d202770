"""Losses: what a solver may ask of the data's side of the objective.

A loss is the weighted mean ``f(eta) = (1/n) sum w_i l(y_i, eta_i)`` over the linear predictor
``eta = offset + b0 + X beta``; ``w`` sums to n, or is None for ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit, log_softmax, softmax, xlogy

ROUNDING = 64 * np.finfo(float).eps
"""What may be lost of the terms of a sum, as a share of them."""


def _mean(values: np.ndarray, w: np.ndarray | None) -> float:
    return float(values.mean() if w is None else w @ np.where(w > 0, values, 0.0) / len(values))


def _share(values: np.ndarray, w: np.ndarray | None) -> np.ndarray:
    """Each observation's part of a mean: of those without weight none, even where their term overflows."""
    return values / len(values) if w is None else w * np.where(w > 0, values, 0.0) / len(values)


def _per_weight(s: np.ndarray, w: np.ndarray | None) -> tuple[np.ndarray, bool]:
    """The dual variable per unit of weight, n s_i / w_i, and whether rows of weight 0 have s_i = 0."""
    if w is None:
        return len(s) * s, True
    held = w > 0
    return np.divide(len(s) * s, w, out=np.zeros(len(s)), where=held), not np.any(s[~held])


class Loss:
    """Base of the losses. A loss of your own subclasses it and defines what its solver needs.

    Every solver in Python needs

    - ``value(eta, y, w) -> float``: f(eta), at least 0, and 0 where the fit is perfect (half the mean
      deviance, not the bare log-likelihood): certificates are shares of its value at the null model;
    - ``gradient(eta, y, w) -> (n,)``: the gradient of f in eta, so with the factor w_i/n inside;
    - ``curvature(eta, y, w) -> (n,)``: the second derivatives of f in eta, same factor.

    The rest buys something:

    - ``conjugate(s, y, w) -> float``: f*(s) = sup_eta s'eta - f(eta), ``inf`` outside its domain. With it,
      and a penalty that knows its dual norm, fits are certified by a duality gap; without, by stationarity;
    - ``curvature_bound``: the supremum of l'' in eta, from which step sizes start (default inf: searched);
    - ``expression(eta, y, w)``: f as a cvxpy expression, for ``solver="cvxpy"``;
    - ``mean(eta) -> (n,)``: the inverse link, which ``predict`` returns (default: eta itself);
    - ``recession(y)``: where the loss never rises, so that a relaxed refit refuses separated classes;
    - ``validate_response(y)``: raises ValueError when y is not a response of this loss.

    Attributes
    ----------
    name : str
        The word used in messages and summaries.
    native : str or None
        The loss's name in the compiled core. Never inherited: a subclass that changes the mathematics is
        solved by its own Python text unless it says otherwise.
    multivariate : bool
        Whether a row has K linear predictors: y, eta, gradient and curvature are then (n, K).
    flat : bool
        Whether the loss is linear somewhere, so that a Newton decrement proves nothing and fits without a penalty are
        certified by a duality gap as well; needs ``conjugate``.
    """

    name: ClassVar[str] = "loss"
    native: ClassVar[str | None] = None
    multivariate: ClassVar[bool] = False
    curvature_bound: ClassVar[float] = np.inf
    flat: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.native = cls.__dict__.get("native")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def mean(self, eta: np.ndarray) -> np.ndarray:
        """Expected response at the linear predictor."""
        return eta

    def validate_response(self, y: np.ndarray) -> None:
        """Refuse a response this loss has no value for."""

    def explained(self, null: float, y: np.ndarray, w: np.ndarray | None) -> bool:
        """Whether f = ``null`` is what rounding alone leaves of a response that the null model meets.

        Rounding costs f a share of the terms it sums, whose size is f at eta = 0.
        """
        return bool(null <= ROUNDING * self.value(np.zeros(y.shape), y, w))  # type: ignore[attr-defined]

    def recession(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The directions in eta along which no row's loss ever rises: lower and upper bounds, one a row.

        Where a linear predictor can move along such a direction the loss has no minimum: separated classes.
        None, the default, is the direction 0 alone. Of several predictors the bounds are for what each direction has
        beyond its mean under y.
        """
        return None

    def majorant(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None) -> np.ndarray:
        """A curvature whose quadratic model lies above f, for where that of ``curvature``, the default, does not."""
        return self.curvature(eta, y, w)  # type: ignore[attr-defined]

    def rooted(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None, moves: np.ndarray) -> np.ndarray:
        """R moves for moves of eta, of its shape with one axis more, where R'R is the second derivative of f in eta."""
        return np.sqrt(self.curvature(eta, y, w))[..., None] * moves  # type: ignore[attr-defined]

    def dual_value(
        self,
        theta: np.ndarray,
        y: np.ndarray,
        w: np.ndarray | None = None,
        offset: np.ndarray | None = None,
    ) -> float:
        """Lower bound of the penalised problem: -f*(-theta) - theta'offset.

        It holds for every theta orthogonal to the unpenalised columns (the intercept's ones among them)
        whose correlations with the penalised ones, X'theta on the penalty's scale, have dual norm <= alpha.
        At the optimum theta is minus the gradient and the bound is attained.
        """
        shift = 0.0 if offset is None else float(np.vdot(theta, offset))
        return -self.conjugate(-theta, y, w) - shift  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class Gaussian(Loss):
    """Squared error, (1/2n) sum w_i (y_i - eta_i)^2.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> ss.losses.Gaussian().value(np.zeros(2), np.array([1.0, 3.0]))
    2.5
    """

    name: ClassVar[str] = "gaussian"
    native: ClassVar[str | None] = "gaussian"
    curvature_bound: ClassVar[float] = 1.0

    def value(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        return 0.5 * _mean((y - eta) ** 2, w)

    def explained(self, null: float, y: np.ndarray, w: np.ndarray | None) -> bool:
        # Differences are taken before they are squared: a large mean costs them eps of itself, and f the square.
        return bool(null <= ROUNDING**2 * self.value(np.zeros(y.shape), y, w))

    def gradient(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(eta - y, w)

    def curvature(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(np.ones_like(eta), w)

    def conjugate(self, s: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        u, finite = _per_weight(s, w)
        return float(s @ y + 0.5 * (s @ u)) if finite else np.inf

    def expression(self, eta: Any, y: np.ndarray, w: np.ndarray | None = None) -> Any:
        import cvxpy as cp

        residual = y - eta if w is None else cp.multiply(np.sqrt(w), y - eta)
        return cp.sum_squares(residual) / (2 * len(y))

    def validate_response(self, y: np.ndarray) -> None:
        if not np.all(np.isfinite(y)):
            raise ValueError("a gaussian response must be finite; y has NaN or infinite values")


@dataclass(frozen=True, eq=False)
class Binomial(Loss):
    """Logistic loss, (1/n) sum w_i [log(1 + exp(eta_i)) - y_i eta_i], y in {0, 1}.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> round(ss.losses.Binomial().value(np.zeros(2), np.array([0.0, 1.0])), 6)
    0.693147
    """

    name: ClassVar[str] = "binomial"
    native: ClassVar[str | None] = "binomial"
    curvature_bound: ClassVar[float] = 0.25

    # Each form below keeps its relative accuracy when |eta| is large: no exp overflows and no 1 - p cancels.

    def value(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        return _mean((1.0 - y) * np.logaddexp(0.0, eta) + y * np.logaddexp(0.0, -eta), w)

    def gradient(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share((1.0 - y) * expit(eta) - y * expit(-eta), w)

    def curvature(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(expit(eta) * expit(-eta), w)

    def conjugate(self, s: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        u, finite = _per_weight(s, w)
        inside, outside = y + u, (1.0 - y) - u
        # The domain is [0, 1]; a probability of 1e-20 may arrive as -1e-17.
        if not finite or min(inside.min(), outside.min()) < -1e-12:
            return np.inf
        inside, outside = np.clip(inside, 0.0, 1.0), np.clip(outside, 0.0, 1.0)
        return _mean(xlogy(inside, inside) + xlogy(outside, outside), w)

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return expit(eta)

    def recession(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(y == 0, -np.inf, 0.0), np.where(y == 1, np.inf, 0.0)

    def expression(self, eta: Any, y: np.ndarray, w: np.ndarray | None = None) -> Any:
        import cvxpy as cp

        each = cp.logistic(eta) - cp.multiply(y, eta)
        return cp.sum(each if w is None else cp.multiply(w, each)) / len(y)

    def validate_response(self, y: np.ndarray) -> None:
        if not np.all((y == 0) | (y == 1)):
            found = np.unique(y)
            shown = ", ".join(f"{v:g}" for v in found[:5]) + (", ..." if len(found) > 5 else "")
            raise ValueError(f"a binomial response must be 0 or 1; y has the values {shown}")


@dataclass(frozen=True, eq=False)
class Multinomial(Loss):
    """Softmax loss, (1/n) sum_i w_i [log sum_k exp(eta_ik) - sum_k y_ik eta_ik], y_i in the simplex of K classes.

    Every class has a linear predictor of its own: eta, y and offsets are (n, K), coefficients (K, p), intercepts
    (K,). Adding one number to a row of eta changes nothing, so coefficients are determined by the penalty alone:
    by groups that hold a variable's K coefficients, which then sum to 0; elementwise up to ties (for the lasso,
    0 is a median of a variable's K coefficients). Intercepts and unpenalised columns are given sum 0.

    The Hessian of a row is diag(p) - p p'; ``curvature`` is diag(p), which majorises it, ``rooted`` has all of it.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> round(ss.losses.Multinomial().value(np.zeros((2, 3)), np.eye(3)[:2]), 6)
    1.098612
    """

    name: ClassVar[str] = "multinomial"
    native: ClassVar[str | None] = "multinomial"
    multivariate: ClassVar[bool] = True
    curvature_bound: ClassVar[float] = 0.5

    def value(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        return _mean(-np.sum(y * log_softmax(eta, axis=1), axis=1), w)

    def gradient(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(softmax(eta, axis=1) - y, None if w is None else w[:, None])

    def curvature(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(softmax(eta, axis=1), None if w is None else w[:, None])

    def rooted(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None, moves: np.ndarray) -> np.ndarray:
        # With s the roots of p, diag(p) - p p' = diag(s) (I - s s')^2 diag(s).
        s = np.sqrt(softmax(eta, axis=1))[:, :, None]
        scaled = super().rooted(eta, y, w, moves)
        return scaled - s * np.sum(s * scaled, axis=1, keepdims=True)

    def conjugate(self, s: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        weight = np.ones(len(s)) if w is None else w
        held = weight > 0
        probability = y[held] + len(s) * s[held] / weight[held, None]
        off = np.abs(probability.sum(axis=1) - 1.0).max(initial=0.0)
        if np.any(s[~held]) or off > 1e-10 or probability.min(initial=0.0) < -1e-12:
            return np.inf
        probability = np.clip(probability, 0.0, 1.0)
        return float(weight[held] @ xlogy(probability, probability).sum(axis=1) / len(s))

    def recession(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.full(y.shape, -np.inf), np.zeros(y.shape)

    def mean(self, eta: np.ndarray) -> np.ndarray:
        """Probabilities of the classes, which are the last axis."""
        return softmax(eta, axis=-1)

    def expression(self, eta: Any, y: np.ndarray, w: np.ndarray | None = None) -> Any:
        import cvxpy as cp

        each = cp.log_sum_exp(eta, axis=1) - cp.sum(cp.multiply(y, eta), axis=1)
        return cp.sum(each if w is None else cp.multiply(w, each)) / len(y)

    def validate_response(self, y: np.ndarray) -> None:
        if y.ndim != 2 or y.shape[1] < 2 or np.any(y < 0) or np.any(np.abs(y.sum(axis=1) - 1.0) > 1e-12):
            raise ValueError(
                "a multinomial response has a row of class probabilities (a 1 and zeros for a known class) for each "
                f"observation, (n, K); y has shape {y.shape}. SLOPEClassifier and its kin take labels of classes"
            )


@dataclass(frozen=True, eq=False)
class Poisson(Loss):
    """Half the Poisson deviance with log link, (1/n) sum w_i [exp(eta_i) - y_i eta_i + y_i log y_i - y_i], y >= 0.

    The terms without eta make the loss 0 at a perfect fit; they change no coefficient.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> round(ss.losses.Poisson().value(np.zeros(2), np.array([0.0, 1.0])), 6)
    0.5
    """

    name: ClassVar[str] = "poisson"
    native: ClassVar[str | None] = "poisson"

    def value(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        with np.errstate(over="ignore"):
            return _mean(np.exp(eta) - y * eta + xlogy(y, y) - y, w)

    def gradient(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        with np.errstate(over="ignore"):
            return _share(np.exp(eta) - y, w)

    def curvature(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        with np.errstate(over="ignore"):
            return _share(np.exp(eta), w)

    def conjugate(self, s: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        u, finite = _per_weight(s, w)
        mean = y + u
        if not finite or np.any(mean < -1e-12 * (1.0 + y)):
            return np.inf
        mean = np.maximum(mean, 0.0)
        return _mean(xlogy(mean, mean) - mean - xlogy(y, y) + y, w)

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta)

    def recession(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(y == 0, -np.inf, 0.0), np.zeros(len(y))

    def expression(self, eta: Any, y: np.ndarray, w: np.ndarray | None = None) -> Any:
        import cvxpy as cp

        each = cp.exp(eta) - cp.multiply(y, eta) + (xlogy(y, y) - y)
        return cp.sum(each if w is None else cp.multiply(w, each)) / len(y)

    def validate_response(self, y: np.ndarray) -> None:
        if not np.all(np.isfinite(y)) or np.any(y < 0):
            bad = y[~(np.isfinite(y) & (y >= 0))][0]
            raise ValueError(f"a Poisson response must be finite and >= 0; y has {bad:g}")
        if not np.any(y > 0):
            raise ValueError("a Poisson response needs a count above 0; y is all 0, so the fitted mean would be 0")


@dataclass(frozen=True, eq=False)
class Huber(Loss):
    """Huber's loss, (1/n) sum w_i rho(y_i - eta_i): r^2 / 2 up to |r| = delta, delta |r| - delta^2 / 2 beyond.

    Parameters
    ----------
    delta : float > 0, default 1.345
        Residual, in units of y, at which the loss turns linear.

    Raises
    ------
    ValueError
        At ``fit``, for a delta that is not a finite number > 0.

    References
    ----------
    Huber (1964), Robust estimation of a location parameter, Annals of Mathematical Statistics 35.

    Examples
    --------
    >>> import numpy as np
    >>> import sparsestats as ss
    >>> ss.losses.Huber(delta=1.0).value(np.zeros(2), np.array([1.0, 3.0]))
    1.5
    """

    name: ClassVar[str] = "huber"
    native: ClassVar[str | None] = "huber"
    curvature_bound: ClassVar[float] = 1.0
    flat: ClassVar[bool] = True

    delta: float = 1.345

    def value(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        r = np.abs(y - eta)
        return _mean(np.where(r <= self.delta, 0.5 * r * r, self.delta * (r - 0.5 * self.delta)), w)

    def gradient(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(np.clip(eta - y, -self.delta, self.delta), w)

    def curvature(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        # 0 beyond delta; a hundredth of the majorant there keeps Newton steps finite wherever all rows are.
        shrunk = self._shrunk(eta, y)
        return _share(np.where(shrunk == 1.0, 1.0, 0.01 * shrunk), w)

    def majorant(self, eta: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> np.ndarray:
        return _share(self._shrunk(eta, y), w)

    def _shrunk(self, eta: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The slope over the residual: 1 where the loss is quadratic."""
        return self.delta / np.maximum(np.abs(y - eta), self.delta)

    def conjugate(self, s: np.ndarray, y: np.ndarray, w: np.ndarray | None = None) -> float:
        u, finite = _per_weight(s, w)
        if not finite or np.any(np.abs(u) > self.delta * (1 + 1e-12)):
            return np.inf
        return float(s @ y + 0.5 * (s @ u))

    def expression(self, eta: Any, y: np.ndarray, w: np.ndarray | None = None) -> Any:
        import cvxpy as cp

        each = 0.5 * cp.huber(y - eta, self.delta)  # type: ignore[arg-type]
        return cp.sum(each if w is None else cp.multiply(w, each)) / len(y)

    def validate_response(self, y: np.ndarray) -> None:
        if not (np.isfinite(self.delta) and self.delta > 0):
            raise ValueError(f"delta of the Huber loss must be a finite number > 0; got {self.delta!r}")
        if not np.all(np.isfinite(y)):
            raise ValueError("a Huber response must be finite; y has NaN or infinite values")
