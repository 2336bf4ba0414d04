"""Reading the capped log that the supervisor keeps of what a service printed."""

from __future__ import annotations

from pathlib import Path

from pytest_echoleak.services.processes.supervisor import RING_HEADER_BYTES

RING_BYTES = 256 * 1024


def read_ring(path: Path, size_bytes: int = RING_BYTES) -> str:
    """Return the last `size_bytes` at most of what was printed; "" where there is no log.

    The service may print meanwhile: what was overwritten during the reading is left out.
    """
    try:
        with path.open("rb", buffering=0) as file:
            written_before = _written(file.read(RING_HEADER_BYTES))
            ring = file.read(size_bytes) or b""
            file.seek(0)
            written_after = _written(file.read(RING_HEADER_BYTES))
    except FileNotFoundError:
        return ""
    return _unrolled(ring, written_before, written_after, size_bytes).decode("utf-8", "replace")


def _unrolled(ring: bytes, written_before: int, written_after: int, size_bytes: int) -> bytes:
    """Return the bytes in the order of their writing, without those overwritten meanwhile."""
    if written_before <= size_bytes:
        kept = ring[:written_before]
    else:
        oldest = written_before % size_bytes
        kept = ring[oldest:] + ring[:oldest]
    lost = max(0, written_after - max(written_before, size_bytes))
    kept = kept[lost:]
    return kept if written_after <= size_bytes else kept.partition(b"\n")[2] or kept


def _written(header: bytes | None) -> int:
    return int.from_bytes(header or b"", "big")
