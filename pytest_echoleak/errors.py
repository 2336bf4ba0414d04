"""The errors of this package. A leak is none of them: it is a failed assertion (assertions.py)."""

from __future__ import annotations


class EcholeakError(Exception):
    """Something kept a check from being made. It is never evidence of a leak.

    The message says what happened, to which service, request and iteration, and what to do next;
    where the service printed something, its last lines stand at the end.
    """


class SettingError(EcholeakError, ValueError):
    """A flag, an ini key, a marker's keyword or an argument has a value that makes no sense."""


class ServiceError(EcholeakError):
    """The service could not be started, never became ready, or ended while it was needed."""


class BuildError(ServiceError):
    """The service could not be built: no toolchain, a compile error, a failing Dockerfile."""


class EngineError(ServiceError):
    """No Docker engine answered, or it refused what was asked of it."""


class SnapshotError(EcholeakError):
    """The service answers, but its pprof does not: absent, behind a login, too slow, restarted."""


class ProfileError(SnapshotError):
    """What came back in place of a profile is not one, or is damaged."""


class HeapDumpError(EcholeakError):
    """A heap dump, or its binary, is damaged, cut off, of another kind, or too large."""


class WorkloadError(EcholeakError):
    """A request was not answered as expected, or the workload did not reach the service."""


class IterationError(WorkloadError):
    """One iteration failed: `number` is the one it was given, `what` what happened in it."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"iteration {number}: {what}")
        self.number = number
        self.what = what
