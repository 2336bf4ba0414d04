"""`python -m pytest_echoleak doctor`: what can be known of a service, tried out on it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_echoleak.errors import EcholeakError, SettingError
from pytest_echoleak.heap_dumps import HeapDump
from pytest_echoleak.reports import units
from pytest_echoleak.selftest import SelfTest, self_test
from pytest_echoleak.service import EchoService, start
from pytest_echoleak.services.binaryinfo import BinaryInfo, read_binary
from pytest_echoleak.services.containers.derived import instructions
from pytest_echoleak.services.specs import (
    Dockerfile,
    GoSource,
    Running,
    Spec,
    describe,
    without_agent,
)
from pytest_echoleak.text import printable_line

_WIDTH = 11
_NO_SPEC = (
    "Nothing says what to examine: the ini file here names no service. Name the folder of a Go"
    " module (with --package), a Dockerfile or a URL. What a conftest.py defines is examined by"
    " `pytest --echoleak-selftest`."
)

_GOES_WITH = {
    "package": "a Go module's folder",
    "ready": "a Go module's folder or a Dockerfile",
    "port": "a Go module's folder or a Dockerfile",
}


@dataclass(frozen=True)
class Diagnosis:
    """What was tried on a running service.

    `self_test` is None where there is no agent that could plant anything. `dump` is None where no
    heap dump was had, and `no_dump` then says why. `program` is what its file tells. `proves` tells
    whether its Go proves goroutines unreachable; None where it was not asked.
    """

    exact: bool
    self_test: SelfTest | None
    dump: HeapDump | None
    no_dump: str
    program: BinaryInfo | None
    proves: bool | None

    @property
    def healthy(self) -> bool:
        """Whether nothing that was tried failed. Little evidence is no failure."""
        return self.self_test is None or (self.self_test.passed and self.dump is not None)


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the sub-command; what it is to run stands in the arguments' `run`."""
    parser = commands.add_parser("doctor", help="try out what can be known of a service's memory")
    parser.set_defaults(run=run)
    parser.add_argument("spec", nargs="?", help="a Go module's folder, a Dockerfile, or a URL")
    parser.add_argument("--package", help="the main package within the module")
    parser.add_argument("--runtime", default=None, choices=("auto", "docker", "process"))
    parser.add_argument("--ready", help="a path that answers 2xx when it is ready")
    parser.add_argument("--port", type=int, help="the port inside a container (8080)")


def run(arguments: argparse.Namespace) -> int:
    """Examine the service and print what was found. Returns 0 where all is well, else 1.

    Raises the errors of starting and of reading it.
    """
    settings, folder = ({}, Path.cwd()) if arguments.spec else settings_here()
    spec = spec_of(arguments) if arguments.spec else _spec_of_settings(arguments, settings, folder)
    runtime = arguments.runtime or settings.get("runtime", "auto")
    with start(spec, runtime=runtime) as service:
        print(describe(spec))
        diagnosis = examine(service)
        for line in lines(service, diagnosis):
            print(line)
    return 0 if diagnosis.healthy else 1


def spec_of(arguments: argparse.Namespace) -> Spec:
    """Return the spec that the command line names. Raises SettingError."""
    if arguments.spec.startswith(("http://", "https://")):
        _given(arguments, ())
        return Running(arguments.spec)
    path = Path(arguments.spec).expanduser()
    if path.is_file():
        _require_dockerfile(path)
        given = _given(arguments, ("ready", "port"))
        return Dockerfile(path.parent, dockerfile=path.name, **given)
    if path.is_dir():
        return GoSource(path, **_given(arguments, tuple(_GOES_WITH)))
    raise SettingError(f"there is no {path}: name a Go module's folder, a Dockerfile, or a URL")


def _given(arguments: argparse.Namespace, fitting: Sequence[str]) -> dict[str, Any]:
    """Return the options that were given. Raises SettingError for one that would not count."""
    options = {name: getattr(arguments, name) for name in _GOES_WITH}
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in fitting:
            raise SettingError(
                f"--{name} goes with {_GOES_WITH[name]} that is named beside it; for the ini file's"
                f" service set echoleak_{name} there"
            )
    return given


def _require_dockerfile(path: Path) -> None:
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise SettingError(f"{path} cannot be read: {cause}") from cause
    # Go's programs hold such lines, too, but no text holds a zero byte.
    lines = () if b"\0" in content else instructions(content.decode("utf-8", "surrogateescape"))
    if not any(one.name == "FROM" for one in lines):
        raise SettingError(
            f"{path} is no Dockerfile: it is no text with a FROM instruction. Name a Go module's"
            " folder, a Dockerfile, or a URL."
        )


