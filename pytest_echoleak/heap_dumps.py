"""Heap dumps of a running service: taken by its agent, kept where nobody else reads them."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from os import fspath
from pathlib import Path
from typing import NoReturn

from pytest_echoleak.agent.client import AgentClient, AgentError, AgentRefusalError
from pytest_echoleak.errors import SnapshotError
from pytest_echoleak.services.instance import Instance, last_words, wait_for_ending
from pytest_echoleak.services.processes.workfolder import make_folder
from pytest_echoleak.services.specs import StrPath
from pytest_echoleak.text import printable_line, with_log


@dataclass(frozen=True)
class HeapDump:
    """A heap dump that lies at `path`: the raw memory of the service, with its secrets.

    - `binary`: the program that it was taken of, for names and types; None where there is no file
      of it to be had.
    - `go_version`: the toolchain that built the program ("go1.26.8"), "" where nothing tells.
    - `identity`: the process, as `Instance.identity` names it.
    - `bytes`: its size; `seconds`: how long it took, most of which the service stood still.
    """

    path: Path
    binary: Path | None
    go_version: str
    identity: str
    bytes: int
    seconds: float

    def delete(self) -> None:
        """Remove the file, if it is still there."""
        self.path.unlink(missing_ok=True)


class HeapDumps:
    """Takes the heap dumps of one service. Those without a path of the user's go with `close`."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._folder: Path | None = None
        self._count = 0

    def take(self, path: StrPath | None = None) -> HeapDump:
        """Take a dump into `path`, or into a private folder; see `EchoService.heap_dump`."""
        instance = self._instance
        endpoint = instance.endpoints().agent
        if endpoint is None:
            raise SnapshotError(
                f"{instance.name}: it has no agent, and a heap dump comes from nothing else."
                " GoSource and Dockerfile build it in, unless agent=False is set."
            )
        identity, began = instance.identity(), time.monotonic()
        try:
            target = self._place(path)
            with AgentClient(endpoint) as client:
                size = client.dump(target)
            seconds = time.monotonic() - began
            binary = self.program()
        except AgentError as error:
            self._failed(error)
        except OSError as cause:
            raise SnapshotError(f"{instance.name}: no heap dump can be kept: {cause}") from cause
        return HeapDump(target, binary, instance.go_version, identity, size, seconds)

    def program(self) -> Path | None:
        """Return the file of the program that is dumped, None where none is to be had."""
        return self._instance.program_file(self._private_folder())

    def close(self) -> None:
        """Remove the dumps that lie in the private folder. May be called twice."""
        folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _place(self, path: StrPath | None) -> Path:
        if path is None:
            self._count += 1
            return self._private_folder() / f"{self._count}.heapdump"
        target = Path(fspath(path)).expanduser().absolute()
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as cause:
            raise SnapshotError(f"No heap dump can be kept at {target}: {cause}") from cause
        return target

    def _private_folder(self) -> Path:
        if self._folder is None:
            self._folder = make_folder()
        return self._folder

    def _failed(self, error: AgentError) -> NoReturn:
        name = self._instance.name
        if isinstance(error, AgentRefusalError):
            raise SnapshotError(
                f"{name}: no heap dump can be taken: {printable_line(error.why, 300)}. Take dumps"
                " before goroutines are proved unreachable, or of a service started anew:"
                " service.restart(), or @pytest.mark.echoleak(fresh=True)."
            ) from error
        wait_for_ending(self._instance)
        self._instance.identity()
        text = f"{name}: no heap dump was had from its agent: {printable_line(str(error), 300)}"
        raise SnapshotError(with_log(text, last_words(self._instance))) from error
