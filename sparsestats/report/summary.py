"""A summary and its three renderings: text, HTML, LaTeX."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

from .protocol import Table

WIDTH = 110
"""Columns of a text summary."""

_RIGHT = 55
"""Where the right half of a header line starts, at the least."""

TIE = "\u00a0"
"""A space at which no line ends: between a level and its number. Text shows it as any other space."""

_LONGEST_CELL = 40
"""Characters of a last cell that LaTeX sets in one line; a column of longer ones is a paragraph."""

_LATEX_LINE = 80
"""About as many characters fill a line of LaTeX's."""

_LATEX = str.maketrans(
    {
        TIE: "~",
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "$": r"\$",
        "&": r"\&",
        "#": r"\#",
        "%": r"\%",
        "_": r"\_",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
    }
)


def escape_html(text: str) -> str:
    """Text that a browser shows as it is written: no tag, entity or attribute of it comes alive."""
    return html.escape(text, quote=True)


def escape_latex(text: str) -> str:
    """Text that LaTeX prints as it is written: no command, comment or math shift of it comes alive."""
    return text.translate(_LATEX)


def one_line(text: object) -> str:
    """A cell: a single line without control characters, which a level name of a file may well hold."""
    return "".join(c if c.isprintable() or c == TIE else " " for c in str(text))


@dataclass(frozen=True)
class Summary:
    """What a fit prints, as data: the same content is rendered as text, HTML or LaTeX.

    Parameters
    ----------
    header : sequence of pairs of str
        Lines above the table, left and right halves.
    tables : sequence of Table
    notes : sequence of pairs of str
        Lines under the table, each a label (may be empty) and its text.

    Examples
    --------
    >>> from sparsestats.report.summary import Summary
    >>> print(Summary([("A model", "y ~ x")], [], [("Certificate", "none")]))
    A model                                                y ~ x
    Certificate: none
    """

    header: Sequence[tuple[str, str]]
    tables: Sequence[Table]
    notes: Sequence[tuple[str, str]]

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_text(self, path: str | PathLike[str] | None = None) -> str:
        """Plain text; also written to ``path`` (UTF-8) when one is given."""
        start = max([_RIGHT, *(len(one_line(left)) + 2 for left, right in self.header if right)])
        lines: list[str] = []
        for left, right in self.header:
            if not right:
                lines += textwrap.wrap(one_line(left), WIDTH, subsequent_indent="  ") or [""]
                continue
            wrapped = textwrap.wrap(one_line(right), max(WIDTH - start, 40)) or [""]
            lines.append(f"{one_line(left):<{start}}{wrapped[0]}")
            lines += [" " * start + more for more in wrapped[1:]]
        for table in self.tables:
            lines += _text_table(table)
        for label, text in self.notes:
            start_of_line = f"{one_line(label)}: " if label else ""
            lines += textwrap.wrap(start_of_line + one_line(text), WIDTH, subsequent_indent="  ")
        return _written("\n".join(line.rstrip() for line in lines).replace(TIE, " "), path)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """An HTML fragment, every name and level escaped; also written to ``path`` when one is given."""
        parts = ['<div class="sparsestats-summary">']
        if self.header:
            parts.append("<table>")
            for left, right in self.header:
                parts.append(f"<tr><td>{_html_cell(left)}</td><td>{_html_cell(right)}</td></tr>")
            parts.append("</table>")
        for table in self.tables:
            sides = [{"l": "left", "r": "right"}[letter] for letter in table.align]
            parts.append("<table><thead><tr>")
            parts += [
                f'<th style="text-align:{side}">{_html_cell(head)}</th>'
                for side, head in zip(sides, table.columns, strict=True)
            ]
            parts.append("</tr></thead><tbody>")
            for row in table.rows:
                cells = zip(sides, row, strict=True)
                parts.append("<tr>")
                parts += [f'<td style="text-align:{side}">{_html_cell(cell)}</td>' for side, cell in cells]
                parts.append("</tr>")
            parts.append("</tbody></table>")
            parts += [f"<p>{_html_cell(note)}</p>" for note in table.notes]
        for label, text in self.notes:
            mark = f"<b>{_html_cell(label)}</b>: " if label else ""
            parts.append(f"<p>{mark}{_html_cell(text)}</p>")
        parts.append("</div>")
        return _written("\n".join(parts), path)

    def to_latex(self, path: str | PathLike[str] | None = None) -> str:
        """LaTeX with booktabs rules, every name and level escaped; also written to ``path`` if given."""
        parts: list[str] = []
        for left, right in self.header:
            halves = [_latex_cell(half) for half in (left, right) if half]
            parts.append(r"\noindent " + r" \hfill ".join(halves) + r"\par")
        for table in self.tables:
            align = _latex_align(table)
            parts += [rf"\begin{{tabular}}{{{align}}}", r"\toprule"]
            parts += [" & ".join(map(_latex_cell, table.columns)) + r" \\", r"\midrule"]
            parts += [_latex_row(row, align) for row in table.rows]
            parts += [r"\bottomrule", r"\end{tabular}\par"]
            parts += [rf"\noindent {_latex_cell(note)}\par" for note in table.notes]
        for label, text in self.notes:
            mark = rf"\textbf{{{_latex_cell(label)}}}: " if label else ""
            parts.append(rf"\noindent {mark}{_latex_cell(text)}\par")
        return _written("\n".join(parts) + "\n", path)


def _html_cell(text: object) -> str:
    return escape_html(one_line(text))


def _latex_cell(text: object) -> str:
    return escape_latex(one_line(text))


def _latex_align(table: Table) -> str:
    """The table's columns; where the last one is long text, as a paragraph of the width that the others leave."""
    rows = [[one_line(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if table.align[-1] != "l" or widths[-1] <= _LONGEST_CELL:
        return table.align
    left = 1 - sum(width + 2 for width in widths[:-1]) / _LATEX_LINE
    return table.align[:-1] + rf"p{{{max(0.3, left):.2f}\linewidth}}"


def _latex_row(row: Sequence[str], align: str) -> str:
    *cells, last = map(_latex_cell, row)
    if align.endswith("}"):  # a group, for outside of it \\ must end the row
        last = rf"{{\raggedright {last}\par}}"
    return " & ".join([*cells, last]) + r" \\"


def _text_table(table: Table) -> list[str]:
    rows = [[one_line(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(row[j]) for row in rows) for j in range(len(table.columns))]
    used = 2 + sum(width + 2 for width in widths[:-1])
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, table.align, strict=True)
        ]
        line = "  " + "  ".join(cells)
        if table.align[-1] == "l" and len(line.rstrip()) > WIDTH and used < WIDTH - 20:
            # Only a last, left-aligned column may be long: it goes on under itself.
            lines += textwrap.wrap(line, WIDTH, subsequent_indent=" " * used, drop_whitespace=True)[:]
        else:
            lines.append(line)
    for note in table.notes:
        lines += textwrap.wrap(one_line(note), WIDTH, initial_indent="  ", subsequent_indent="    ")
    return lines


def _written(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        with open(path, "w", encoding="utf-8", newline="\n") as file:
            file.write(text if text.endswith("\n") else text + "\n")
    return text
