"""Text of a formula -> a small tree, and back.

The grammar is closed: names, numbers, plain strings, lists, calls of a named function and a few operators.
There is no node for an attribute, a subscript, a lambda, a comprehension, a star or an f-string, so nothing
of that kind can reach an evaluator; most of this file says which piece was refused and what to write instead.
Parsing happens here rather than in formulaic because its parser silently drops ``^``, expands ``(a + b)**9``
before anybody can count the terms, and leaves factors to Python's ``eval``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from ..exceptions import FormulaError
from .vocabulary import CONTRASTS, FUNCTIONS

MAX_LENGTH = 300_000  # characters: 5 000 named columns take about 50 000
MAX_DEPTH = 40  # nested brackets, and operators chained without a plus


@dataclass(frozen=True, slots=True)
class Number:
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Flag:
    value: bool


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Dot:
    pass


@dataclass(frozen=True, slots=True)
class Listing:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    args: tuple[Node, ...]
    keywords: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """``left op right`` with op one of ``* / : **``."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Compare:
    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Sum:
    """Signed parts in the order written; flat, so that 5 000 summands do not nest 5 000 deep."""

    parts: tuple[tuple[int, Node], ...]


Node = Number | Text | Flag | Name | Dot | Listing | Call | Binary | Compare | Sum


@dataclass(frozen=True, slots=True)
class Formula:
    """A parsed formula; ``left`` is None for a one-sided one."""

    left: Node | None
    right: Node

    def __str__(self) -> str:
        return f"{show(self.left)} ~ {show(self.right)}" if self.left is not None else f"~ {show(self.right)}"


