"""The algebra of terms: which terms a right side stands for, and what ``update`` makes of two formulas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..exceptions import FormulaError
from .grammar import (
    Binary,
    Call,
    Compare,
    Dot,
    Formula,
    Listing,
    Name,
    Node,
    Number,
    Sum,
    Text,
    label,
    parse,
    show,
)
from .guard import Guard, check_pattern, constant, refuse
from .vocabulary import MAX_POWER, MAX_PRODUCTS, closest


def mark(factor: Node) -> str:
    """What makes two factors the same, however they are spaced.

    A column is marked by its name alone, which is quick for thousands of them; no other text starts with a
    backtick.
    """
    return f"`{factor.name}" if isinstance(factor, Name) else show(factor)


def term_key(factors: Iterable[Node]) -> tuple[str, ...]:
    """What makes two terms the same: their factors, in any order."""
    return tuple(sorted(map(mark, factors)))


class Piece(NamedTuple):
    """One term before any data is seen: factors that are multiplied; no factors is the intercept.

    ``marks`` belong to the factors; ``free`` is True under ``keep()``; ``group`` is the name ``grp()`` gave.
    """

    factors: tuple[Node, ...]
    marks: tuple[str, ...]
    free: bool = False
    group: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(sorted(self.marks))

    @property
    def name(self) -> str:
        return ":".join(map(label, self.factors))


_INTERCEPT = Piece((), ())


@dataclass(frozen=True)
class Expansion:
    """A right side, taken apart."""

    pieces: tuple[Piece, ...]
    intercept: bool
    offsets: tuple[Node, ...] = ()
    strata: tuple[Node, ...] = ()


_Terms = dict[tuple[str, ...], Piece]


@dataclass
class _Expander:
    guard: Guard | None  # None while two formulas are combined and no data is known
    remaining: Callable[[], Sequence[str]]
    offsets: list[Node] = field(default_factory=list)
    strata: list[Node] = field(default_factory=list)
    products: int = 0

    def top(self, node: Node) -> _Terms:
        """The whole right side: the only place for offset(), strata() and a change of the intercept."""
        terms: _Terms = {(): _INTERCEPT}
        node = _flat(node)
        for sign, part in node.parts if isinstance(node, Sum) else ((1, node),):
            if isinstance(part, Call) and part.function in ("offset", "strata"):
                self.aside(sign, part)
            else:
                self.merge(terms, sign, self.terms(part))
        return terms

    def aside(self, sign: int, node: Call) -> None:
        if len(node.args) != 1 or node.keywords:
            refuse(node, f"{node.function}() takes one column")
        into = self.offsets if node.function == "offset" else self.strata
        argument = node.args[0]
        if sign < 0:
            if argument not in into:
                refuse(node, "there is no such part to take away")
            into.remove(argument)
            return
        if self.guard is not None:
            self.guard.aside(node, argument)
        into.append(argument)

    def merge(self, terms: _Terms, sign: int, new: _Terms) -> None:
        if sign > 0 and len(terms) == 1 and () in terms and not new.keys() & {(), ("0",)}:
            terms.update(new)  # 5 000 columns at once, at the start of 'y ~ . - x'
            return
        for key, piece in new.items():
            zero = len(piece.factors) == 1 and constant(piece.factors[0]) == 0
            if zero or sign < 0:
                # '+ 0' takes the intercept away and '- 0' gives it back, as in R.
                if zero and sign < 0:
                    terms.setdefault((), _INTERCEPT)
                else:
                    terms.pop(() if zero else key, None)
            elif key not in terms or (piece.free and not terms[key].free):
                terms[key] = piece

    def terms(self, node: Node) -> _Terms:
        match node:
            case Sum(parts=parts):
                found: _Terms = {}
                for sign, part in parts:
                    self.merge(found, sign, self.terms(part))
                return found
            case Number(value=1):
                return {(): _INTERCEPT}
            case Number(value=0):
                return {("0",): Piece((node,), ("0",))}
            case Dot():
                return self.columns(self.remaining())
            case Binary(op=":", left=left, right=right):
                return self.crossed(node, self.terms(left), self.terms(right))
            case Binary(op="*", left=left, right=right):
                a, b = self.terms(left), self.terms(right)
                found = dict(a)
                self.merge(found, 1, b)
                self.merge(found, 1, self.crossed(node, a, b))
                return found
            case Binary(op="**", left=left, right=right) if isinstance(left, (Sum, Dot)) or _is_crossing(left):
                return self.power(node, left, right)
            case Call(function="keep"):
                return self.kept(node)
            case Call(function="grp"):
                return self.grouped(node)
            case Call(function="cols"):
                pattern = check_pattern(node)
                names = [name for name in self.remaining() if pattern.search(name)]
                if not names:
                    refuse(node, "no column left of the response, offset and weights matches the pattern")
                return self.columns(names)
            case _:
                if self.guard is not None:
                    self.guard.factor(node)
                key = (mark(node),)
                return {key: Piece((node,), key)}

    def columns(self, names: Sequence[str]) -> _Terms:
        found: _Terms = {}
        for name in names:
            node = Name(name, quoted=True)
            key = (mark(node),)
            found[key] = Piece((node,), key)
        return found

    def crossed(self, node: Node, a: _Terms, b: _Terms) -> _Terms:
        self.products += len(a) * len(b)
        if self.products > MAX_PRODUCTS:
            refuse(node, f"the formula multiplies out to more than {MAX_PRODUCTS} products of terms")
        for piece in (*a.values(), *b.values()):
            if piece.free or piece.group is not None:
                refuse(node, "keep() and grp() take whole terms: write keep(a:b), not keep(a):b")
            if piece.marks == ("0",):
                refuse(node, "0 takes the intercept away and cannot be multiplied")
        found: _Terms = {}
        for left in a.values():
            for right in b.values():
                key = tuple(sorted({*left.marks, *right.marks}))
                if key not in found:
                    new = [(f, m) for f, m in zip(right.factors, right.marks, strict=True) if m not in left.marks]
                    factors, marks = zip(*new, strict=True) if new else ((), ())
                    found[key] = Piece((*left.factors, *factors), (*left.marks, *marks))
        return found

    def power(self, node: Node, left: Node, right: Node) -> _Terms:
        order = constant(right)
        if order is None or order != int(min(order, 1e3)) or not 1 <= order <= MAX_POWER:
            refuse(node, f"the order of interactions is a whole number from 1 to {MAX_POWER}")
        base = self.terms(left)
        found = dict(base)
        for _ in range(int(order) - 1):
            self.merge(found, 1, self.crossed(node, found, base))
        return found

    def kept(self, node: Call) -> _Terms:
        if not node.args or node.keywords:
            refuse(node, "keep() takes terms, as in keep(age + C(site))")
        found: _Terms = {}
        for argument in node.args:
            self.merge(found, 1, self.terms(argument))
        if any(not piece.factors or isinstance(piece.factors[0], Number) for piece in found.values()):
            refuse(node, "the intercept is never penalised and needs no keep()")
        return {key: piece._replace(free=True) for key, piece in found.items()}

    def grouped(self, node: Call) -> _Terms:
        named = dict(node.keywords)
        name = node.args[1] if len(node.args) == 2 and not named else named.get("name")
        if not isinstance(name, Text) or len(node.args) not in (1, 2) or set(named) - {"name"}:
            refuse(node, "grp() takes terms and a name: grp(a + b, 'name')")
        if not name.value or len(name.value) > 100 or any(c in "[]`():" for c in name.value):
            refuse(node, "the name of a group is 1 to 100 characters without brackets, colons and backticks")
        found = self.terms(node.args[0])
        for piece in found.values():
            if not piece.factors or isinstance(piece.factors[0], Number):
                refuse(node, "the intercept belongs to no group")
            if piece.free or piece.group is not None:
                refuse(node, "inside grp() stand plain terms; keep(grp(a + b, 'name')) frees a whole group")
        return {key: piece._replace(group=name.value) for key, piece in found.items()}


def _is_crossing(node: Node) -> bool:
    return isinstance(node, Binary) and node.op in ("*", ":")


def expand(right: Node, guard: Guard, remaining: Callable[[], Sequence[str]]) -> Expansion:
    """The terms of a right side, main effects first and then by order, as R sorts them.

    Parameters
    ----------
    right : Node
        The parsed right side.
    guard : Guard
        Checks every factor; nothing is evaluated here.
    remaining : callable
        The columns that ``.`` and ``cols()`` choose from.
    """
    expander = _Expander(guard, remaining)
    terms = expander.top(right)
    pieces = sorted((p for p in terms.values() if p.factors), key=lambda piece: len(piece.factors))
    _check_groups([piece for piece in pieces if piece.group is not None], pieces)
    return Expansion(tuple(pieces), () in terms, tuple(expander.offsets), tuple(expander.strata))


def _check_groups(grouped: Sequence[Piece], pieces: Sequence[Piece]) -> None:
    if not grouped:
        return
    groups = {piece.group for piece in grouped}
    for name in sorted({piece.name for piece in pieces if piece.group is None} & groups):
        raise FormulaError(f"grp(): the name {name!r} is already the name of a term; choose another.")
    if len({(piece.group, piece.free) for piece in grouped}) != len(groups):
        raise FormulaError("grp(): two groups of one name, one of them under keep(); choose different names.")


def update_formula(old: str, new: str) -> str:
    """Change a formula the way R's ``update`` does: a dot in the new formula means the old side.

    Parameters
    ----------
    old : str
        The formula to start from.
    new : str
        For example ``". ~ . - ldl + C(site)"``. Without a left side the old one is kept.

    Returns
    -------
    str
        The new formula. Terms taken away are gone from the text, unless ``.`` or ``cols()`` leaves open which
        terms there are; then the subtraction stays written.

    Raises
    ------
    FormulaError
        When one of the two is no formula, or a term is taken away that is not there.

    Examples
    --------
    >>> from sparsestats.formula import update_formula
    >>> update_formula("y ~ age + ldl", ". ~ . - ldl + C(site)")
    'y ~ age + C(site)'
    >>> update_formula("y ~ .", "log(.) ~ . - age")
    'log(y) ~ . - age'
    """
    before, change = parse(old), parse(new)
    left = before.left if change.left is None else _put(change.left, before.left)
    right = _flat(_put(change.right, before.right))
    if not _open_ended(right):
        _check_taken(change.right, before.right)
        right = _simplified(right)
    return str(Formula(left, right))


def _check_taken(change: Node, old: Node) -> None:
    """Refuse to take away a term that is not there: a misspelt name would leave the old model as it was."""
    parts = change.parts if isinstance(change, Sum) else ()
    expander = _Expander(None, tuple)
    there = expander.top(_flat(_put(Sum(tuple(part for part in parts if part[0] > 0)), old)))
    for sign, part in parts:
        aside = isinstance(part, Number) or (isinstance(part, Call) and part.function in ("offset", "strata"))
        if sign < 0 and not aside and not expander.terms(_put(part, old)).keys() & there.keys():
            known = [piece.name for piece in there.values() if piece.factors]
            near = closest(show(part), known)
            hint = f"did you mean {near!r}?" if near else f"the terms are {', '.join(known[:8])}"
            refuse(part, f"there is no such term to take away; {hint}")


def _put(node: Node, dot: Node | None) -> Node:
    """``node`` with every dot replaced by the old side."""

    def put(part: Node) -> Node:
        return _put(part, dot)

    match node:
        case Dot():
            if dot is None:
                raise FormulaError("The dot on the left means the old left side, and the old formula has none.")
            return dot
        case Listing(items=items):
            return Listing(tuple(map(put, items)))
        case Call(function=function, args=args, keywords=keywords):
            return Call(function, tuple(map(put, args)), tuple((key, put(value)) for key, value in keywords))
        case Binary(op=op, left=left, right=right):
            return Binary(op, put(left), put(right))
        case Compare(op=op, left=left, right=right):
            return Compare(op, put(left), put(right))
        case Sum(parts=parts):
            return Sum(tuple((sign, put(part)) for sign, part in parts))
        case _:
            return node


def _flat(node: Node) -> Node:
    """Sums inside a sum, written out."""
    if not isinstance(node, Sum):
        return node
    parts: list[tuple[int, Node]] = []
    for sign, part in node.parts:
        inner = _flat(part)
        if isinstance(inner, Sum) and (sign > 0 or all(s > 0 for s, _ in inner.parts)):
            parts += [(sign * s, p) for s, p in inner.parts]
        else:
            parts.append((sign, inner))
    return Sum(tuple(parts))


def _open_ended(node: Node) -> bool:
    match node:
        case Dot() | Call(function="cols"):
            return True
        case Call(function="keep" | "grp", args=args):
            return any(map(_open_ended, args))
        case Binary(left=left, right=right):
            return _open_ended(left) or _open_ended(right)
        case Sum(parts=parts):
            return any(_open_ended(part) for _, part in parts)
        case _:
            return False


def _simplified(right: Node) -> Node:
    expander = _Expander(None, tuple)
    terms = expander.top(right)
    parts: dict[Node, list[Node]] = {}
    for piece in terms.values():
        if not piece.factors:
            continue
        product = piece.factors[0]
        for factor in piece.factors[1:]:
            product = Binary(":", product, factor)
        whole: Node = Call("grp", (Dot(), Text(piece.group))) if piece.group is not None else Dot()
        whole = Call("keep", (whole,)) if piece.free else whole
        # A group's members gather under one grp(); everything else stands alone.
        parts.setdefault(whole if piece.group is not None else _put(whole, product), []).append(product)
    written = [
        _put(whole, Sum(tuple((1, member) for member in members)) if len(members) > 1 else members[0])
        for whole, members in parts.items()
    ]
    written += [Call("offset", (node,)) for node in expander.offsets]
    written += [Call("strata", (node,)) for node in expander.strata]
    if () not in terms:
        written.append(Number(0.0, "0"))
    return Sum(tuple((1, node) for node in written)) if written else Number(1.0, "1")
