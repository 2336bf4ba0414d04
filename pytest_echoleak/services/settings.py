"""What a service is told at its start, and where its pprof then is. Pure functions."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pytest_echoleak.errors import SettingError
from pytest_echoleak.services.specs import Running, ServiceSettings

_PLACEHOLDER = re.compile(r"\{(port|addr|host)\}")
_PORT_AND_PATH = re.compile(r":(?P<port>[0-9]{1,5})(?P<path>(/.*)?)")
_EXACT_PROFILE = "memprofilerate=1"


def resolve_environment(
    spec: ServiceSettings,
    *,
    port: int,
    addr: str,
    host: str,
    inherited_godebug: str = "",
    exact_from_start: bool = True,
) -> tuple[dict[str, str], list[str]]:
    """Return the environment variables and the arguments that the service gets.

    The literals `{port}`, `{addr}` and `{host}`, and nothing else in braces, are replaced in both.
    PORT and ADDR are added unless the spec sets them, and with `exact_from_start` GODEBUG gets
    `memprofilerate=1`, which makes heap profiles exact, unless it has a memprofilerate already.
    `inherited_godebug` is the GODEBUG that the service would get without us, for a spec that sets
    none.
    """
    values = {"port": str(port), "addr": addr, "host": host}

    def fill(text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: values[match[1]], text)

    _require_texts(spec)
    environment = {"PORT": values["port"], "ADDR": addr}
    environment |= {name: fill(value) for name, value in spec.env.items()}
    if exact_from_start:
        environment["GODEBUG"] = _with_exact_profile(environment.get("GODEBUG", inherited_godebug))
    return environment, [fill(arg) for arg in spec.args]


def agents_profile_rate(spec: ServiceSettings, inherited_godebug: str = "") -> int | None:
    """Return the heap profile's rate that the agent sets, in bytes: 1, every object.

    None where the user's GODEBUG chooses a rate.
    """
    godebug = spec.env.get("GODEBUG", inherited_godebug)
    return None if _sets_rate(_settings(godebug)) else 1


def pprof_port(spec: ServiceSettings | Running) -> int | None:
    """Return the port of its own that pprof has (`":6060/debug/pprof"`), None where it has none.

    Raises SettingError where `pprof` is no path, no port with a path, and no URL.
    """
    pprof = spec.pprof
    if pprof.startswith("/") and not pprof.startswith("//"):
        return None
    parts = urlsplit(pprof)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return None
    match = _PORT_AND_PATH.fullmatch(pprof)
    if match is None or not 0 < int(match["port"]) < 65_536:
        raise SettingError(
            f"pprof={pprof!r} of a {type(spec).__name__} is not understood: give a path "
            "('/debug/pprof'), a port with a path (':6060/debug/pprof'), or a URL "
            "('http://127.0.0.1:6060/debug/pprof')"
        )
    return int(match["port"])


def pprof_url(
    spec: ServiceSettings | Running, base_url: str, *, port_base_url: str | None = None
) -> str:
    """Return the URL of pprof, without a slash at its end, of a service that is at `base_url`.

    Where pprof has a port of its own, it is at `port_base_url`: where that port was published;
    None means the same port on the host of `base_url`. Raises SettingError.
    """
    port = pprof_port(spec)
    if port is not None:
        path = spec.pprof.partition("/")[2]
        origin = port_base_url or _with_port(base_url, port)
        return f"{origin.rstrip('/')}/{path}".rstrip("/")
    if spec.pprof.startswith("/"):
        return (base_url.rstrip("/") + spec.pprof).rstrip("/")
    return spec.pprof.rstrip("/")


def _require_texts(spec: ServiceSettings) -> None:
    for name, value in spec.env.items():
        if not isinstance(value, str) or not name or "=" in name or "\0" in name + value:
            raise SettingError(f"env= of a {type(spec).__name__}: {name!r}: {value!r} is no text")
    for arg in spec.args:
        if not isinstance(arg, str) or "\0" in arg:
            raise SettingError(f"args= of a {type(spec).__name__}: {arg!r} is no text")


def _with_exact_profile(godebug: str) -> str:
    settings = _settings(godebug)
    return ",".join(settings if _sets_rate(settings) else [*settings, _EXACT_PROFILE])


def _settings(godebug: str) -> list[str]:
    return [setting.strip() for setting in godebug.split(",") if setting.strip()]


def _sets_rate(settings: list[str]) -> bool:
    return any(setting.partition("=")[0] == "memprofilerate" for setting in settings)


def _with_port(base_url: str, port: int) -> str:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"
