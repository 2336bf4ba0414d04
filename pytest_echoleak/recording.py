"""What a run of pytest was told, and what its tests measured: data that workers can send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_echoleak.settings import CHECK_SETTINGS


@dataclass(frozen=True)
class RunSettings:
    """The values that flags and ini gave, by setting; what was not given is absent.

    `ini_folder` is what paths in ini are relative to, `start_folder` what those of flags are.
    """

    flags: Mapping[str, Any]
    ini: Mapping[str, Any]
    ini_folder: Path
    start_folder: Path

    def merged(self) -> dict[str, Any]:
        """Return all values, a flag's before its ini twin's."""
        return {**self.ini, **self.flags}

    def check_layers(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the layers for `resolve_options`: what flags say, then what ini says."""
        names = [setting.name for setting in CHECK_SETTINGS]
        flags, ini = (
            {name: layer[name] for name in names if name in layer}
            for layer in (self.flags, self.ini)
        )
        return flags, ini

    def report_folder(self) -> Path | None:
        """Return the folder that results go to, None where none was asked for."""
        if "report" in self.flags:
            return self.start_folder / str(self.flags["report"])
        if "report" in self.ini:
            return self.ini_folder / str(self.ini["report"])
        return None


@dataclass(frozen=True)
class AllowUse:
    """An Allow that a check was given: whether for the whole suite, and whether it matched."""

    function: str
    reason: str
    suite: bool
    used: bool


@dataclass
class Recorded:
    """What tests measured so far. It grows: a test's own, and on the controller the whole run's.

    `checks` are as in echoleak.json; `services` tells of each service used how it runs and why.
    """

    checks: list[dict[str, Any]] = field(default_factory=list)
    services: dict[str, str] = field(default_factory=dict)
    allows: list[AllowUse] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.checks or self.services or self.allows)

    def to_plain(self) -> dict[str, Any]:
        """Return it as dicts, lists and texts, which a worker can send to its controller."""
        return {
            "checks": list(self.checks),
            "services": dict(self.services),
            "allows": [[use.function, use.reason, use.suite, use.used] for use in self.allows],
        }

    def add_plain(self, plain: Mapping[str, Any]) -> None:
        """Add what `to_plain` returned elsewhere."""
        self.checks += plain["checks"]
        self.services.update(plain["services"])
        self.allows += [AllowUse(*use) for use in plain["allows"]]

    def unused_allows(self) -> list[AllowUse]:
        """Return the allows that matched in none of the checks that were given them."""
        used = {(use.function, use.reason) for use in self.allows if use.used}
        unused = {
            (use.function, use.reason): use
            for use in self.allows
            if (use.function, use.reason) not in used
        }
        return list(unused.values())