def settings_here() -> tuple[dict[str, Any], Path]:
    """Return what pytest's ini file for the current folder sets, and the folder that it is in."""
    import pytest

    from pytest_echoleak.plugin import run_settings

    class Reader:
        found: Any = None

        @pytest.hookimpl(tryfirst=True)
        def pytest_cmdline_main(self, config: pytest.Config) -> int:
            """Read the settings, and run no tests."""
            try:
                self.found = run_settings(config)
            except SettingError as error:
                self.found = error
            return 0

    reader = Reader()
    # We were imported before pytest could rewrite us: an ini file may make that warning an error.
    words = ["-q", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    pytest.main(words, plugins=[reader])
    if isinstance(reader.found, SettingError):
        raise reader.found
    if reader.found is None:
        raise SettingError("pytest cannot be started in this folder: see above")
    return reader.found.merged(), reader.found.ini_folder


def examine(service: EchoService) -> Diagnosis:
    """Try out what this service allows. Raises the errors of reading it.

    The proof is asked for at last: what it finds ends all dumps.
    """
    tested, dump, no_dump = None, None, ""
    if service.has_agent:
        tested = self_test(service)
        try:
            dump = service.heap_dump()
        except EcholeakError as error:
            no_dump = str(error)
    program = read_binary(dump.binary) if dump is not None and dump.binary is not None else None
    exact = tested.exact if tested else service.snapshot().exact
    attached = service.instance.runtime == "attached"
    proves = None if attached else service.source.unreachable_goroutines() is not None
    return Diagnosis(exact, tested, dump, no_dump, program, proves)


def lines(service: EchoService, found: Diagnosis) -> Iterator[str]:
    """Return what is printed of a diagnosis."""
    yield _line("runs", service.why)
    yield _line("Go", service.instance.go_version or "not known from here")
    yield _line("evidence", _evidence(found))
    if found.self_test is None:
        yield _line("self-test", "none: only the agent can plant leaks in a service")
    else:
        outcome = "passed" if found.self_test.passed else "FAILED"
        yield _line("self-test", f"{outcome}: {found.self_test.sentence}")
    yield _line("heap dump", _dump(found))
    yield _line("proof", _proof(found.proves))
    for one in deeper(found) or ["nothing: this is all there is"]:
        yield _line("deeper", one)


def deeper(found: Diagnosis) -> list[str]:
    """Return what would deepen the evidence, the most useful first."""
    advice = []
    if found.self_test is None:
        advice.append(
            "build the service with the agent, by GoSource or Dockerfile: exact sites, holders of"
            " what leaks, quick snapshots"
        )
        if not found.exact:
            advice.append("have it started from here (Image, Binary): exact allocation sites")
    elif not found.exact:
        advice.append("take memprofilerate out of GODEBUG: then every allocation is recorded")
    if found.program and not (found.program.has_symbols and found.program.has_types):
        advice.append('build without -ldflags "-s -w": holders get names and types')
    if found.proves is False:
        advice.append("Go 1.26 or later: it proves which goroutines nothing can ever wake")
    return advice


def _evidence(found: Diagnosis) -> str:
    sites = "every allocation is recorded" if found.exact else "allocation sites are sampled"
    if found.self_test is None:
        totals = "" if found.exact else ", totals of the process are exact"
        return f"by its pprof: {sites}{totals}; no holders"
    return (
        f"by its agent: {sites} from readiness on, holders from heap dumps, a snapshot takes"
        f" {1000 * found.self_test.snapshot_seconds:.0f} ms"
    )


def _dump(found: Diagnosis) -> str:
    if found.dump is None:
        return f"none: {printable_line(found.no_dump, 500)}" if found.no_dump else "none"
    text = f"{units.size(found.dump.bytes)} in {found.dump.seconds:.2f} s"
    if found.program is None:
        return f"{text}; the program's file is not to be had: no names"
    if found.program.has_symbols and found.program.has_types:
        return f"{text}; the program has symbols and types"
    return f"{text}; the program was stripped of symbols or types: holders have no names"


def _proof(proves: bool | None) -> str:
    if proves is None:
        return "not asked: it would mark goroutines of a service that is not ours for good"
    if proves:
        return "its Go proves which goroutines nothing can ever wake"
    return "none: goroutines are counted by stack"


def _line(name: str, text: str) -> str:
    return f"  {name:<{_WIDTH}}{printable_line(text, 1000)}"


def _spec_of_settings(
    arguments: argparse.Namespace, settings: dict[str, Any], folder: Path
) -> Spec:
    from pytest_echoleak.ini_spec import spec_from_settings

    _given(arguments, ())
    spec = spec_from_settings(settings, folder)
    if spec is None:
        raise SettingError(_NO_SPEC)
    return without_agent(spec) if settings.get("agent") == "off" else spec
