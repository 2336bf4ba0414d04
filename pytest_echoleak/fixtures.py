"""The fixtures. They need pytest alone; what measures is imported when a test asks for it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_echoleak.errors import EcholeakError, SettingError
from pytest_echoleak.recording import AllowUse, Recorded, RunSettings
from pytest_echoleak.settings import MARKER_KEYWORDS, MARKER_SETTINGS

if TYPE_CHECKING:
    from pytest_echoleak.causes.cause import Cause
    from pytest_echoleak.options import Options
    from pytest_echoleak.results import LeakReport
    from pytest_echoleak.service import EchoService, EchoServices
    from pytest_echoleak.services.specs import Spec
    from pytest_echoleak.tolerance import Allow, Tolerance

RUN_SETTINGS = pytest.StashKey[RunSettings]()
RECORDED = pytest.StashKey[Recorded]()

_NO_SPEC = """\
No service to test: nothing says what to start. Define it in conftest.py or in the test module:

    import pytest
    from pytest_echoleak import GoSource

    @pytest.fixture(scope="session")
    def echo_service_spec():
        return GoSource("path/to/module", package="./cmd/server")

or in the ini file (echoleak_go_source, echoleak_dockerfile, echoleak_image, echoleak_binary),
or name one that runs already: --echoleak-url http://127.0.0.1:8080"""

_NO_SELF_TEST = "; no self-test: it has no agent, which alone can plant leaks"


@pytest.fixture(scope="session")
def echo_service_spec(pytestconfig: pytest.Config) -> Spec | None:
    """The spec of the service under test. Override it in a conftest.py or a test module.

    By default it is what --echoleak-url or the ini keys echoleak_go_source, echoleak_dockerfile,
    echoleak_image or echoleak_binary name. Any scope will do, and it may be parametrised. Relative
    paths in a spec are taken from pytest's root folder (the ini file's).
    """
    from pytest_echoleak.ini_spec import spec_from_settings

    settings = pytestconfig.stash[RUN_SETTINGS]
    return spec_from_settings(settings.merged(), settings.ini_folder)


@pytest.fixture(scope="session")
def echo_services(pytestconfig: pytest.Config) -> Iterator[EchoServices]:
    """The run's services: `.get(spec)` starts one, or returns the one that runs already.

    Use it in fixtures of a wider scope than `echo_service`, and for a second service. Relative
    paths in a spec are taken from pytest's root folder. All are stopped at the end of the run.
    """
    from pytest_echoleak.rooted_services import RootedServices

    given = pytestconfig.stash[RUN_SETTINGS].merged()
    services = RootedServices(
        pytestconfig.rootpath,
        given.get("runtime", "auto"),
        agent=given.get("agent", "on") == "on",
    )
    try:
        yield services
    finally:
        services.close()


@pytest.fixture
def echo_service(
    request: pytest.FixtureRequest, echo_service_spec: Spec | None, echo_services: EchoServices
) -> Iterator[EchoService]:
    """The running service that `echo_service_spec` describes.

    Tests with equal specs share one; @pytest.mark.echoleak(fresh=True) gives a test its own.
    """
    if echo_service_spec is None:
        pytest.fail(_NO_SPEC, pytrace=False)
    fresh = bool(marker_values(request.node).get("fresh"))
    pool = echo_services
    try:
        service = pool.fresh(echo_service_spec) if fresh else pool.get(echo_service_spec)
    except EcholeakError as error:
        # The message says it all: hundreds of lines of an SDK's own errors would hide it.
        raise error.with_traceback(None) from None
    _note_service(request.node, service)
    try:
        yield service
    finally:
        if fresh:
            service.stop()


@pytest.fixture(scope="session")
def echoleak_allow() -> Sequence[Allow]:
    """The known holders of the whole suite. Override it to return a list of `Allow`."""
    return []


@pytest.fixture
def assert_no_leak(
    request: pytest.FixtureRequest,
    echo_service_spec: Spec | None,  # noqa: ARG001 - a parametrised one must be in the closure
    echoleak_allow: Sequence[Allow],
) -> AssertNoLeak:
    """Assert that a request leaks nothing: assert_no_leak("GET /users/42").

    Returns a LeakReport, raises LeakError or InconclusiveError, and the errors of this package.
    """
    return AssertNoLeak(request, tuple(echoleak_allow))


