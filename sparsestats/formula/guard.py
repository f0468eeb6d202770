"""The check that runs before anything in a formula is evaluated, at fit and again when a model is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from ..exceptions import FormulaError
from . import vocabulary as words
from .grammar import Binary, Call, Compare, Dot, Flag, Listing, Name, Node, Number, Sum, Text, names_in, show


def refuse(node: Node, why: str) -> NoReturn:
    raise FormulaError(f"Formula refused at {shorten(show(node))!r}: {why}{'' if why.endswith('?') else '.'}")


def shorten(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:45]} ... {text[-10:]}"


def variables(node: Node) -> tuple[str, ...]:
    """The columns a checked factor reads."""
    return tuple(name for name in names_in(node) if name not in words.CONTRASTS)


def check_env(env: Mapping[str, Callable[..., Any]] | None) -> dict[str, Callable[..., Any]]:
    """The functions a caller lends to the formula, refused when one would hide a word of the vocabulary.

    Raises
    ------
    FormulaError
        For names that are no plain identifiers or already mean something.
    TypeError
        For values that are not callable.
    """
    if not isinstance(env or {}, Mapping):
        raise TypeError(f"env must be a dict of name to function, not {type(env).__name__}.")
    lent = dict(env or {})
    for name, function in lent.items():
        if not (isinstance(name, str) and name.isidentifier()) or name.startswith("__"):
            raise FormulaError(f"env: {name!r} is not a name a formula can call.")
        if name in words.FUNCTIONS or name in ("np", "contr"):
            raise FormulaError(f"env: {name!r} already means something in a formula; lend it under another name.")
        if not callable(function):
            raise TypeError(
                f"env[{name!r}] must be a function, not {type(function).__name__}; put values into a column."
            )
    return lent


def constant(node: Node) -> float | None:
    """The value of a literal number, with its sign; None for anything else."""
    match node:
        case Number():
            return node.value
        case Sum(parts=((sign, Number(value=value)),)):
            return sign * value
        case _:
            return None


@dataclass(frozen=True)
class Guard:
    """Checks factors against the columns of the data.

    Attributes
    ----------
    columns : names of the data's columns
    n_rows : rows of the data, the upper bound of every count (``df``, ``degree``)
    env : names of the functions the caller lends
    """

    columns: Collection[str]
    n_rows: int
    env: Collection[str] = ()

    def column(self, node: Name) -> None:
        """Refuse a name that is not a column, or that a reader would take for a function."""
        name = node.name
        if not node.quoted and (name in words.FUNCTIONS or name in words.CONTRASTS or name in self.env):
            if name in self.columns:
                refuse(node, f"the column is named like a function of the formula; write `{name}` in backticks")
            refuse(node, f"{name} is a function and wants an argument, as in {name}(x)")
        if name in self.columns:
            return
        if "." in name and not node.quoted:
            refuse(
                node,
                "attribute access is not part of a formula, except np.<listed> and contr.<listed>, "
                "and no column has this name",
            )
        near = words.closest(name, self.columns)
        hint = f"; did you mean {near!r}?" if near else f"; the data has {_some(self.columns)}"
        refuse(node, f"no column is named {name!r}{hint}")

    def factor(self, node: Node) -> None:
        """Check one factor of a term: a column, or one call that makes columns."""
        match node:
            case Name():
                self.column(node)
            case Call(function=function) if function in words.BASES:
                self._first(node)
                self._options(node, words.BASES[function])
            case Call(function=function) if function in words.FACTORS:
                self._categorical(node)
            case Call(function=function) if function in words.MARKERS or function in words.RESPONSES:
                self._misplaced(node)
            case Call():
                self.arithmetic(node)
                self._needs_column(node)
            case Compare():
                refuse(node, f"a comparison must stand in I(): write I({show(node)})")
            case Text() | Listing() | Flag():
                refuse(node, "a term is a column or a function of columns")
            case Number():
                refuse(
                    node,
                    "only 0 and 1 stand alone; other constants belong into I(), as in I(2 * x)",
                )
            case Dot():
                refuse(node, "'.' stands for the remaining columns as a whole and is no argument")
            case Binary(op="/"):
                refuse(node, f"'/' does not nest here; write a + a:b, or I({show(node)}) for a ratio")
            case Binary(op="**"):
                refuse(
                    node,
                    f"write I({show(node)}) for a power; (a + b)**2 makes interactions",
                )
            case _:
                refuse(node, f"write I({show(node)}) for arithmetic")

    def arithmetic(self, node: Node, *, comparing: bool = False) -> None:
        """Check an expression that is evaluated to one number a row."""
        match node:
            case Name():
                self.column(node)
            case Number():
                pass
            case Call(function="I", args=(argument,), keywords=()):
                self.arithmetic(argument, comparing=True)
            case Call(function="I"):
                refuse(node, "I() takes one expression")
            case Call(function=function, args=args, keywords=keywords) if (
                function in words.ELEMENTWISE or function in words.LEARNED
            ):
                several = function in words.SEVERAL
                if keywords or (len(args) < 2 if several else len(args) != 1):
                    refuse(node, f"{function}() takes {'two or more columns' if several else 'one column'}")
                for argument in args:
                    self.arithmetic(argument)
                self._needs_column(node)
            case Call(function=function) if function in self.env:
                self._lent(node)
            case Call(function=function) if function in words.FUNCTIONS:
                refuse(
                    node,
                    f"{function}() makes whole columns or terms and cannot stand inside another expression",
                )
            case Call(function=function):
                if function in self.columns:
                    refuse(node, f"{function!r} is a column and cannot be called")
                refuse(node, f"{function}() is not a function of the formula; {words.instead(function)}")
            case Binary(op="**", left=left, right=right):
                self.arithmetic(left)
                power = constant(right)
                if power is None or abs(power) > words.MAX_POWER:
                    refuse(
                        node,
                        f"a power is a number from -{words.MAX_POWER} to {words.MAX_POWER}",
                    )
            case Binary(op=":"):
                refuse(node, "':' joins whole terms; inside an expression write * for a product")
            case Binary(left=left, right=right):
                self.arithmetic(left, comparing=comparing)
                self.arithmetic(right, comparing=comparing)
            case Sum(parts=parts):
                for _, part in parts:
                    self.arithmetic(part, comparing=comparing)
            case Compare(left=left, right=right):
                if not comparing:
                    refuse(node, f"a comparison must stand in I(): write I({show(node)})")
                self._comparison(node, left, right)
            case Text():
                refuse(node, "strings take no part in arithmetic; compare a factor with one in I(g == 'a')")
            case Listing():
                refuse(node, "lists take no part in arithmetic; they only give knots, thresholds and levels")
            case Flag():
                refuse(node, "True and False only switch options; write 1 or 0")
            case Dot():
                refuse(node, "'.' stands for the remaining columns as a whole and is no argument")

    def aside(self, node: Call, argument: Node) -> None:
        """Check what stands in ``offset()`` or ``strata()``."""
        if node.function == "offset":
            self.arithmetic(argument)
            self._needs_column(argument)
        elif isinstance(argument, Name):
            self.column(argument)
        else:
            refuse(node, "strata() takes one column")

    def response(self, node: Node, allow: Collection[str]) -> None:
        """Check the left side."""
        match node:
            case Call(function="cbind", args=(_, _, *_) as args, keywords=()):
                for argument in args:
                    self.arithmetic(argument)
            case Call(function="cbind"):
                refuse(node, "cbind() takes a column of counts for each class: cbind(yes, no), cbind(a, b, c)")
            case Call(function="Surv", args=args, keywords=keywords):
                if "Surv" not in allow:
                    raise TypeError(
                        f"{show(node)!r} is a survival response; this family models another kind. "
                        "Use a Cox model for times and events."
                    )
                if len(args) != 2 or [key for key, _ in keywords] not in ([], ["start"]):
                    refuse(node, "Surv() takes a time and an event, and start= where follow-up begins late")
                for argument in (*args, *(value for _, value in keywords)):
                    self.arithmetic(argument)
            case Call(function=function) if function in words.FACTORS:
                self._categorical(node)
            case Compare():
                refuse(node, f"a comparison on the left must stand in I(): write I({show(node)})")
            case Sum() | Binary():
                refuse(
                    node,
                    f"one response: write I({show(node)}) for arithmetic, cbind(yes, no) for counts",
                )
            case Dot():
                refuse(node, "'.' has no meaning on the left, except in update()")
            case Name() | Call():
                if isinstance(node, Call) and node.function in (*words.BASES, *words.LEARNED, *words.MARKERS):
                    refuse(
                        node,
                        "a response cannot be learned from the data; transform it with log(), sqrt() or I()",
                    )
                self.arithmetic(node)
            case _:
                refuse(node, "the left side is a column or a function of columns")

    def _misplaced(self, node: Call) -> NoReturn:
        where = {
            "offset": "offset() stands on its own between plus signs",
            "strata": "strata() stands on its own between plus signs",
            "keep": "keep() takes whole terms and stands on its own: keep(a:b), not keep(a):b",
            "grp": "grp() takes whole terms and stands on its own between plus signs",
            "cols": "cols() stands for several terms and no single one",
            "cbind": "cbind() belongs on the left of '~'",
            "Surv": "Surv() belongs on the left of '~'",
        }
        refuse(node, where[node.function])

    def _needs_column(self, node: Node) -> None:
        if not variables(node):
            refuse(node, "no column is used here")

    def _first(self, node: Call) -> None:
        if not node.args:
            refuse(node, f"{node.function}() wants a column first")
        self.arithmetic(node.args[0])
        self._needs_column(node.args[0])

    def _options(self, node: Call, signature: tuple[words.Argument, ...]) -> None:
        given = options(node, signature)
        if node.function == "cuts" and not given:
            refuse(node, "cuts() needs its thresholds, as in cuts(x, [45, 60])")
        for argument, value in given:
            self._option(node, argument, value)

    def _option(self, node: Call, argument: words.Argument, value: Node) -> None:
        name, number = argument.name, constant(value)
        match argument.kind:
            case "count":
                if number is None or number != int(min(max(number, -1e15), 1e15)) or number < 1:
                    refuse(node, f"{name} must be a whole number of at least 1, written out")
                if number > self.n_rows:
                    refuse(node, f"{name} = {show(value)} is more than the {self.n_rows} rows of the data")
            case "number":
                if number is None:
                    refuse(node, f"{name} must be a number, written out")
            case "numbers":
                if not isinstance(value, Listing) or not value.items or None in map(constant, value.items):
                    refuse(node, f"{name} must be a list of numbers, as in [45, 60]")
                if len(value.items) > self.n_rows:
                    refuse(node, f"{name} has more numbers than the {self.n_rows} rows of the data")
            case "flag":
                if not isinstance(value, Flag):
                    refuse(node, f"{name} must be True or False")
            case "choice":
                if not isinstance(value, Text) or value.value not in argument.choices:
                    refuse(node, f"{name} must be one of {', '.join(map(repr, argument.choices))}")

    def _categorical(self, node: Call) -> None:
        if not node.args or len(node.args) > 2 or not isinstance(node.args[0], (Name, Call)):
            refuse(
                node,
                f"write {node.function}(column), and a coding after it as in {node.function}(g, contr.sum)",
            )
        self.arithmetic(node.args[0])
        self._needs_column(node.args[0])
        named = dict(node.keywords)
        for coding in (*node.args[1:], *([named["contrasts"]] if "contrasts" in named else [])):
            self._coding(node, coding)
        unknown = set(named) - {"levels", "contrasts"}
        if unknown or (len(node.args) == 2 and "contrasts" in named):
            refuse(node, f"{node.function}() takes a column, one coding and levels=[...]")
        if "levels" in named:
            levels = named["levels"]
            if not isinstance(levels, Listing) or not levels.items or not all(map(_is_scalar, levels.items)):
                refuse(node, "levels must be a list such as ['low', 'high']")

    def _coding(self, node: Call, coding: Node) -> None:
        match coding:
            case Name(name=name) if name in words.CONTRASTS:
                return
            case Call(function="contr.treatment", args=(base,), keywords=()) if _is_scalar(base):
                return
            case Call(function="contr.treatment", args=(), keywords=(("base", base),)) if _is_scalar(base):
                return
            case Call(function=name, args=(), keywords=()) if name in words.CONTRASTS:
                return
        refuse(node, f"the coding is one of {', '.join(words.CONTRASTS)}, or contr.treatment('base level')")

    def _comparison(self, node: Compare, left: Node, right: Node) -> None:
        texts = [isinstance(side, Text) for side in (left, right)]
        if any(texts):
            other = right if texts[0] else left
            if all(texts) or not isinstance(other, Name) or node.op not in ("==", "!="):
                refuse(node, "a string can only be compared with a column, by == or !=")
            self.column(other)
            return
        self.arithmetic(left)
        self.arithmetic(right)

    def _lent(self, node: Call) -> None:
        for argument in node.args:
            self.arithmetic(argument)
        for key, value in node.keywords:
            if constant(value) is None and not isinstance(value, (Flag, Text)):
                refuse(
                    node,
                    f"the named argument {key} of a lent function must be a number, a string or True/False",
                )
        self._needs_column(node)


def options(node: Call, signature: tuple[words.Argument, ...]) -> list[tuple[words.Argument, Node]]:
    """Pair the arguments after the first with the signature's names."""
    known = {argument.name: argument for argument in signature}
    positional = node.args[1:]
    if len(positional) > len(signature):
        refuse(node, f"{node.function}() takes a column and {', '.join(known)}")
    paired = list(zip(signature, positional, strict=False))
    taken = {argument.name for argument, _ in paired}
    for key, value in node.keywords:
        if key not in known:
            near = words.closest(key, known)
            refuse(
                node,
                f"{node.function}() has no argument {key!r}; {f'did you mean {near}? ' if near else ''}"
                f"it takes {', '.join(known)}",
            )
        if key in taken:
            refuse(node, f"the argument {key!r} is given twice")
        paired.append((known[key], value))
    return paired


def check_pattern(node: Call) -> re.Pattern[str]:
    """The regular expression of ``cols()``, refused when matching it could take exponential time."""
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], Text):
        refuse(node, "cols() takes one regular expression in quotes, as in cols('^gene_')")
    text = node.args[0].value
    bare = re.sub(r"\\.|\[[^\]]*\]", "a", text)  # escapes and classes stand for one character each
    if len(text) > 200 or "(?" in bare or re.search(r"\)[*+?{]", bare) or re.search(r"\\[1-9]", text):
        refuse(node, "the pattern may be 200 characters long, without repeated groups, back-references or (?...)")
    if len(re.findall(r"[*+{]", bare)) > 3:
        refuse(node, "the pattern may repeat (*, +, {}) three times at most")
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        refuse(node, f"this is no regular expression ({error})")


def _is_scalar(node: Node) -> bool:
    return isinstance(node, (Text, Flag)) or constant(node) is not None


def _some(names: Collection[str]) -> str:
    shown = [repr(name) for _, name in zip(range(6), names, strict=False)]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")
