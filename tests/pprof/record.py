"""Records the profiles under `recorded/` anew: `python -m tests.pprof.record`.

Needs `go`, which fetches the toolchains by itself. Each profile is what the service in `recorder/`
serves after REQUESTS requests to /leak. `-trimpath` keeps this machine's folders out of the frames,
and the binary's own folder, which the mapping names, is overwritten.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import tempfile
from pathlib import Path

from pytest_echoleak.transport import Connection, fetch, gunzip, message, split_url

HERE = Path(__file__).parent
RECORDED = HERE / "recorded"
REQUESTS = 300
VERSIONS = {"go1.21": "go1.21.13", "go1.26": "go1.26.8", "go1.27": "go1.27.3"}
RATES = {"exact": {"GODEBUG": "memprofilerate=1"}, "sampled": {}}
PROFILES = {"heap": "heap?gc=1", "goroutine": "goroutine"}


def main() -> None:
    """Record every profile of every version at both rates."""
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, toolchain in VERSIONS.items():
            binary = Path(folder) / name
            subprocess.run(
                ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(binary), "."],
                cwd=HERE / "recorder",
                env={**os.environ, "GOTOOLCHAIN": toolchain, "GOWORK": "off"},
                check=True,
            )
            for rate, env in RATES.items():
                _record(binary, env, f"{name}.{rate}")


def _record(binary: Path, env: dict[str, str], name: str) -> None:
    folder = os.fsencode(binary.parent)
    with subprocess.Popen([str(binary)], env=env, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        url = f"http://{service.stdout.readline().strip()}"
        try:
            _drive(url)
            fetch(f"{url}/debug/pprof/heap?gc=1", limit_bytes=1 << 26)
            for kind, place in PROFILES.items():
                answer = fetch(f"{url}/debug/pprof/{place}", limit_bytes=1 << 26)
                plain = gunzip(answer.body, 1 << 26).replace(folder, b"/" * len(folder))
                (RECORDED / f"{name}.{kind}.pb.gz").write_bytes(gzip.compress(plain, mtime=0))
            if name.endswith(".sampled"):
                answer = fetch(f"{url}/debug/pprof/heap?gc=1&debug=1", limit_bytes=1 << 26)
                (RECORDED / f"{name}.heap.txt").write_bytes(answer.body)
        finally:
            service.kill()


def _drive(url: str) -> None:
    origin, _ = split_url(url)
    connection = Connection(origin, timeout_seconds=10, limit_bytes=1 << 20)
    request = message("GET", "/leak", origin.host_header, {})
    for _ in range(REQUESTS):
        assert connection.exchange(request).status == 200
    connection.close()


if __name__ == "__main__":
    main()
