"""Tables of the ordinal benchmarks, and the clock they share."""

from __future__ import annotations

import csv
import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .fresh import resident
from .report import markdown


@dataclass
class Table:
    """Rows of one kind: numbers go to the CSV as they are, to the page as ``formats`` say."""

    title: str
    formats: dict[str, str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, **cells: Any) -> None:
        self.rows.append(cells)
        print(
            "  " + "; ".join(f"{name} {text}" for name, text in zip(cells, self.texts(cells), strict=True)), flush=True
        )

    def texts(self, row: dict[str, Any]) -> list[str]:
        return [v if isinstance(v, str) else "" if v is None else format(v, self.formats[k]) for k, v in row.items()]

    def markdown(self) -> str:
        """Under the columns of the longest row; a short one says why in its note."""
        header = list(max(self.rows, key=len))
        return f"## {self.title}\n\n" + markdown(
            header, ([*t, *[""] * (len(header) - len(t))] for t in map(self.texts, self.rows))
        )


def least(call: Callable[[], Any], turns: int) -> tuple[float, Any]:
    """Processor seconds of the fastest call, and what it returned."""
    fastest, value = float("inf"), None
    for _ in range(turns):
        began = time.process_time()
        value = call()
        fastest = min(fastest, time.process_time() - began)
    return fastest, value


def peak(call: Callable[[], Any]) -> int:
    """Bytes by which memory during a call exceeds what was resident before (Linux, GNU C library)."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls have freed would hide what this one takes
    Path("/proc/self/clear_refs").write_text("5")  # starts the peak anew
    before = resident("VmRSS")
    call()
    return resident("VmHWM") - before


def write(folder: Path, tables: list[Table], setting: str) -> None:
    """ordinal.csv, a line a number, and ordinal.md."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "ordinal.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["table", "row", "measure", "value"])
        for table in tables:
            for row in table.rows:
                name = ", ".join(v for v in row.values() if isinstance(v, str) and v not in ("met", "MISSED"))
                for measure, value in row.items():
                    if isinstance(value, int | float):
                        writer.writerow([table.title, name, measure, f"{value:.9g}"])
    text = f"# Ordinal models\n\n{setting}\n\n" + "\n".join(table.markdown() for table in tables if table.rows)
    (folder / "ordinal.md").write_text(text, encoding="utf-8")
