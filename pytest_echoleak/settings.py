"""Every setting, once: flags, ini keys, marker and the checks of values are made from it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pytest_echoleak.errors import SettingError

Kind = Literal["int", "float", "string", "linelist", "bool"]


def _any(_value: Any) -> bool:
    return True


@dataclass(frozen=True)
class Setting:
    """One setting: what it is called, what it takes, and where it can be given.

    `name` is the keyword's spelling; the flag's and the ini key's are made from it. `accepted`
    completes the sentence "must be ...", and `why` gives the reason where it is not plain.
    """

    name: str
    kind: Kind
    accepted: str
    help: str
    metavar: str = ""
    allows: Callable[[Any], bool] = _any
    why: str = ""
    flag: bool = True
    marker: bool = False

    @property
    def flag_name(self) -> str:
        """How the command line spells it."""
        return "--echoleak-" + self.name.replace("_", "-")

    @property
    def ini_name(self) -> str:
        """How an ini file spells it."""
        return "echoleak_" + self.name

    def read(self, value: object, spelling: str) -> Any:
        """Return `value`, as text or in its own type, as this setting's value.

        Raises SettingError, which names the setting as `spelling` does and says what is accepted.
        """
        try:
            plain = _CONVERTERS[self.kind](value)
        except (TypeError, ValueError, LookupError, OverflowError):
            plain = None
        if plain is None or not self.allows(plain):
            reason = f": {self.why}" if self.why else ""
            raise SettingError(f"{spelling}: must be {self.accepted}, not {value!r}{reason}")
        return plain


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    plain = float(value)
    if not math.isfinite(plain):
        raise ValueError
    return plain


def _string(value: object) -> str:
    if not isinstance(value, str | os.PathLike):
        raise TypeError
    plain = str(os.fspath(value)).strip()
    if not plain:
        raise ValueError
    return plain


def _lines(value: object) -> tuple[str, ...]:
    lines = value.splitlines() if isinstance(value, str) else value
    if not isinstance(lines, list | tuple) or not all(isinstance(line, str) for line in lines):
        raise TypeError
    return tuple(line.strip() for line in lines if line.strip())


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise TypeError
    return _BOOLS[value.strip().lower()]


_BOOLS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_CONVERTERS: dict[Kind, Callable[[object], Any]] = {
    "int": _int,
    "float": _float,
    "string": _string,
    "linelist": _lines,
    "bool": _bool,
}


def _at_least(least: int) -> Callable[[Any], bool]:
    return lambda value: bool(value >= least)


def _env_lines(lines: tuple[str, ...]) -> bool:
    return all(line.partition("=")[0].strip() and "=" in line for line in lines)


RUNTIMES = ("auto", "docker", "process")
SWITCH = ("on", "off")

# What a check does where nobody says otherwise: the defaults of Options. They stand here since
# pytest's start shows them in the flags' help, and must not pay for more than that.
DEFAULTS: dict[str, Any] = {
    "warmup": 200,
    "rounds": 3,
    "concurrency": 1,
    "detect": 0.01,
    "plateau": 10_000,
    "expiry": 5.0,
    "max_seconds": 120.0,
}

# How one check measures and judges: fields of Options, and the two halves of its tolerance.
CHECK_SETTINGS = (
    Setting(
        "iterations",
        "int",
        "a whole number, 1 or more",
        "Measured iterations in all: a floor for a pass, exact with a plateau of 0. Without it: as"
        " many as the rate to detect needs",
        "N",
        _at_least(1),
        marker=True,
    ),
    Setting(
        "warmup",
        "int",
        "a whole number, 0 or more",
        "Iterations before the first snapshot, which are not measured",
        "N",
        _at_least(0),
        marker=True,
    ),
    Setting(
        "rounds",
        "int",
        "a whole number, 3 or more",
        "Rounds of equal size that the iterations are divided into",
        "N",
        _at_least(3),
        "one step can straddle two rounds, so that growth in both is no repetition yet",
        marker=True,
    ),
    Setting(
        "concurrency",
        "int",
        "a whole number, 1 or more",
        "Iterations in flight at once",
        "N",
        _at_least(1),
        marker=True,
    ),
    Setting(
        "detect",
        "float",
        "a rate above 0 and at most 1 (0.01: one iteration in a hundred)",
        "The smallest rate of leaking iterations that a pass must exclude",
        "RATE",
        lambda value: bool(0 < value <= 1),
        marker=True,
    ),
    Setting(
        "plateau",
        "int",
        "a whole number, 0 or more",
        "How many iterations to go on before steady growth is called a leak",
        "N",
        _at_least(0),
        marker=True,
    ),
    Setting(
        "expiry",
        "float",
        "a number of seconds from 0 to 86400 (a day)",
        "How many idle seconds to wait for what may expire by itself",
        "SECONDS",
        lambda value: bool(0 <= value <= 86_400),
        marker=True,
    ),
    Setting(
        "max_seconds",
        "float",
        "a finite number of seconds above 0",
        "The time limit of one check",
        "SECONDS",
        lambda value: bool(value > 0),
        marker=True,
    ),
    Setting(
        "tolerance_bytes",
        "float",
        "a finite number of bytes per iteration, 0 or more",
        "Heap growth that is accepted, in bytes per iteration",
        "BYTES",
        _at_least(0),
    ),
    Setting(
        "tolerance_goroutines",
        "float",
        "a finite number of goroutines per iteration, 0 or more",
        "Goroutine growth that is accepted, per iteration",
        "N",
        _at_least(0),
    ),
)

# What holds for a whole run of pytest.
SESSION_SETTINGS = (
    Setting(
        "runtime",
        "string",
        "auto, docker or process",
        "How services are started: auto takes Docker where an engine answers, else a local process",
        "{auto,docker,process}",
        lambda value: value in RUNTIMES,
    ),
    Setting(
        "url",
        "string",
        "an http:// or https:// URL",
        "The service under test runs already, at URL (for tests that define no echo_service_spec)",
        "URL",
        lambda value: value.startswith(("http://", "https://")),
    ),
    Setting(
        "pprof",
        "string",
        "a path (/debug/pprof), a port and path (:6060/debug/pprof) or a URL",
        "Where that service, or the one that the ini file names, serves net/http/pprof",
        "PLACE",
        lambda value: value.startswith(("/", ":", "http://", "https://")),
    ),
    Setting(
        "report",
        "string",
        "a folder",
        "Write all results to DIR/echoleak.json, and a failing check's profiles beside it",
        "DIR",
    ),
    Setting(
        "agent",
        "string",
        "on or off",
        "Whether GoSource and Dockerfile are built with the agent; off builds your very program",
        "{on,off}",
        lambda value: value in SWITCH,
    ),
    Setting(
        "heapdump",
        "bool",
        "true or false",
        "Keep a heap dump of each check beside its profiles: raw memory, with all secrets in it",
    ),
    Setting(
        "selftest",
        "bool",
        "true or false",
        "Plant known leaks in each service before its first check, and see that they are found",
    ),
)

# What to start, for tests that define no echo_service_spec of their own.
SERVICE_SETTINGS = (
    Setting(
        "go_source",
        "string",
        "the folder of a Go module",
        "The Go module to build and start",
        flag=False,
    ),
    Setting(
        "package",
        "string",
        "a main package, such as ./cmd/server",
        "The main package within echoleak_go_source (default: .)",
        flag=False,
    ),
    Setting("image", "string", "an image's reference", "The image to start", flag=False),
    Setting(
        "dockerfile",
        "string",
        "a Dockerfile, or the folder that holds one",
        "The Dockerfile to build and start; its folder is the build context",
        flag=False,
    ),
    Setting("binary", "string", "a Go program", "The built program to start", flag=False),
    Setting(
        "port",
        "int",
        "a port, 1 to 65535",
        "The port the service listens on (default: 8080)",
        allows=lambda value: bool(1 <= value <= 65_535),
        flag=False,
    ),
    Setting(
        "ready",
        "string",
        "a path that starts with /",
        "The path that answers 2xx once the service is ready (default: any answer will do)",
        allows=lambda value: value.startswith("/"),
        flag=False,
    ),
    Setting(
        "env",
        "linelist",
        "lines of the form NAME=value",
        "The service's environment, a NAME=value a line",
        allows=_env_lines,
        flag=False,
    ),
)

ALL_SETTINGS = CHECK_SETTINGS + SESSION_SETTINGS + SERVICE_SETTINGS
MARKER_SETTINGS = tuple(setting for setting in CHECK_SETTINGS if setting.marker)
MARKER_KEYWORDS = (*(setting.name for setting in MARKER_SETTINGS), "tolerance", "fresh")
