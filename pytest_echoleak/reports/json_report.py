"""echoleak.json: the results of a run for other programs, and for judging it again.

The file is `{"schema": 1, "checks": [...]}`, one entry for each check, in the order they ended.
`schema` changes only when a field is renamed, removed or changes its meaning; fields may be added.

A check:
- `nodeid`: the test, as pytest names it; `workload`: what was driven; `service`: what was started.
- `verdict`: "leak" and "inconclusive" failed the test, "clean" passed it; "error" is the service's
  or the workload's fault and says nothing about leaks. `reason`: one sentence, or "".
- `iterations`: the measured ones; `warmup`: those before; `rounds`: how many rounds there were, and
  `round_iterations` the size of each; `seconds`: how long the whole check took.
- `go_version`: as the service tells it, "" if it does not; `runtime`: docker, process or attached.
- `findings`: see below; empty for a clean check.
- `bounds`: what a pass excludes: `excluded_rate` leaking iterations per iteration, or more, at
  `confidence`; `detect` is the rate that was asked for, and `identical_requests` tells that every
  request was the same. null where there is no such statement: for an error, and where the
  tolerance accepted growth.
- `artifacts`: files that were saved, relative to the folder of echoleak.json.
- `unused_allows`: suppressions that matched nothing in it.
- `no_holders`: one sentence, why no holders are named where a heap dump was tried, else "".
- `totals`: the growth of the whole process, by name; `untouched`: nothing at all stayed, beside
  what an Allow matches.

A finding, one leak each, the largest first:
- `kind`: "heap" or "goroutine"; `function`, `file`, `line`: the nearest line of the user's own;
  `stack`: frames from the allocation to its callers, each with these three fields; `stacks`: how
  many stacks were folded into the finding.
- `objects_per_iteration`, `bytes_per_iteration`, `goroutines_per_iteration`: rates,
  of the later half of the check where that had another than the whole; `objects`, `bytes`,
  `goroutines`: totals over all measured iterations.
- `evidence`: "exact" (every allocation was recorded), "sampled", or "unreachable" (Go's collector
  proved that nothing can wake the goroutine). `note`: a sentence, or "".
- `state`: what a goroutine waits in, in Go's words ("chan send"), or "".
- `cause`: a stable identifier, "other" where nothing known fits; `cause_text`: the cause in one
  sentence; `fix`: what to do about it; `see`: what to read, a command of Go's. Each may be "".
- `request`: which of several requests leaks, and whether once per call or per distinct value; "".
- `held_by`: the path from a root to the object, of the largest holder; `retained_bytes`: what
  would be freed with what that holds, null where no heap was dumped.
- `holders`: all of them, the largest first, each with its `root_kind` ("package variable",
  "goroutine", "timer", "finalizer", "runtime" or "nothing") and its `path`; the `container` that
  all hang from ("map", ...), with its `container_name`, `container_type`, and `container_number`
  (the same for the same container in one check) and `container_location`, the user's line that
  enlarged it, or null; the `goroutine` (entry function) and how many
  `goroutines`; how many `objects` of the dump it holds, `alone` those that nothing else holds,
  `share` the part of the finding's; `retained_bytes`; where strings keep them, how much of their
  bytes these show: `shown_share`, 0 to 1; `kept_types`, the Go types of what it keeps; `expiry`:
  when its entries expire, as their `field` says: `soonest_seconds` and `latest_seconds`, counted
  from the heap dump on; null where nothing says so.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pytest_echoleak.results import Bounds, Expiry, Finding, HeldBy, LeakReport, Location

SCHEMA = 1
FILE_NAME = "echoleak.json"


def check_as_json(report: LeakReport) -> dict[str, Any]:
    """Return one entry of `checks`: plain dicts, lists, texts and finite numbers."""
    check = asdict(report)
    check["rounds"] = report.rounds
    for finding in check["findings"]:
        finding |= finding.pop("location")
    plain = _plain(check)
    assert isinstance(plain, dict)
    return plain


def check_from_json(check: Mapping[str, Any]) -> LeakReport:
    """Return the report that `check_as_json` made an entry of."""
    values = {name: value for name, value in check.items() if name != "rounds"}
    for name in ("round_iterations", "artifacts", "unused_allows"):
        values[name] = tuple(values[name])
    values["findings"] = tuple(_finding(entry) for entry in check["findings"])
    values["bounds"] = Bounds(**check["bounds"]) if check["bounds"] else None
    return LeakReport(**values)


def write_report(folder: Path, checks: Sequence[Mapping[str, Any]]) -> Path:
    """Write `checks` to `folder`/echoleak.json, all of it or nothing, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    whole = {"schema": SCHEMA, "checks": [_with_near_artifacts(check, folder) for check in checks]}
    text = json.dumps(whole, indent=1, allow_nan=False)
    handle, draft = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
    return path


def _with_near_artifacts(check: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return `check` with artifacts below `folder` named relative to it: they travel together."""
    root = f"{folder}{os.sep}"
    near = [artifact.removeprefix(root) for artifact in check.get("artifacts", ())]
    return {**check, "artifacts": near}


def _finding(entry: Mapping[str, Any]) -> Finding:
    values = dict(entry)
    place = {name: values.pop(name) for name in ("function", "file", "line")}
    values["stack"] = tuple(Location(**frame) for frame in values["stack"])
    values["held_by"] = tuple(values["held_by"])
    values["holders"] = tuple(map(_held_by, values["holders"]))
    return Finding(location=Location(**place), **values)


def _held_by(entry: Mapping[str, Any]) -> HeldBy:
    values = {**entry, "path": tuple(entry["path"])}
    if values.get("container_location"):
        values["container_location"] = Location(**values["container_location"])
    values["kept_types"] = tuple(entry.get("kept_types", ()))
    if values.get("expiry"):
        values["expiry"] = Expiry(**values["expiry"])
    return HeldBy(**values)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
