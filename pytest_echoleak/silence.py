"""A check that reached nobody proves nothing: did the service do anything for the load?"""

from __future__ import annotations

from pytest_echoleak.errors import WorkloadError
from pytest_echoleak.measurement import Measurement
from pytest_echoleak.series import Round, allocated_by_load
from pytest_echoleak.service import EchoService
from pytest_echoleak.workload.workload import Call, Workload

_IDLE_SECONDS = 0.1


def refuse_silence(
    measurement: Measurement, service: EchoService, workload: Workload, max_seconds: float
) -> Round | None:
    """Raise WorkloadError where nothing was measured, or the service did nothing meanwhile.

    Returns the idle round that was measured for it, None where the answers themselves tell.
    """
    iterations = measurement.iterations
    if not iterations:
        raise WorkloadError(
            f"{workload.label}: not one measured iteration was done within max-seconds"
            f" ({max_seconds:g} s): give the check more time, or less to warm up"
        )
    if not isinstance(workload, Call):
        if service.has_agent:
            _refuse_another_process(measurement, service, workload, iterations)
        return None
    idle = measurement.idle(_IDLE_SECONDS)
    if allocated_by_load(measurement.rounds, idle) < iterations:
        raise WorkloadError(
            f"{workload.label} ran {iterations:,} times, and {service.instance.name} did nothing"
            f" meanwhile: does it send its requests to {service.base_url}?"
        )
    return idle


def _refuse_another_process(
    measurement: Measurement, service: EchoService, workload: Workload, iterations: int
) -> None:
    """Raise WorkloadError where the process that the agent is in answered no request.

    net/http allocates some ten objects for each.
    """
    made = sum(item.allocated_objects for item in measurement.rounds)
    if made < iterations:
        raise WorkloadError(
            f"{workload.label} was answered {iterations:,} times, but the process of"
            f" {service.instance.name} allocated {made:,} objects meanwhile: does a child process"
            " of it answer? agent=False in the spec reads the pprof of whoever does"
        )
