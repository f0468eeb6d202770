"""Formula + frame -> `Design`: what a solver needs, and what a person wants to know about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ..exceptions import FormulaError
from .algebra import Expansion, Piece, expand, term_key
from .evaluate import Encoded, Evaluator
from .frame import Level, Subset, Table, complete_rows
from .grammar import Binary, Call, Dot, Name, Node, Sum, names_in, parse, show
from .guard import Guard, check_env, variables
from .response import Response, read_response, response_variables
from .spec import Bare, Product, Spec, Term, assemble, check_labels, product_names, row_values
from .vocabulary import FACTORS, closest


@dataclass(frozen=True, eq=False)
class Design:
    """A formula applied to data.

    Attributes
    ----------
    X : float64 (n, p), Fortran order, without an intercept column
    y : float64 (n,), (n, K) for ``cbind()`` of K columns, (n, 2) or (n, 3) for ``Surv()``; None without a left side
    response : Response or None
    offset, sample_weight : float64 (n,) or None
    row_groups : array (n,) of labels or None
    strata : integer codes (n,) or None
    mask : bool (rows of the data,), True for the n rows kept
    missing : dict, how many rows each variable misses
    index : pandas index of the kept rows, or None for other frames
    spec : Spec, which builds the same columns for new rows
    """

    X: np.ndarray
    y: np.ndarray | None
    response: Response | None
    offset: np.ndarray | None
    sample_weight: np.ndarray | None
    row_groups: np.ndarray | None
    strata: np.ndarray | None
    mask: np.ndarray
    missing: dict[str, int]
    index: pd.Index | None
    spec: Spec = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Names of the columns, ``C(g)[a]`` or ``bs(age, df=4)[1]``."""
        return self.spec.names

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms; a term is a group of columns."""
        return self.spec.terms

    @property
    def groups(self) -> np.ndarray:
        """An integer label for each column: the position of its term."""
        return self.spec.groups

    @property
    def penalty_factor(self) -> np.ndarray:
        """1 for penalised columns, 0 for free ones."""
        return self.spec.penalty_factor

    @property
    def fit_intercept(self) -> bool:
        """False after ``0 +`` or ``- 1``; the intercept belongs to the solver."""
        return self.spec.fit_intercept

    @property
    def n_dropped(self) -> int:
        """Rows left out because a variable is missing."""
        return int(len(self.mask) - self.mask.sum())


def design(
    formula: str,
    data: Any,
    *,
    unpenalized: str | Iterable[str] | None = None,
    missing: str = "drop",
    env: Mapping[str, Callable[..., Any]] | None = None,
    offset: Any = None,
    sample_weight: Any = None,
    row_groups: Any = None,
    allow: Collection[str] = (),
) -> Design:
    """Check a formula, then build the design matrix and response it describes.

    Parameters
    ----------
    formula : str
        ``"y ~ x + C(g) + bs(age, df=4)"``; without a left side ``y`` is None. The vocabulary is closed.
    data : pandas or polars DataFrame
        Never changed.
    unpenalized : str or list of str, optional
        Names of terms whose columns are free, as ``keep()`` says inside a formula. Free factors are
        treatment-coded; penalised ones have a column for every level.
    missing : "drop" or "raise"
        What happens to rows where a variable in use is missing.
    env : dict of str to function, optional
        Functions of your own that the formula may call; each gets float64 arrays and returns one number a row
        (or, outermost, a row of numbers). It must treat rows one by one: it learns nothing at fit.
    offset, sample_weight : str or array (rows of data,), optional
        Numbers, or a column of them.
    row_groups : str or array (rows of data,), optional
        Labels of rows that belong together.
    allow : collection of {"Surv", "strata"}
        What the family at hand knows beyond a plain response.

    Returns
    -------
    Design

    Raises
    ------
    FormulaError
        Before anything is evaluated, when a piece is outside the vocabulary, names no column, or asks for
        more columns than there are rows; the text names the piece and what to write instead.
    ValueError
        For data that do not fit the formula: no complete row, infinite values, wrong lengths.
    TypeError
        For ``Surv()`` and ``strata()`` in a family that has no use for them, and for data that is no frame.

    Examples
    --------
    >>> import pandas as pd
    >>> from sparsestats.formula import design
    >>> data = pd.DataFrame({"y": [1.0, 2.0, 3.0], "x": [0.1, 0.2, None], "g": ["a", "b", "a"]})
    >>> design("y ~ x + g", data).names
    ['x', 'g[a]', 'g[b]']
    """
    if missing not in ("drop", "raise"):
        raise ValueError(f'missing must be "drop" or "raise", not {missing!r}.')
    parsed = parse(formula)
    lent = check_env(env)
    table = Table(data)
    if not len(table):
        raise ValueError("The data has no rows.")
    guard = Guard(table.positions, len(table), lent)
    if parsed.left is not None:
        guard.response(parsed.left, allow)
    arguments = {"offset": offset, "sample_weight": sample_weight, "row_groups": row_groups}
    for what, given in arguments.items():
        if isinstance(given, str) and given not in table.positions:
            near = closest(given, table.names)
            raise ValueError(
                f"{what}={given!r} is not a column of the data." + (f" Did you mean {near!r}?" if near else "")
            )
    used = {given for given in arguments.values() if isinstance(given, str)} | _aside(parsed.right)
    used |= set(response_variables(parsed.left)) if parsed.left is not None else set()

    def remaining() -> list[str]:
        return [name for name in table.names if name not in used]

    blocks, expansion = _plan(parsed.right, table, guard, remaining, unpenalized)
    if parsed.left is not None:
        _refuse_response(parsed.left, expansion.pieces)
    if expansion.strata and "strata" not in allow:
        raise TypeError(
            f"strata({show(expansion.strata[0])}) separates baseline hazards; this family has none. "
            "Write C(g) for an effect of the groups."
        )
    bare = [name for block in blocks if isinstance(block, Bare) for name in block.names]
    weights = None if sample_weight is None else row_values(table, sample_weight, "sample_weight")
    given_offset = None if offset is None else row_values(table, offset, "offset")
    labels, unlabelled = _row_labels(table, row_groups)
    asides = [v for node in (*expansion.offsets, *expansion.strata) for v in variables(node)]
    left = response_variables(parsed.left) if parsed.left is not None else ()
    computed = dict.fromkeys((*left, *(v for b in blocks if isinstance(b, Product) for v in b.variables), *asides))
    arrays = {"sample_weight": weights, "offset": given_offset}
    holes = {what: np.isnan(values) for what, values in arrays.items() if values is not None}
    holes |= {} if unlabelled is None else {"row_groups": unlabelled}
    mask, counts = complete_rows(table, computed, bare, holes.values())
    counts |= {what: int(hole.sum()) for what, hole in holes.items() if hole.any()}
    if not mask.all():
        _incomplete(mask, counts, missing)

    rows = np.flatnonzero(mask)
    part = table if len(rows) == len(table) else Subset(table, rows)
    _refuse_identifiers(blocks, part, names_in(parsed.right))
    states: dict[str, dict[str, Any]] = {}
    evaluator = Evaluator(part, states, lent, learning=True, rows=rows)
    X, encoded = assemble(evaluator, blocks, bare)
    blocks = _named(blocks, encoded)
    y, response = (None, None) if parsed.left is None else read_response(parsed.left, part, rows, lent)
    total = None if given_offset is None else given_offset[rows]
    for node in expansion.offsets:
        values = evaluator.value(node)
        total = values if total is None else total + values
    strata = [evaluator.categories(node).values for node in expansion.strata]
    spec = Spec(
        formula=str(parsed),
        blocks=blocks,
        states=states,
        kinds={name: part[name].kind for name in computed if part[name].kind != "numeric"},
        fit_intercept=expansion.intercept,
        n_rows=len(table),
        offsets=expansion.offsets,
        offset_column=offset if isinstance(offset, str) else None,
        offset_array=offset is not None and not isinstance(offset, str),
        response=response,
        env=lent,
    )
    if any(isinstance(block, Product) for block in blocks):
        _unique(spec.names)
    return Design(
        X=X,
        y=y,
        response=response,
        offset=total,
        sample_weight=None if weights is None else weights[rows],
        row_groups=None if labels is None else labels[rows],
        strata=_crossed(strata),
        mask=mask,
        missing=counts,
        index=part.index,
        spec=spec,
    )


def has_response(formula: str) -> bool:
    """Whether a formula has a left side.

    Raises
    ------
    FormulaError
        When it is none.
    """
    return parse(formula).left is not None


def _refuse_response(left: Node, pieces: Sequence[Piece]) -> None:
    """A response that is one variable cannot help to predict itself.

    Of several, as in ``I(y - baseline) ~ baseline``, one may well stand on the right.
    """
    read = response_variables(left)
    for piece in pieces:
        if len(read) == 1 and any(read[0] in variables(factor) for factor in piece.factors):
            raise FormulaError(
                f"Formula refused at {piece.name!r}: the response {read[0]!r} cannot stand on the right of '~' too."
            )


def _refuse_identifiers(blocks: Sequence[Bare | Product], rows: Table, written: Collection[str]) -> None:
    """Refuse a factor of identifiers that only ``.`` names: it tells rows apart and says little else.

    The share of rows that are alone at their level estimates the probability that the next row has a level never met
    (Good & Turing). Above one half, predictions would more often end in an unseen level than not.
    """
    for block in blocks:
        for factor in block.factors if isinstance(block, Product) else ():
            if not isinstance(factor, Name) or factor.name in written or rows[factor.name].kind != "factor":
                continue
            counts = np.unique(rows[factor.name].values, return_counts=True)[1]
            alone = np.sum(counts == 1)
            if len(rows) > 2 and 2 * alone > len(rows):
                who, what = ("each", "row") if alone == len(rows) else (f"{alone} rows each", "level")
                raise FormulaError(
                    f"Formula refused at '.': it takes in column {factor.name!r}, a factor of {len(counts)} levels in "
                    f"{len(rows)} rows, {who} with a level of its own, so that most new rows will have a level never "
                    f"met. Write '. - {show(factor)}' to leave it out, or '. + {show(factor)}' if an effect of each "
                    f"{what} is meant."
                )


def _plan(
    right: Node, table: Table, guard: Guard, remaining: Callable[[], list[str]], unpenalized: Any
) -> tuple[list[Bare | Product], Expansion]:
    """The terms as blocks of columns, still without names for what is computed."""
    wide = _wide(right, table, guard, remaining) if unpenalized is None else None
    if wide is not None:
        names, expansion = wide
        blocks: list[Bare | Product] = [Bare(names, free=False)] if names else []
    else:
        expansion, blocks = expand(right, guard, remaining), []
    pieces = _freed(expansion.pieces, unpenalized)
    free_keys = {piece.key for piece in pieces if piece.free}
    spanned = expansion.intercept
    for piece in pieces:
        only = piece.factors[0]
        if len(piece.factors) == 1 and piece.group is None and isinstance(only, Name) and table.is_number(only.name):
            last = blocks[-1] if blocks else None
            if isinstance(last, Bare) and last.free == piece.free:
                last.names.append(only.name)
            else:
                blocks.append(Bare([only.name], piece.free))
            continue
        full = tuple(not piece.free or not _marginal(piece, i, free_keys, spanned) for i in range(len(piece.factors)))
        if piece.free and len(piece.factors) == 1 and _is_factor(only, table):
            spanned = True  # without an intercept the first free factor takes its place, as in R
        blocks.append(Product(piece.factors, full, piece.free, piece.group, (), "", None))
    return blocks, expansion


def _wide(
    right: Node, table: Table, guard: Guard, remaining: Callable[[], list[str]]
) -> tuple[list[str], Expansion] | None:
    """``. - a - b + anything else`` on numeric columns, without an object for each column.

    5 000 of them would take longer than the fit. None when a column must be looked at as a term.
    """
    parts = right.parts if isinstance(right, Sum) else ((1, right),)
    names = remaining() if parts[0] == (1, Dot()) else []
    if not names or not table.all_numbers(names):
        return None
    gone = [part for sign, part in parts[1:] if sign < 0 and isinstance(part, Name)]
    rest = tuple((sign, part) for sign, part in parts[1:] if sign > 0 or not isinstance(part, Name))
    expansion = expand(Sum(rest), guard, remaining) if rest else Expansion((), True)
    if any(len(piece.factors) == 1 and isinstance(piece.factors[0], Name) for piece in expansion.pieces):
        return None
    for column in gone:
        guard.column(column)
    out = {column.name for column in gone}
    return [name for name in names if name not in out], expansion


def _freed(pieces: Sequence[Piece], unpenalized: Any) -> list[Piece]:
    """The pieces, with those named by ``unpenalized`` set free."""
    if unpenalized is None:
        return list(pieces)
    keys = {}
    for name in term_names(unpenalized):
        key = _key(name)
        keys[name] = {piece.key for piece in pieces if name in (piece.group, piece.name) or piece.key == key}
        if not keys[name]:
            known = [piece.group or piece.name for piece in pieces]
            near = closest(name, known)
            raise FormulaError(
                f"There is no term {name!r} to leave unpenalised"
                + (f"; did you mean {near!r}?" if near else f"; the terms are {known[:8]}.")
            )
    chosen = set().union(*keys.values())
    return [piece._replace(free=True) if piece.key in chosen else piece for piece in pieces]


def term_names(unpenalized: Any) -> list[str]:
    """The names that the argument ``unpenalized`` holds.

    Raises
    ------
    TypeError
        For anything but a name, an iterable of names, or None.
    """
    if unpenalized is None or isinstance(unpenalized, str):
        return [] if unpenalized is None else [unpenalized]
    if not isinstance(unpenalized, Iterable) or isinstance(unpenalized, Mapping):
        raise TypeError(f"unpenalized must be the name of a term or a list of names, got {unpenalized!r}.")
    names = list(unpenalized)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"unpenalized must hold names of terms, got {name!r} ({type(name).__name__}).")
    return names


def _key(name: str) -> tuple[str, ...]:
    """The key of a term given by its text, whatever the spacing in it."""
    try:
        node = parse(name).right
    except FormulaError:
        return ()
    factors: list[Node] = []
    todo = [node]
    while todo:
        part = todo.pop()
        if isinstance(part, Binary) and part.op == ":":
            todo += [part.left, part.right]
        else:
            factors.append(part)
    return term_key(factors)


def _marginal(piece: Piece, i: int, free_keys: set[tuple[str, ...]], spanned: bool) -> bool:
    """Whether the term without factor ``i`` is in the free part, so that a contrast is enough for it."""
    rest = term_key(factor for j, factor in enumerate(piece.factors) if j != i)
    return spanned if not rest else rest in free_keys


def _is_factor(node: Node, table: Table) -> bool:
    if isinstance(node, Name):
        return table[node.name].kind == "factor"
    return isinstance(node, Call) and node.function in FACTORS


def _named(blocks: Sequence[Bare | Product], encoded: Sequence[Sequence[Encoded]]) -> list[Bare | Product]:
    """The blocks with the names, kinds and levels that became known when they were computed."""
    done: list[Bare | Product] = []
    rest = iter(encoded)
    for block in blocks:
        if isinstance(block, Bare):
            done.append(block)
            continue
        factors = next(rest)
        names = product_names(block.factors, factors)
        if block.group is not None:
            names = tuple(f"{block.group}[{name}]" for name in names)
        single = len(factors) == 1
        levels = factors[0].levels if single else None
        done.append(
            replace(
                block,
                columns=names,
                kind=factors[0].kind if single else "interaction",
                levels=None if levels is None else tuple(levels),
            )
        )
    return done


def _aside(right: Node) -> set[str]:
    """Columns inside ``offset()`` and ``strata()``, which ``.`` leaves out."""
    parts = [part for _, part in right.parts] if isinstance(right, Sum) else [right]
    return {
        name
        for part in parts
        if isinstance(part, Call) and part.function in ("offset", "strata")
        for name in names_in(part)
    }


def _row_labels(table: Table, given: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """``row_groups`` as one label a row, and the rows without one."""
    if given is None:
        return None, None
    if isinstance(given, str):
        column = table.factor(given)
        levels: list[Level] = [*(column.levels or ()), *([] if column.levels else [""])]
        return np.array(levels)[column.values], column.missing
    check_labels(table, given, "row_groups")
    labels = np.asarray(given)
    if labels.shape != (len(table),):
        raise ValueError(
            f"row_groups must have one label for each of the {len(table)} rows, not the shape {labels.shape}."
        )
    return labels, np.asarray(pd.isna(labels))


def _incomplete(mask: np.ndarray, counts: Mapping[str, int], missing: str) -> None:
    worst = sorted(counts.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} ({count})" for name, count in worst[:5]) + (", ..." if len(worst) > 5 else "")
    if missing == "raise":
        raise ValueError(
            f'{int((~mask).sum())} of {len(mask)} rows miss values: {told}. missing="drop" leaves them out.'
        )
    if not mask.any():
        raise ValueError(f"No row is complete; missing values by variable: {told}. Leave such a variable out.")


def _crossed(codes: Sequence[np.ndarray]) -> np.ndarray | None:
    """Several strata as one integer code."""
    if not codes:
        return None
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].reshape(-1)


def _unique(names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise ValueError(f"Two columns of the design are named {twice!r}; rename a column of the data.")
