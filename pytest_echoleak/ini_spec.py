"""What to start where no test says so: a spec made from the run's settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_echoleak.errors import SettingError
from pytest_echoleak.services.specs import (
    Binary,
    Dockerfile,
    GoSource,
    Image,
    Running,
    Spec,
)

_STARTS = ("go_source", "dockerfile", "image", "binary")


def spec_from_settings(values: Mapping[str, Any], ini_folder: Path) -> Spec | None:
    """Return the spec that the settings `values` describe, None where they name no service.

    A URL comes first: it is how one run is pointed at a service that runs already. Paths are
    relative to `ini_folder`. Raises SettingError where two services are named, or a detail of none.
    """
    pprof = {"pprof": values["pprof"]} if values.get("pprof") else {}
    if values.get("url"):
        return Running(values["url"], **pprof)
    named = [name for name in _STARTS if values.get(name)]
    if len(named) > 1:
        both = " and ".join(f"echoleak_{name}" for name in named)
        raise SettingError(f"{both}: each names a service to start; keep one of them")
    _refuse_orphans(values, named)
    if not named:
        return None
    details: dict[str, Any] = dict(pprof)
    details |= {name: values[name] for name in ("port", "ready") if values.get(name)}
    if values.get("env"):
        details["env"] = _environment(values["env"])
    return _SPEC_MAKERS[named[0]](values, ini_folder, details)


def _refuse_orphans(values: Mapping[str, Any], named: list[str]) -> None:
    if values.get("package") and named != ["go_source"]:
        raise SettingError("echoleak_package: needs echoleak_go_source, the module it is in")
    if named:
        return
    for name in ("port", "ready", "env"):
        if values.get(name):
            starts = ", ".join(f"echoleak_{start}" for start in _STARTS)
            raise SettingError(
                f"echoleak_{name}: says how to start a service, but none of {starts} says which"
            )


def _environment(lines: tuple[str, ...]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines)
    return {name.strip(): value for name, _, value in pairs}


def _go_source(values: Mapping[str, Any], folder: Path, details: Mapping[str, Any]) -> Spec:
    package = values.get("package") or "."
    return GoSource(_below(folder, values["go_source"]), package=package, **details)


def _dockerfile(values: Mapping[str, Any], folder: Path, details: Mapping[str, Any]) -> Spec:
    path = _below(folder, values["dockerfile"])
    if path.is_dir():
        return Dockerfile(path, **details)
    return Dockerfile(path.parent, dockerfile=path.name, **details)


def _below(folder: Path, path: str) -> Path:
    return folder / Path(path).expanduser()


def _image(values: Mapping[str, Any], _folder: Path, details: Mapping[str, Any]) -> Spec:
    return Image(values["image"], **details)


def _binary(values: Mapping[str, Any], folder: Path, details: Mapping[str, Any]) -> Spec:
    return Binary(_below(folder, values["binary"]), **details)


_SPEC_MAKERS = {
    "go_source": _go_source,
    "dockerfile": _dockerfile,
    "image": _image,
    "binary": _binary,
}
