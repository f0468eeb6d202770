"""The R door's formula engine: a checked formula and a frame make a design.

A formula is data, not code: `grammar` knows only names, numbers, strings, lists, calls and operators; `guard`
checks every factor against the closed vocabulary and the columns before anything is evaluated, and again when
a saved design is read; `evaluate` walks the tree itself. formulaic supplies the spline and polynomial bases
(`bases`, the only module that imports it, and late).
"""

from ..exceptions import FormulaError
from .algebra import update_formula
from .design import Design, design, has_response, term_names
from .evaluate import check_unseen
from .response import Response
from .spec import NewRows, Spec, Term

__all__ = [
    "Design",
    "FormulaError",
    "NewRows",
    "Response",
    "Spec",
    "Term",
    "check_unseen",
    "design",
    "has_response",
    "term_names",
    "update_formula",
]
