"""Records how healthy services move: `python -m tests.simulation.record` writes recorded.json.

Each route of the example service, and of those under tests/goapps, is measured in short rounds.
Kept is what each stack grew by in each round; its name is its number.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeAlias

from pytest_echoleak import GoSource, start
from pytest_echoleak.check import check_service
from pytest_echoleak.options import Options
from pytest_echoleak.series import Series
from pytest_echoleak.workload.workload import WorkloadLike

Recorded: TypeAlias = dict[str, dict[str, list[list[int]]]]
"""Of each route, by kind, what each stack grew by: count and bytes, round after round."""

ROOT = Path(__file__).parents[2]
RECORDED = Path(__file__).with_name("recorded.json")
ROUNDS = 20
ITERATIONS = 200
_EXAMPLE = GoSource(
    ROOT / "example_project",
    package="./cmd/server",
    env={"PPROF": "1", "LOG_LEVEL": "WARN"},
    ready="/healthz",
)
_APPS = ROOT / "tests" / "goapps"
_SERVICES: dict[str, tuple[GoSource, list[str]]] = {
    "example": (
        _EXAMPLE,
        ["/healthz", "/notes", "/notes/3"],
    ),
    "echo5": (GoSource(_APPS / "echo5"), ["/healthy", "/users/{i}"]),
    "plain": (GoSource(_APPS / "plain"), ["/"]),
    "leaks": (GoSource(_APPS / "leaks"), ["/goroutine/healthy", "/cache?key={i}"]),
}


def main() -> None:
    """Measure each route, at one connection and at eight, and write what moved."""
    found: Recorded = {}
    for name, (spec, paths) in _SERVICES.items():
        for number, path in enumerate(paths):
            connections = (1, 8)[number % 2]
            label = f"{name} {path}, connections: {connections}"
            found[label] = _record(spec, f"GET {path}", connections)
            print(f"{label}: {len(found[label]['heap'])} stacks moved", flush=True)
            RECORDED.write_text(_as_text(found))


def _as_text(found: Recorded) -> str:
    """Return JSON with a line for each route."""
    routes = [f"{json.dumps(label)}: {json.dumps(kinds)}" for label, kinds in found.items()]
    return f'{{"iterations": {ITERATIONS}, "routes": {{\n' + ",\n".join(routes) + "\n}}\n"


def _record(spec: GoSource, workload: WorkloadLike, connections: int) -> dict[str, list[list[int]]]:
    seen: list[Series] = []
    options = Options(
        iterations=ROUNDS * ITERATIONS, rounds=ROUNDS, concurrency=connections, plateau=0, expiry=0
    )
    with start(spec, runtime="process") as service, _listening(seen):
        check_service(service, workload, options)
    series = max(seen, key=lambda one: len(one.iterations))
    return {
        kind: [
            [round(value) for pair in zip(one.count, one.bytes, strict=True) for value in pair]
            for one in stacks.values()
        ]
        for kind, stacks in (("heap", series.heap), ("goroutines", series.goroutines))
    }


class _listening:  # noqa: N801 - used as a function is
    """Keeps the series that checks judge meanwhile."""

    def __init__(self, seen: list[Series]) -> None:
        self._seen = seen

    def __enter__(self) -> None:
        import pytest_echoleak.check as module

        self._module, self._judge = module, module.judge  # type: ignore[attr-defined]

        def judge(series: Series, *given: object, **named: object) -> object:
            self._seen.append(series)
            return self._judge(series, *given, **named)  # type: ignore[arg-type]

        module.judge = judge  # type: ignore[attr-defined, assignment]

    def __exit__(self, *_: object) -> None:
        self._module.judge = self._judge  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
