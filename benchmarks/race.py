"""One problem, two solvers, one certified accuracy: find each one's setting, then time them in turns."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

from .peers import SOLVERS
from .problems import PROBLEMS
from .worker import Worker, WorkerError

TRIES = 8  # tolerances a solver may try on its way to the target gap


@dataclass(frozen=True)
class Race:
    """A row to be measured.

    Parameters
    ----------
    problem, target : str, float
        A name in ``PROBLEMS`` and the relative gap to reach at every alpha.
    peer : str or None
        A name in ``SOLVERS``; None times ours alone.
    goal_ratio, goal_seconds : float, optional
        The ratio (peer over ours, median) to reach; the seconds ours may take.
    peer_target : float, optional
        Another gap for the peer: ours against ours at a looser gap shows what tightness costs.
    """

    problem: str
    target: float
    peer: str | None = None
    goal_ratio: float | None = None
    goal_seconds: float | None = None
    peer_target: float | None = None
    ours: str = "sparsestats"


@dataclass(frozen=True)
class Limits:
    """How long a run may take: ``cap`` seconds a fit, ``rounds`` turns, ``budget`` seconds of turns a row."""

    cap: float = 15.0
    rounds: int = 5
    budget: float = 6.0
    at_least: float = 0.15


@dataclass
class Side:
    """What one solver needed: its setting, its times round by round, and its worst recomputed gap."""

    solver: str
    target: float
    tol: float = math.nan
    seconds: list[float] = field(default_factory=list)
    worst_gap: float = math.inf
    warmup_seconds: float = math.nan
    outcome: str = "reached"  # or "missed", "capped", "failed", "not installed"
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.nan


@dataclass
class Result:
    """A measured row."""

    race: Race
    shape: str
    ours: Side
    peer: Side | None
    cap: float

    @property
    def ratios(self) -> list[float]:
        """Peer over ours, round by round; after a cap, the lower bound cap / ours."""
        if self.peer is None or not self.ours.seconds:
            return []
        if self.peer.outcome == "capped":
            return [self.cap / self.ours.median]
        return [theirs / mine for theirs, mine in zip(self.peer.seconds, self.ours.seconds, strict=False)]

    @property
    def comparable(self) -> bool:
        """Whether both sides reached the gap (a capped peer still gives a lower bound)."""
        theirs = "reached" if self.peer is None else self.peer.outcome
        return self.ours.outcome == "reached" and theirs in ("reached", "capped")

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None without a goal or without a comparison."""
        race = self.race
        if race.goal_ratio is None and race.goal_seconds is None:
            return None
        if self.ours.outcome != "reached":
            return False
        if race.goal_seconds is not None:
            return self.ours.median <= race.goal_seconds
        return statistics.median(self.ratios) >= race.goal_ratio if self.comparable and self.ratios else None

    def timings(self) -> Iterator[dict]:
        """One record a round and a solver, for the long table."""
        for side in filter(None, (self.ours, self.peer)):
            base = {"problem": self.race.problem, "shape": self.shape} | {
                key: value for key, value in asdict(side).items() if key != "seconds"
            }
            if not side.seconds:
                yield base | {"round": 0, "seconds": math.nan}
            for number, seconds in enumerate(side.seconds):
                yield base | {"round": number, "seconds": seconds}


def run(race: Race, limits: Limits) -> Result:
    """Tune both sides to the target, then let them take turns so that the machine's drift cancels."""
    shape = PROBLEMS[race.problem]().shape_text
    ours = Side(race.ours, race.target)
    peer = None if race.peer is None else Side(race.peer, race.peer_target or race.target)
    sides = [ours] if peer is None else [ours, peer]
    workers = {id(side): Worker(race.problem, side.solver, limits.cap) for side in sides}
    try:
        for side in sides:
            tune(side, workers[id(side)], limits)
        racing = [side for side in sides if side.outcome in ("reached", "missed")]
        started = time.perf_counter()
        for number in range(limits.rounds):
            if number and time.perf_counter() - started > limits.budget:
                break
            for side in racing:
                result = workers[id(side)].fit(side.tol, limits.at_least)
                if result is None:  # on the edge of the cap: it passed once, not again
                    side.outcome = "capped"
                else:
                    side.seconds.append(result.seconds)
            racing = [side for side in racing if side.outcome != "capped"]
    finally:
        for worker in workers.values():
            worker.stop()
    return Result(race, shape, ours, peer, limits.cap)


def tune(side: Side, worker: Worker, limits: Limits) -> None:
    """Find, by a geometric search, a loose ``tol`` whose worst recomputed gap meets the target.

    Gaps are about proportional to a solver's own tolerance, so a miss by a factor f divides it by about f,
    and by at least 2. When the first setting that meets the target overshoots it twice or more, the setting
    half way back (geometrically) is tried too: nobody is timed on a needlessly tight setting.
    """
    if not SOLVERS[side.solver].installed:
        side.outcome = "not installed"
        return
    try:
        search(side, worker, SOLVERS[side.solver].tol_per_gap * side.target, limits.cap)
    except WorkerError as error:
        side.outcome, side.note = "failed", str(error)
    side.warmup_seconds = worker.warmup_seconds


def search(side: Side, worker: Worker, tol: float, cap: float) -> None:
    """The search of ``tune`` from a given start; settles ``side``'s setting, gap and outcome."""
    started, missed_at = time.perf_counter(), None
    side.outcome = "missed"
    for _ in range(TRIES):
        result = worker.fit(tol)
        if result is None:
            side.outcome, side.tol = "capped", tol
            return
        if result.worst_gap < side.worst_gap:
            side.worst_gap, side.tol = result.worst_gap, tol
        if result.worst_gap <= side.target:
            side.outcome = "reached"
            break
        if time.perf_counter() - started > 3 * cap or tol < 1e-17:
            return
        missed_at = tol
        tol *= min(0.5, max(1e-3, 0.9 * side.target / result.worst_gap))
    if side.outcome == "reached" and missed_at is not None and side.worst_gap < side.target / 2:
        between = math.sqrt(missed_at * side.tol)
        result = worker.fit(between)
        if result is not None and result.worst_gap <= side.target:
            side.tol, side.worst_gap = between, result.worst_gap