class AssertNoLeak:
    """The assertion of one test: its service, its options, and the record of its checks."""

    def __init__(self, request: pytest.FixtureRequest, suite_allow: tuple[Allow, ...]) -> None:
        self._request = request
        self._suite_allow = suite_allow
        self._checks = 0

    def __call__(
        self,
        workload: Any,
        *,
        iterations: int | None = None,
        warmup: int | None = None,
        rounds: int | None = None,
        concurrency: int | None = None,
        tolerance: Tolerance | None = None,
        detect: float | None = None,
        plateau: int | None = None,
        expiry: float | None = None,
        max_seconds: float | None = None,
        allow: Sequence[Allow] = (),
        service: EchoService | None = None,
    ) -> LeakReport:
        """Drive `workload` and raise LeakError if the service keeps something of it.

        An argument wins over the test's marker, the marker over flags, flags over ini. `service`
        is another service than the test's own.
        """
        __tracebackhide__ = True
        from pytest_echoleak.assertions import raise_unless_clean

        arguments = {
            "iterations": iterations,
            "warmup": warmup,
            "rounds": rounds,
            "concurrency": concurrency,
            "tolerance": tolerance,
            "detect": detect,
            "plateau": plateau,
            "expiry": expiry,
            "max_seconds": max_seconds,
        }
        try:
            options = options_of(self._request.node, arguments)
            chosen = service or self._request.getfixturevalue("echo_service")
            _note_service(self._request.node, chosen)
            report = self._check(chosen, workload, options, tuple(allow))
        except EcholeakError as error:
            # The message says it all; the traceback ends on the user's line (or on the cause's).
            raise error.with_traceback(None) from error.__cause__
        raise_unless_clean(report)
        return report

    def _check(
        self, service: EchoService, workload: Any, options: Options, allow: tuple[Allow, ...]
    ) -> LeakReport:
        __tracebackhide__ = True
        from pytest_echoleak.artifacts import save_heap_dump
        from pytest_echoleak.check import check_service

        item = self._request.node
        given = item.config.stash[RUN_SETTINGS].merged()
        self._checks += 1
        began = time.monotonic()
        with _progress_line(self._request.config) as progress:
            try:
                if given.get("selftest"):
                    _self_test(item, service)
                report = check_service(
                    service,
                    workload,
                    options,
                    (*self._suite_allow, *allow),
                    nodeid=item.nodeid,
                    artifacts_dir=artifacts_folder(item, self._checks),
                    progress=progress,
                    causes=_own_causes(item),
                )
            except Exception as error:
                failed = _error_report(item, service, workload, error, time.monotonic() - began)
                self._record(failed, ())
                raise
        if given.get("heapdump"):
            kept = save_heap_dump(artifacts_folder(item, self._checks), service)
            report = replace(report, artifacts=(*report.artifacts, *kept))
        self._record(report, allow)
        return report

    def _record(self, report: LeakReport, allow: tuple[Allow, ...]) -> None:
        from pytest_echoleak.reports.json_report import check_as_json
        from pytest_echoleak.reports.junit import junit_properties

        item = self._request.node
        recorded = item.stash.setdefault(RECORDED, Recorded())
        recorded.checks.append(check_as_json(report))
        if report.verdict != "error":
            unused = set(report.unused_allows)
            for suite, allows in ((True, self._suite_allow), (False, allow)):
                recorded.allows += [
                    AllowUse(one.function, one.reason, suite, one.function not in unused)
                    for one in allows
                ]
        item.user_properties += junit_properties(report, self._checks)


def marker_values(item: pytest.Item) -> dict[str, Any]:
    """Return the keywords of the test's echoleak markers; of each the closest marker's wins.

    Raises SettingError where a keyword is unknown or its value makes no sense.
    """
    values: dict[str, Any] = {}
    for mark in item.iter_markers("echoleak"):
        if mark.args:
            raise SettingError(f"@pytest.mark.echoleak takes keywords only, not {mark.args[0]!r}")
        for name, value in mark.kwargs.items():
            values.setdefault(name, _marker_value(name, value))
    return values


def options_of(item: pytest.Item, arguments: dict[str, Any] | None = None) -> Options:
    """Return the options of a check in this test. Raises SettingError."""
    from pytest_echoleak.options import resolve_options

    marker = marker_values(item)
    marker.pop("fresh", None)
    return resolve_options(arguments or {}, marker, *item.config.stash[RUN_SETTINGS].check_layers())


