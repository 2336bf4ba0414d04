"""Records the clues to the corpus' leaks: `python -m tests.causes.record` writes recorded.json.gz.

With names of services (or paths of the example service) only these are recorded anew.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

from pytest_echoleak import EcholeakError, GoSource
from pytest_echoleak import check as check_module
from pytest_echoleak.causes.clues import Clues, Grown
from pytest_echoleak.causes.explaining import explain
from pytest_echoleak.causes.gathering import clues_of
from pytest_echoleak.check import check_service
from pytest_echoleak.options import Options, resolve_options
from pytest_echoleak.results import Finding, Location
from pytest_echoleak.service import EchoService, EchoServices
from tests.corpus import labels
from tests.corpus.checking import check
from tests.corpus.test_corpus import quickly

RECORDED = Path(__file__).with_name("recorded.json.gz")
_EXAMPLE = GoSource(
    Path(__file__).parents[2] / "example_project",
    package="./cmd/server",
    env={"LOG_LEVEL": "WARN"},
    ready="/healthz",
)
EXAMPLE_PATHS = ("request", "goroutine", "body", "cache/{i}", "listener", "ticker", "map", "rows")
# What is neither the finding's nor near it matters little: what grew most is enough.
_MOST_AROUND = 60


def main() -> None:
    """Check each leak, keep its clues, and write them."""
    found = load_plain() if RECORDED.exists() else {}
    keeping = _Keeping()
    with (
        mock.patch.object(check_module, "clues_of", keeping.found(clues_of)),
        mock.patch.object(check_module, "explain", keeping.asked(explain)),
    ):
        for name in _checked(sys.argv[1:], keeping):
            found[name] = [_plain(one) for one in keeping.clues]
            print(name, len(keeping.clues), flush=True)
            keeping.clues = ()
    text = json.dumps(found, separators=(",", ":"), sort_keys=True)
    RECORDED.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def load_plain() -> dict[str, Any]:
    """Return what was recorded, by name of the case."""
    found: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return found


def load() -> dict[str, tuple[Clues, ...]]:
    """Return the clues of each case, by its name."""
    return {name: tuple(map(_clues, entries)) for name, entries in load_plain().items()}


class _Keeping:
    """Keeps the clues that were found, or those that an explanation was asked for."""

    def __init__(self) -> None:
        self.clues: Sequence[Clues] = ()

    def found(self, clues_of: Callable[..., tuple[Clues, ...]]) -> Callable[..., Any]:
        def keep(*given: Any, **named: Any) -> Any:
            self.clues = clues_of(*given, **named)
            return self.clues

        return keep

    def asked(self, explain: Callable[..., Any]) -> Callable[..., Any]:
        def keep(clues: Sequence[Clues], *rest: Any, **named: Any) -> Any:
            self.clues = clues or self.clues
            return explain(clues, *rest, **named)

        return keep


def _checked(only: Sequence[str], keeping: _Keeping) -> Any:
    services = EchoServices("process")
    try:
        for service in labels.load():
            for case in service.cases:
                if case.verdict == "clean" or (only and service.name not in only):
                    continue
                outcome = check(services, service, case, **quickly(case))
                if not keeping.clues:
                    print(f"{case.name}: {outcome.verdict} {outcome.error}")
                yield case.name
        for path in EXAMPLE_PATHS:
            if not only or path in only:
                _check_example(services.get(_EXAMPLE), path)
                yield f"example/{path}"
    finally:
        services.close()


def _check_example(service: EchoService, path: str) -> None:
    options: Options = resolve_options({"plateau": 2000})
    try:
        check_service(service, f"GET /leaky/{path}", options)
    except EcholeakError as error:
        print(f"{path}: {error}")


def _plain(clues: Clues) -> dict[str, Any]:
    """Return the clues without their holders: what is told with these is made by hand."""
    around = sorted(clues.around, key=lambda one: -one.bytes)[:_MOST_AROUND]
    plain = asdict(clues)
    nothing: dict[str, list[Any]] = {
        name: [] for name in ("siblings", "trials", "holders", "containers")
    }
    finding = plain["finding"] | {"holders": [], "held_by": [], "retained_bytes": None}
    return plain | nothing | {"finding": finding, "around": [asdict(one) for one in around]}


def _clues(entry: dict[str, Any]) -> Clues:
    values = {name: value for name, value in entry.items() if name != "per_value"}
    finding = dict(values.pop("finding"))
    finding["location"] = Location(**finding["location"])
    finding["stack"] = _locations(finding["stack"])
    finding["held_by"] = tuple(finding["held_by"])
    for name in ("grown", "around"):
        values[name] = tuple(map(_grown, values[name]))
    for name in ("siblings", "holders", "modules", "trials"):
        values[name] = tuple(values.get(name, ()))
    values["containers"] = frozenset(values.get("containers", ()))
    return Clues(finding=Finding(**finding), **values)


def _grown(entry: dict[str, Any]) -> Grown:
    plain = {**entry, "inner": tuple(entry["inner"]), "own": tuple(entry["own"])}
    return Grown(**{**plain, "stack": _locations(entry["stack"])})


def _locations(stack: Sequence[dict[str, Any]]) -> tuple[Location, ...]:
    return tuple(Location(**frame) for frame in stack)


if __name__ == "__main__":
    main()
