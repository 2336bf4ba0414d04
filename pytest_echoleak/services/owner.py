"""Who made a container, a process or a folder, and whether that pytest still runs.

What a killed pytest left may be removed; what a running one uses must not. A pid alone does not
tell: it is used again, after a reboot and in every container. So an owner is the boot, the pid
namespace, the pid and the time that the process started.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OwnerState = Literal["alive", "dead", "foreign"]

_ON_LINUX = sys.platform.startswith("linux")
_VERSION = "1"
_PART = r"[A-Za-z0-9.-]{1,64}"
_LABEL = re.compile(
    rf"{_VERSION}_(?P<boot>{_PART})_(?P<namespace>{_PART})_(?P<pid>[0-9]{{1,10}})_(?P<started>{_PART})"
)
_LARGEST_PID = 2**31 - 1
_STARTED_FIELD = 19  # Of /proc/PID/stat, counted from the state, which follows the name's ")".


@dataclass(frozen=True)
class Owner:
    """A process, named so that no other process ever has the same name."""

    boot: str
    namespace: str
    pid: int
    started: str

    def label(self) -> str:
        """Return the owner as one word, fit for a Docker label and for a file's name."""
        return "_".join((_VERSION, self.boot, self.namespace, str(self.pid), self.started))


def current_owner() -> Owner:
    """Return this process as an owner."""
    pid = os.getpid()
    return Owner(_boot(), _namespace(), pid, process_started(pid) or "unknown")


def parse_owner(text: str) -> Owner | None:
    """Return the owner that a label names, None where the text is no such label."""
    match = _LABEL.fullmatch(text)
    if match is None or not 0 < int(match["pid"]) <= _LARGEST_PID:
        return None
    return Owner(match["boot"], match["namespace"], int(match["pid"]), match["started"])


def owner_state(owner: Owner) -> OwnerState:
    """Return "alive" or "dead", or "foreign" where this machine or container cannot tell."""
    if (owner.boot, owner.namespace) != (_boot(), _namespace()):
        return "foreign"
    started = process_started(owner.pid)
    if started is None:
        return "alive" if _hidden(owner.pid) else "dead"
    return "alive" if started == owner.started else "dead"


def process_started(pid: int) -> str | None:
    """Return when the process `pid` started, None where there is none, or only its zombie.

    The text is comparable within one boot, and has no other meaning.
    """
    return _started_from_proc(pid) if _ON_LINUX else _started_from_psutil(pid)


def _started_from_proc(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 1 :].split()
    return None if fields[0] in {b"Z", b"X"} else fields[_STARTED_FIELD].decode("ascii")


def _started_from_psutil(pid: int) -> str | None:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def _hidden(pid: int) -> bool:
    """Tell whether there is a process that we may not look at (/proc mounted with hidepid)."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _boot() -> str:
    if _ON_LINUX:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    import platform

    import psutil

    # A clock that is set moves the boot's time: its label is then foreign, which is the safe side.
    host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:40]
    return f"{host}-{int(psutil.boot_time())}"


def _namespace() -> str:
    if not _ON_LINUX:
        return "host"
    return str(os.stat("/proc/self/ns/pid").st_ino)