def artifacts_folder(item: pytest.Item, check: int) -> Path:
    """Return where the profiles of the test's check number `check` (from 1) go if it fails."""
    report = item.config.stash[RUN_SETTINGS].report_folder()
    base = item.config.rootpath / ".echoleak" if report is None else report
    module, _, name = item.nodeid.partition("::")
    plain = f"{module.removesuffix('.py').replace('/', '.')}.{name.replace('::', '.')}"
    folder = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).strip("._")[:120]
    if folder != plain:
        import hashlib

        folder += "-" + hashlib.sha256(item.nodeid.encode()).hexdigest()[:8]
    return base / (folder if check == 1 else f"{folder}-{check}")


def _marker_value(name: str, value: object) -> Any:
    spelling = f"@pytest.mark.echoleak({name}=...)"
    if name == "tolerance":
        from pytest_echoleak.options import read_tolerance

        return read_tolerance(value)
    if name == "fresh":
        if not isinstance(value, bool):
            raise SettingError(f"{spelling}: must be True or False, not {value!r}")
        return value
    for setting in MARKER_SETTINGS:
        if setting.name == name:
            return setting.read(value, spelling)
    raise SettingError(f"{spelling}: unknown keyword; known are {', '.join(MARKER_KEYWORDS)}")


def _note_service(item: pytest.Item, service: EchoService) -> None:
    from pytest_echoleak.services.specs import describe

    recorded = item.stash.setdefault(RECORDED, Recorded())
    recorded.services[describe(service.spec)] = service.why


def _self_test(item: pytest.Item, service: EchoService) -> None:
    """Test once that known leaks are seen in this service. Raises SnapshotError where not.

    Without the agent, which alone can plant them, nothing is tested, and the service says so.
    """
    from pytest_echoleak.selftest import require_passed, self_test

    if service.self_tested:
        return
    if not service.has_agent:
        said = _NO_SELF_TEST
    else:
        done = self_test(service)
        require_passed(service, done)
        service.self_tested = True
        said = f"; self-test: {done.sentence}"
    service.why = service.why.removesuffix(said) + said
    _note_service(item, service)


def _progress_line(config: pytest.Config) -> Any:
    from pytest_echoleak.reports.progress import ProgressLine, progress_wanted

    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")
    is_worker = hasattr(config, "workerinput")
    wanted = reporter is not None and not is_worker and progress_wanted(config.get_verbosity())
    if not wanted:
        return ProgressLine(None, None)
    writer = config.get_terminal_writer()
    return ProgressLine(
        capture.global_and_fixture_disabled if capture is not None else None,
        lambda: writer.fullwidth - writer.width_of_current_line,
    )


def _own_causes(item: pytest.Item) -> list[Cause]:
    """Return what the hook's implementations give. Raises SettingError for anything else."""
    from pytest_echoleak.causes.cause import Cause

    causes: list[Cause] = []
    for several in item.ihook.pytest_echoleak_causes(config=item.config):
        if not isinstance(several, Iterable):
            raise _no_causes(several)
        causes += several
    for one in causes:
        if not isinstance(one, Cause):
            raise _no_causes(one)
    return causes


def _no_causes(returned: object) -> SettingError:
    return SettingError(f"pytest_echoleak_causes must return a list of Cause, not {returned!r}")


def _label(workload: Any) -> str:
    from pytest_echoleak.workload.workload import to_workload

    try:
        return to_workload(workload).label
    except SettingError:
        return str(workload)


def _error_report(
    item: pytest.Item, service: EchoService, workload: Any, error: Exception, seconds: float
) -> LeakReport:
    from pytest_echoleak.results import LeakReport
    from pytest_echoleak.services.specs import describe
    from pytest_echoleak.text import printable_line

    first_line = str(error).partition("\n")[0] or type(error).__name__
    return LeakReport(
        nodeid=item.nodeid,
        workload=printable_line(_label(workload)),
        service=describe(service.spec),
        verdict="error",
        iterations=0,
        warmup=0,
        round_iterations=(),
        seconds=seconds,
        go_version=service.instance.go_version,
        runtime=service.instance.runtime,
        reason=printable_line(f"{type(error).__name__}: {first_line}"),
    )