_NAME = r"[^\W\d]\w*(?:\.\w+)*"  # with dots, for as.factor, np.log and columns such as Sepal.Length
_TOKEN = re.compile(
    rf"""(?P<space>\s+)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>{_NAME})
    |(?P<column>`[^`]*`)
    |(?P<text>'[^']*'|"[^"]*")
    |(?P<op>\*\*|==|!=|<=|>=|:=|->|<-|&&|\|\||//|[-+*/:~^()\[\],=<>.|&%@;!$?{{}}\\\#])""",
    re.VERBOSE,
)
_PLAIN_NAME = re.compile(_NAME)
_FLAGS = {"True": True, "TRUE": True, "False": False, "FALSE": False}
_KEYWORDS = {
    "lambda": "a lambda is not part of a formula; lend the function as env={'f': f} and write f(x)",
    "for": "comprehensions are not part of a formula",
    "if": "conditions are not part of a formula; a comparison in I() gives 0/1, as in I(x > 3)",
    "else": "conditions are not part of a formula; a comparison in I() gives 0/1, as in I(x > 3)",
    "in": "%in% and in are not part of a formula; write a:b for an interaction, I(g == 'a') for a level",
    "and": "'and' is not part of a formula; multiply the 0/1 columns: I((x > 3) * (z > 1))",
    "or": "'or' is not part of a formula; use pmax(I(x > 3), I(z > 1))",
    "not": "'not' is not part of a formula; turn the comparison round",
    "is": "'is' is not part of a formula",
    "await": "'await' is not part of a formula",
    "async": "'async' is not part of a formula",
    "yield": "'yield' is not part of a formula",
    "import": "'import' is not part of a formula",
    "None": "None is not part of a formula; leave the argument out",
}
_REFUSED = {
    ":=": "assignments are not part of a formula",
    "->": "assignments are not part of a formula",
    "<-": "assignments are not part of a formula",
    "=": "'=' only names an argument, as in bs(x, df=4); between the sides of a formula stands '~'",
    "{": "braces are not part of a formula; write I(...) around arithmetic",
    "}": "braces are not part of a formula; write I(...) around arithmetic",
    "[": "subscripts are not part of a formula; select the rows or columns of the data first",
    "|": "random effects and other bars, as in (1 | g), are not available; write C(g), and row_groups='g' "
    "keeps the rows of one unit together in the folds",
    "||": "bars are not part of a formula; use pmax(I(x > 3), I(z > 1)) for 'or'",
    "&": "'&' is not part of a formula; multiply the 0/1 columns: I((x > 3) * (z > 1))",
    "&&": "'&' is not part of a formula; multiply the 0/1 columns: I((x > 3) * (z > 1))",
    "%": "%in% and % are not part of a formula; write a:b for an interaction",
    "//": "'//' is not part of a formula; use np.floor(x / 10)",
    "@": "'@' is not part of a formula",
    ";": "';' is not part of a formula: one formula, one line of thought",
    "!": "'!' is not part of a formula; turn the comparison round",
    "$": "'$' is not part of a formula; name the column alone and pass the frame as data",
    "?": "'?' is not part of a formula",
    "\\": "a backslash is only allowed inside a string",
    "#": "comments are not part of a formula",
    "~": "a formula has one '~'",
    ".": "attribute access is not part of a formula, except np.<listed> and contr.<listed>",
    "^": "'^' is not a power here: write I(x**2) for a square, (a + b)**2 for all interactions",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def _refuse(source: str, start: int, why: str) -> NoReturn:
    piece = source[max(0, start - 12) : start + 18].strip()
    raise FormulaError(f"Formula refused at character {start + 1}, near {piece!r}: {why}.")


def _tokens(source: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None:
            character = source[position]
            opened = {"`": "a backtick", "'": "a quote", '"': "a quote"}.get(character)
            why = f"{opened} is opened and never closed" if opened else f"{character!r} is not part of a formula"
            _refuse(source, position, why)
        kind = str(match.lastgroup)
        if kind != "space":
            glued = bool(tokens) and tokens[-1].start + len(tokens[-1].text) == position
            if glued and kind == "text" and tokens[-1].kind == "name":
                _refuse(
                    source,
                    tokens[-1].start,
                    "strings with a prefix (f-strings, bytes) are not part of a formula",
                )
            if glued and kind in ("name", "number") and tokens[-1].kind in ("name", "number"):
                _refuse(
                    source,
                    tokens[-1].start,
                    "this is neither a number nor a name; numbers are written 12, 0.5 or 1e3, "
                    "and a column whose name starts with a digit goes in backticks",
                )
            tokens.append(_Token(kind, match.group(), position))
        position = match.end()
    tokens.append(_Token("end", "", len(source)))
    return tokens


class _Parser:
    """Recursive descent, loosest first: comparison, sum, product, interaction, sign, power, atom."""

    def __init__(self, source: str):
        self.source, self.tokens, self.position, self.depth = source, _tokens(source), 0, 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position]

    def next(self) -> _Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def at(self, *ops: str) -> bool:
        return self.token.kind == "op" and self.token.text in ops

    def refuse(self, why: str, token: _Token | None = None) -> NoReturn:
        _refuse(self.source, (token or self.token).start, why)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.refuse(f"nested or chained more than {MAX_DEPTH} deep")

    def expect(self, op: str, why: str) -> None:
        if not self.at(op):
            self.unexpected(why)
        self.next()

    def unexpected(self, otherwise: str) -> NoReturn:
        token = self.token
        if token.kind == "op" and token.text in _REFUSED:
            self.refuse(_REFUSED[token.text])
        if token.kind == "name" and token.text in _KEYWORDS:
            self.refuse(_KEYWORDS[token.text])
        self.refuse(otherwise)

    def formula(self) -> Formula:
        if self.token.kind == "end":
            raise FormulaError("The formula is empty; write for example 'y ~ x + C(g)'.")
        left: Node | None = None if self.at("~") else self.comparison()
        if not self.at("~"):
            self.finish()
            assert left is not None
            return Formula(None, left)
        self.next()
        if self.token.kind == "end":
            self.refuse(
                "nothing stands on the right of '~'; write terms as in 'y ~ x + C(g)', '.' for all other columns"
            )
        right = self.comparison()
        self.finish()
        return Formula(left, right)

    def finish(self) -> None:
        if self.token.kind != "end":
            named = self.token.kind in ("name", "number") and self.tokens[self.position - 1].kind == "name"
            spaced = "; a column's name with spaces goes in backticks: `body mass`" if named else ""
            self.unexpected(f"expected an operator such as +, : or * here{spaced}")

    def comparison(self) -> Node:
        node = self.sum()
        if self.at("==", "!=", "<", "<=", ">", ">="):
            op = self.next().text
            node = Compare(op, node, self.sum())
            if self.at("==", "!=", "<", "<=", ">", ">="):
                self.refuse("comparisons cannot be chained; multiply two of them: I((x > 1) * (x < 3))")
        return node

    def sum(self) -> Node:
        parts: list[tuple[int, Node]] = []
        sign = 1
        if self.at("+", "-"):
            sign = 1 if self.next().text == "+" else -1
        while True:
            parts.append((sign, self.product()))
            if not self.at("+", "-"):
                break
            sign = 1 if self.next().text == "+" else -1
        return parts[0][1] if len(parts) == 1 and parts[0][0] == 1 else Sum(tuple(parts))

    def chain(self, ops: tuple[str, ...], operand: Callable[[], Node]) -> Node:
        entered = self.depth
        node = operand()
        while self.at(*ops):
            self.deeper()
            op = self.next().text
            node = Binary(op, node, operand())
        self.depth = entered
        return node

    def product(self) -> Node:
        return self.chain(("*", "/"), self.interaction)

    def interaction(self) -> Node:
        return self.chain((":",), self.signed)

    def signed(self) -> Node:
        if self.at("+", "-"):
            sign = 1 if self.next().text == "+" else -1
            self.deeper()
            node = self.signed()
            self.depth -= 1
            return node if sign == 1 else Sum(((-1, node),))
        return self.power()

    def power(self) -> Node:
        node = self.atom()
        if self.at("^"):
            square = f"({show(node)})**2" if isinstance(node, Dot) else show(Binary("**", node, Number(2.0, "2")))
            whole = isinstance(node, Sum | Dot) or (isinstance(node, Binary) and node.op in (":", "*"))
            what = square if whole else f"I({square})"
            self.refuse(f"'^' is not a power here; write {what}")
        if self.at("**"):
            self.next()
            self.deeper()
            node = Binary("**", node, self.signed())
            self.depth -= 1
        return node

    def atom(self) -> Node:
        token = self.token
        if token.kind == "number":
            self.next()
            node: Node = Number(float(token.text), token.text)
        elif token.kind == "text":
            self.next()
            node = Text(token.text[1:-1])
        elif token.kind == "column":
            self.next()
            node = Name(token.text[1:-1], quoted=True)
        elif token.kind == "name":
            node = self.named()
        elif self.at("("):
            node = self.inside(self.comparison, ")")
        elif self.at("["):
            node = Listing(self.inside(self.items, "]"))
        elif self.at("."):
            self.next()
            node = Dot()
        elif self.at("*", "**"):
            self.refuse("stars stand between two terms, as in a * b; *args and **kwargs are not part of a formula")
        elif token.kind == "end":
            self.refuse("the formula ends where a term was expected")
        else:
            self.unexpected(f"expected a column, a number or a function where {token.text!r} stands")
        if self.at("("):
            self.refuse("only a function's name can be called")
        if self.at("[", "."):
            self.unexpected("")
        return node

    def inside(self, parse: Callable, closing: str):
        opening = self.next()
        self.deeper()
        node = parse()
        if self.token.kind == "end":
            self.refuse("this bracket is never closed", opening)
        self.expect(closing, f"expected {closing!r} here")
        self.depth -= 1
        return node

    def items(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.at("]"):
            found.append(self.comparison())
            if not self.at(","):
                break
            self.next()
        return tuple(found)

    def named(self) -> Node:
        token = self.next()
        if token.text in _KEYWORDS:
            self.refuse(_KEYWORDS[token.text], token)
        if any(part.startswith("__") for part in token.text.split(".")):
            self.refuse(f"{token.text!r} is a dunder name; no formula needs one", token)
        if self.at("("):
            args, keywords = self.inside(self.arguments, ")")
            return Call(token.text, args, keywords)
        return Flag(_FLAGS[token.text]) if token.text in _FLAGS else Name(token.text)

    def arguments(self) -> tuple[tuple[Node, ...], tuple[tuple[str, Node], ...]]:
        args: list[Node] = []
        keywords: list[tuple[str, Node]] = []
        while not self.at(")"):
            after = self.tokens[min(self.position + 1, len(self.tokens) - 1)]
            if self.token.kind == "name" and after.kind == "op" and after.text == "=":
                name = self.next().text
                self.next()
                if name in dict(keywords):
                    self.refuse(f"the argument {name!r} is given twice")
                keywords.append((name, self.comparison()))
            elif keywords:
                self.refuse("an argument without a name cannot follow a named one")
            else:
                args.append(self.comparison())
            if not self.at(","):
                break
            self.next()
        return tuple(args), tuple(keywords)


def parse(source: str) -> Formula:
    """Parse a one- or two-sided formula.

    Parameters
    ----------
    source : str
        For example ``"y ~ x + C(g)"`` or ``"~ x"``.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        When a piece is outside the grammar; the text names the piece and what to write instead.
    """
    if not isinstance(source, str):
        raise TypeError(f"A formula is a string such as 'y ~ x', not {type(source).__name__}.")
    if len(source) > MAX_LENGTH:
        raise FormulaError(f"The formula has {len(source)} characters; the limit is {MAX_LENGTH}.")
    return _Parser(source).formula()


def parse_factor(source: str) -> Node:
    """Parse one factor or term, as a saved model stores it."""
    formula = parse(source)
    if formula.left is not None:
        raise FormulaError(f"{source!r} is a formula where a single term was expected.")
    return formula.right


def show(node: Node | None) -> str:
    """The canonical text of a tree: parsing it gives the tree back."""
    match node:
        case None:
            return ""
        case Number():
            return node.text
        case Text():
            return f'"{node.value}"' if "'" in node.value else f"'{node.value}'"
        case Flag():
            return str(node.value)
        case Name():
            plain = not node.quoted or (_PLAIN_NAME.fullmatch(node.name) and not _special(node.name))
            return node.name if plain else f"`{node.name}`"
        case Dot():
            return "."
        case Listing():
            return f"[{', '.join(map(show, node.items))}]"
        case Call():
            given = [*map(show, node.args), *(f"{key}={show(value)}" for key, value in node.keywords)]
            return f"{node.function}({', '.join(given)})"
        case Binary():
            tight = node.op in (":", "**")
            left, right = _bracketed(node.left, node.op, False), _bracketed(node.right, node.op, True)
            return f"{left}{node.op}{right}" if tight else f"{left} {node.op} {right}"
        case Compare():
            return f"{show(node.left)} {node.op} {show(node.right)}"
        case Sum():
            text = "".join(f" {'+' if s > 0 else '-'} {_bracketed(part, '+', True)}" for s, part in node.parts)
            return text[3:] if text.startswith(" + ") else f"-{text[3:]}"


_TIGHTNESS = {"+": 1, "*": 2, "/": 2, ":": 3, "**": 4}


def _bracketed(node: Node, op: str, right: bool) -> str:
    """Text of an operand, in parentheses where leaving them out would change the tree."""
    text = show(node)
    if isinstance(node, (Sum, Compare)):
        return f"({text})"
    if isinstance(node, Binary):
        inner, outer = _TIGHTNESS[node.op], _TIGHTNESS[op]
        if inner < outer or (inner == outer and (right or op == "**")):
            return f"({text})"
    return text


def _special(name: str) -> bool:
    """Whether a column of this name must stay in backticks to be read as one."""
    if name in FUNCTIONS or name in CONTRASTS:
        return True
    return name in _KEYWORDS or name in _FLAGS or any(part.startswith("__") for part in name.split("."))


def label(node: Node) -> str:
    """A factor's name in output: a column goes by its own name, without backticks."""
    return node.name if isinstance(node, Name) else show(node)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a tree one level down, in the order they are written."""
    match node:
        case Listing():
            return node.items
        case Call():
            return (*node.args, *(value for _, value in node.keywords))
        case Binary() | Compare():
            return (node.left, node.right)
        case Sum():
            return tuple(part for _, part in node.parts)
        case _:
            return ()


def names_in(node: Node) -> list[str]:
    """The names a tree uses as values, in order of first use; functions are not among them."""
    if isinstance(node, Name):
        return [node.name]
    return list(dict.fromkeys(name for part in children(node) for name in names_in(part)))


def names_beside_texts(node: Node) -> list[str]:
    """The names a tree compares with a string, as in ``I(g == 'a')``: of these it reads levels."""
    if isinstance(node, Compare) and any(isinstance(side, Text) for side in children(node)):
        return names_in(node)
    return list(dict.fromkeys(name for part in children(node) for name in names_beside_texts(part)))
