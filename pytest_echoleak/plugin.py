"""pytest's hooks: flags, ini keys, the marker, what tests measured, the summary.

pytest loads this module at every start, also where no test uses it. So it reaches nothing heavy:
what starts services and reads profiles is imported by the fixtures when a test first asks for it.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from pytest_echoleak import fixtures, hooks
from pytest_echoleak.errors import SettingError
from pytest_echoleak.fixtures import RECORDED, RUN_SETTINGS
from pytest_echoleak.recording import Recorded, RunSettings
from pytest_echoleak.settings import (
    ALL_SETTINGS,
    DEFAULTS,
    MARKER_SETTINGS,
    SERVICE_SETTINGS,
    Setting,
)

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_TYPED_INI = pytest.version_tuple >= (8, 4)
_REPORT_ATTRIBUTE = "echoleak"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flags and their ini twins. Flags default to None, so that ini can win."""
    group = parser.getgroup("echoleak", "memory leaks in Go services (pytest-echoleak)")
    for setting in ALL_SETTINGS:
        text = setting.help + _default_text(setting)
        if setting.flag:
            how: dict[str, Any] = {"metavar": setting.metavar}
            if setting.kind == "bool":
                how = {"action": "store_true"}
            group.addoption(
                setting.flag_name,
                dest=setting.ini_name,
                default=None,
                help=f"{text}. Ini: {setting.ini_name}",
                **how,
            )
        parser.addini(setting.ini_name, text, type=_ini_type(setting), default=None)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the hooks that others may implement."""
    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Register marker and fixtures, and check all values that flags and ini gave."""
    config.addinivalue_line("markers", _marker_line())
    try:
        settings = run_settings(config)
        _refuse_bad_settings(settings)
    except SettingError as error:
        raise pytest.UsageError(f"pytest-echoleak: {error}") from None
    config.stash[RUN_SETTINGS] = settings
    config.stash[RECORDED] = Recorded()
    config.pluginmanager.register(fixtures, "echoleak-fixtures")
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(_Worker(), "echoleak-worker")
    else:
        config.pluginmanager.register(_Controller(config), "echoleak-controller")


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what flags and ini set. No engine is asked here: the first test that needs one does."""
    given = config.stash[RUN_SETTINGS].merged()
    if not given:
        return None
    return "echoleak: " + ", ".join(
        f"{name}={_shown(name, value)}" for name, value in given.items()
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse markers that make no sense before any test runs (but see _Worker)."""
    for item in items:
        if not hasattr(item.config, "workerinput"):
            _refuse_bad_marker(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what a test measured to its last report, which also reaches xdist's controller.

    So a worker that crashes takes only its running test's results with it.
    """
    report = yield
    recorded = item.stash.get(RECORDED, None)
    if call.when == "teardown" and recorded:
        report.__dict__[_REPORT_ATTRIBUTE] = recorded.to_plain()
        del item.stash[RECORDED]
    return report


class _Worker:
    """Refuses markers test by test: xdist takes an error in a worker's collection for a crash."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        try:
            _refuse_bad_marker(item)
        except pytest.UsageError as error:
            pytest.fail(str(error), pytrace=False)


class _Controller:
    """Gathers the results of the whole run, of all workers too, and puts them out once."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._recorded = config.stash[RECORDED]
        self._no_report = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        plain = getattr(report, _REPORT_ATTRIBUTE, None)
        if plain:
            self._recorded.add_plain(plain)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        folder = self._config.stash[RUN_SETTINGS].report_folder()
        if folder is None or self._config.option.collectonly:
            return
        from pytest_echoleak.reports.json_report import write_report

        try:
            write_report(folder, self._recorded.checks)
        except OSError as error:
            # Raised here, it would take the whole summary of the run with it.
            self._no_report = f"no report: {folder} cannot be written to: {error}"
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        if self._no_report:
            terminalreporter.line(f"ERROR: pytest-echoleak: {self._no_report}", red=True)
        if not self._recorded:
            return
        from pytest_echoleak.reports.terminal import summary_lines

        folder = None if self._no_report else self._config.stash[RUN_SETTINGS].report_folder()
        writer = self._config.get_terminal_writer()
        lines = summary_lines(
            self._recorded,
            width=writer.fullwidth,
            verbosity=self._config.get_verbosity(),
            report_folder=folder,
        )
        if lines:
            terminalreporter.section("echoleak")
            for line in lines:
                terminalreporter.line(line.text, **line.markup)


def _refuse_bad_marker(item: pytest.Item) -> None:
    if item.get_closest_marker("echoleak") is None:
        return
    try:
        fixtures.options_of(item)
    except SettingError as error:
        raise pytest.UsageError(f"{item.nodeid}: {error}") from None


def run_settings(config: pytest.Config) -> RunSettings:
    """Return what flags and ini say. Raises SettingError."""
    flags: dict[str, Any] = {}
    ini: dict[str, Any] = {}
    for setting in ALL_SETTINGS:
        flag = config.getoption(setting.ini_name, None) if setting.flag else None
        if flag is not None:
            flags[setting.name] = setting.read(flag, setting.flag_name)
        value = _ini_value(config, setting)
        if value is not None:
            ini[setting.name] = setting.read(value, setting.ini_name)
    ini_folder = config.rootpath if config.inipath is None else config.inipath.parent
    return RunSettings(flags, ini, ini_folder, config.invocation_params.dir)


def _refuse_bad_settings(settings: RunSettings) -> None:
    given = settings.merged()
    if not given:
        return
    from pytest_echoleak.options import resolve_options

    resolve_options(*settings.check_layers())
    if any(setting.name in given for setting in SERVICE_SETTINGS):
        from pytest_echoleak.ini_spec import spec_from_settings

        spec_from_settings(given, settings.ini_folder)
    folder = settings.report_folder()
    if folder is not None and folder.exists() and not folder.is_dir():
        raise SettingError(f"report: must be a folder, and {folder} is a file")


def _ini_value(config: pytest.Config, setting: Setting) -> object:
    try:
        value = config.getini(setting.ini_name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        raise SettingError(f"{setting.ini_name}: must be {setting.accepted} ({error})") from error
    return None if value in ("", []) else value


def _ini_type(setting: Setting) -> Any:
    return setting.kind if _TYPED_INI or setting.kind == "linelist" else "string"


def _default_text(setting: Setting) -> str:
    default = DEFAULTS.get(setting.name)
    return "" if default is None else f" (default: {default})"


def _marker_line() -> str:
    keywords = ", ".join(f"{setting.name}={setting.metavar}" for setting in MARKER_SETTINGS)
    return (
        f"echoleak({keywords}, tolerance=Tolerance(...), fresh=True): how the leak checks of this"
        " test measure and judge; fresh gives it a service of its own"
    )


def _shown(name: str, value: object) -> str:
    """Return a setting for everybody's eyes: of the service's environment the names alone."""
    if not isinstance(value, tuple):
        return str(value)
    return " ".join(one.partition("=")[0] + "=..." if name == "env" else one for one in value)
