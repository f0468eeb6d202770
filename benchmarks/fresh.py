"""What only a fresh process shows: import time, first fit, memory peak. Run by ``probes``; prints JSON.

Usage: ``python -P fresh.py import | first-fit DATA.npz | cv DATA.npz | memory DATA.npz | wide P``.
"""

import json
import sys
import time

HEAVY = ("cvxpy", "formulaic", "matplotlib", "statsmodels")


def import_time() -> dict:
    import sklearn.linear_model  # noqa: F401

    started = time.perf_counter()
    from sparsestats import GroupSLOPE  # noqa: F401

    seconds = time.perf_counter() - started
    return {"seconds": seconds, "heavy": [name for name in HEAVY if name in sys.modules]}


def first_fit(path: str) -> dict:
    import numpy as np

    from sparsestats import GroupSLOPE

    with np.load(path) as data:
        X, y, groups = data["X"], data["y"], data["groups"]
    model = GroupSLOPE(sequence="mean", groups=groups)
    started = time.perf_counter()
    model.fit(X, y)
    return {"seconds": time.perf_counter() - started}


def cv(path: str) -> dict:
    """Seconds of 10-fold cross-validations on two threads, and of the path alone, in turns."""
    import numpy as np

    from sparsestats import GroupSLOPE, GroupSLOPECV

    with np.load(path) as data:
        X, y, groups, alphas = data["X"], data["y"], data["groups"], data["alphas"]
    options = {"sequence": "mean", "q": 0.1, "groups": groups, "tol": 1e-6}
    validated, alone = GroupSLOPECV(alphas=alphas, cv=10, n_jobs=2, **options), GroupSLOPE(**options)
    seconds: dict[str, list[float]] = {"whole": [], "single": []}
    for _ in range(11):
        started = time.perf_counter()
        validated.fit(X, y)
        between = time.perf_counter()
        alone.path(X, y, alphas=alphas)
        seconds["whole"].append(between - started)
        seconds["single"].append(time.perf_counter() - between)
    return {kind: values[2:] for kind, values in seconds.items()}  # the first two load and warm what is loaded late


def memory(path: str) -> dict:
    """Bytes by which the peak during a path exceeds what was resident with X in place.

    A first tiny fit loads everything that is loaded late, so that the peak is the path's own.
    """
    import numpy as np

    import sparsestats

    with np.load(path) as data:
        X, y, alphas = data["X"], data["y"], data["alphas"]
        groups = data.get("groups")
    rng = np.random.default_rng(0)
    if groups is None:
        model, tiny = sparsestats.SLOPE(tol=1e-6), sparsestats.SLOPE()
    else:
        model = sparsestats.GroupSLOPE(sequence="mean", groups=groups, tol=1e-6)
        tiny = sparsestats.GroupSLOPE(sequence="mean", groups=np.arange(4) // 2)
    tiny.path(np.asfortranarray(rng.standard_normal((20, 4)).astype(X.dtype)), rng.standard_normal(20))
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")  # start the peak (VmHWM) afresh
    path = model.path(X, y, alphas=alphas)
    return {
        "extra": resident("VmHWM") - before,
        "x": X.nbytes,
        "n_plus_p": sum(X.shape),
        "result": np.asarray(path.coefs).nbytes,
        "working_set": int(np.max(path.n_nonzero)),
        "fortran": bool(X.flags.f_contiguous),
    }


def wide(columns: str) -> dict:
    """Seconds of the processor and bytes beyond X of a group SLOPE path of 500 rows and very many columns.

    Groups of U{3..20} columns, equicorrelated (0.3), of which 30 are active; made here, in place, because a file
    of X would be read through a second copy of it.
    """
    import numpy as np

    import sparsestats

    n, p = 500, int(columns)
    rng = np.random.default_rng(41)
    sizes = rng.integers(3, 21, p)
    groups = np.repeat(np.arange(p), sizes)[:p]
    X = np.empty((n, p), order="F")
    for g, start in enumerate(np.flatnonzero(np.diff(groups, prepend=-1))):
        block = X[:, start : start + sizes[g]]
        block[:] = rng.standard_normal(block.shape) * 0.7**0.5
        block += 0.3**0.5 * rng.standard_normal((n, 1))
    y = rng.standard_normal(n)
    for g in rng.choice(groups[-1] + 1, 30, replace=False):
        columns_of = np.flatnonzero(groups == g)
        y += X[:, columns_of] @ rng.normal(0.0, 0.5, len(columns_of))
    tiny = sparsestats.GroupSLOPE(groups=np.arange(4) // 2)
    tiny.path(np.asfortranarray(X[:20, :4]), rng.standard_normal(20))
    model = sparsestats.GroupSLOPE(groups=groups, tol=1e-6)
    before = resident("VmRSS")
    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")
    started = time.process_time()
    path = model.path(X, y, sparsestats.relative(1, 0.1, 50))
    return {
        "seconds": time.process_time() - started,
        "extra": resident("VmHWM") - before,
        "x": X.nbytes,
        "n_plus_p": n + p,
        "result": np.asarray(path.coefs).nbytes,
        "working_set": int(np.max(path.n_nonzero)),
        "converged": bool(path.converged.all()),
        "alphas": len(path),
    }


def resident(field: str) -> int:
    with open("/proc/self/status") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith(field))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    known = {"import": import_time, "first-fit": first_fit, "cv": cv, "memory": memory, "wide": wide}
    print(json.dumps(known[command](*arguments)))
