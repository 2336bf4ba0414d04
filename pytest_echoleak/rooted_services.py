"""The services of a run of pytest, whose specs may hold paths relative to pytest's root folder."""

from __future__ import annotations

from dataclasses import replace
from os import fspath
from pathlib import Path

from pytest_echoleak.service import EchoService, EchoServices
from pytest_echoleak.services.launch import RuntimeChoice
from pytest_echoleak.services.specs import (
    Binary,
    Dockerfile,
    GoSource,
    Image,
    Running,
    Spec,
    StrPath,
    without_agent,
)


class RootedServices(EchoServices):
    """A pool that takes relative paths from one folder, wherever the working folder is.

    Tests change the working folder, and pytest is started from many; its root folder stays.
    """

    def __init__(self, root: Path, runtime: RuntimeChoice = "auto", *, agent: bool = True) -> None:
        """`agent`: False builds nothing with the agent, whatever its spec says."""
        super().__init__(runtime)
        self._root = root
        self._agent = agent

    def get(self, spec: Spec) -> EchoService:
        """Return the service of `spec`: specs that mean the same service share it."""
        return super().get(self._rooted(spec))

    def fresh(self, spec: Spec) -> EchoService:
        """Return a service of `spec` that nobody else uses, and that its caller stops."""
        return super().fresh(self._rooted(spec))

    def _rooted(self, spec: Spec) -> Spec:
        spec = rooted(spec, self._root)
        return spec if self._agent else without_agent(spec)


def rooted(spec: Spec, root: Path) -> Spec:
    """Return `spec` with its relative paths taken from `root` instead of the working folder."""
    match spec:
        case GoSource():
            spec = replace(spec, path=_below(root, spec.path))
        case Dockerfile():
            spec = replace(spec, context=_below(root, spec.context))
        case Binary():
            spec = replace(spec, path=_below(root, spec.path))
        case Image() | Running():
            pass
    if isinstance(spec, Running) or not spec.files:
        return spec
    return replace(spec, files=tuple(_rooted_file(entry, root) for entry in spec.files))


def _rooted_file(entry: StrPath | tuple[StrPath, str], root: Path) -> StrPath | tuple[StrPath, str]:
    if isinstance(entry, tuple):
        source, place = entry
        return _below(root, source), place
    return _below(root, entry)


def _below(root: Path, path: StrPath) -> Path:
    return root / Path(fspath(path)).expanduser()
