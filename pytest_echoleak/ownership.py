"""Whose code a frame is: the user's own, a library's, Go's, or what our measuring makes run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import PurePosixPath

from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.results import Location
from pytest_echoleak.services.instance import Module

_RUNTIME_PREFIXES = ("runtime.", "internal/runtime/")
_PPROF_HANDLERS = "net/http/pprof."
_PPROF_WRITER = "runtime/pprof."
# All names in the agent's file begin so; its methods' do in "main.(*echoleakAgent).accept". In an
# image that was built from a Dockerfile it is in package http.
_AGENT_PREFIXES = ("main.echoleak", "main.(*echoleak", "net/http.echoleak", "net/http.(*echoleak")
# What the self-test plants, by the agent: the one thing of it that is measured.
PLANTED = ("main.echoleakPlanted", "net/http.echoleakPlanted")
# Of runtime/pprof what programs use, beside whoever looks: labels, and profiles of their own.
_PPROF_USED = (
    "Do",
    "SetGoroutineLabels",
    "WithLabels",
    "Labels",
    "ForLabels",
    "Label",
    "NewProfile",
    "(*Profile).Add",
    "(*Profile).Remove",
)
_WEAK_POINTERS = ("weak.Make[", "weak.runtime_registerWeakPointer")
_MAKE_WEAK_POINTERS_TOO = ("weak.", "unique.", "runtime.", "internal/")
# Grow with the peak number of goroutines, or with the types that met at a type switch, and never
# shrink: the runtime's own free lists and caches.
_RUNTIME_CACHES = frozenset(
    {
        "runtime.malg",
        "runtime.acquireSudog",
        "runtime.allgadd",
        "runtime.buildTypeAssertCache",
        "runtime.buildInterfaceSwitchCache",
    }
)
# Has room for as many timers as ever ran at once: they are objects of whoever made them. Until Go
# 1.22 it had another name.
_ROOM_FOR_TIMERS = frozenset({"runtime.(*timers).addHeap", "runtime.doaddtimer"})
# Inner nodes of the tries of sync.Map and unique: where an entry was beside another for a moment
# one stays between them. What such a map keeps has entries, and they count; so does its root.
_TRIE_NODES = (
    "internal/sync.newIndirectNode[",
    "unique.newIndirectNode[",
    "internal/concurrent.newIndirectNode[",  # of Go 1.23
)
# Names under which the runtime serves sync and internal/poll: they allocate sudogs, nothing else.
_WAITING_PREFIXES = ("sync.runtime_", "internal/sync.runtime_", "internal/poll.runtime_")
# fmt: off
_STANDARD_LIBRARY = frozenset(
    {
        "archive", "bufio", "builtin", "bytes", "cmp", "compress", "container", "context",
        "crypto", "database", "debug", "embed", "encoding", "errors", "expvar", "flag", "fmt",
        "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math",
        "mime", "net", "os", "path", "plugin", "reflect", "regexp", "runtime", "slices", "sort",
        "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time",
        "unicode", "unique", "unsafe", "vendor", "weak",
    }
)
# fmt: on


# What the module cache adds to a folder's name; a CI's workspace may be called `shop@2`.
_MODULE_CACHE = "/pkg/mod/"
_VERSION = re.compile(r"@v\d")


def package_of(function: str) -> str:
    """Return the import path in a Go symbol: `net/http` of `net/http.(*conn).serve`."""
    plain = function.split("[", 1)[0]
    head, slash, tail = plain.rpartition("/")
    return (head + slash + tail.split(".", 1)[0]).replace("%2e", ".")


def without_runtime(stack: Stack) -> Stack:
    """Return `stack` without its innermost frames of Go's runtime; as it is where it has no others.

    One line of code allocates through different paths of the allocator: they are one site.
    """
    for place, frame in enumerate(stack):
        if not frame.function.startswith(_RUNTIME_PREFIXES):
            return stack[place:]
    return stack


def made_by_measuring(stack: Stack) -> bool:
    """Tell whether the stack is the agent's or one of pprof's own: it runs because we look.

    What the self-test planted is not: it is there to be seen.
    """
    return any(_looks(frame.function) for frame in stack) and not is_planted(stack)


def is_planted(stack: Stack) -> bool:
    """Tell whether the self-test planted what this stack holds."""
    return any(frame.function.startswith(PLANTED) for frame in stack)


def is_runtime_cache(stack: Stack) -> bool:
    """Tell whether the allocation is Go's own and never shrinks, and what it is for is counted."""
    if stack and stack[0].function.startswith(_WAITING_PREFIXES):
        return True
    if any(
        node.function.startswith(_TRIE_NODES) and by.function.endswith(").expand")
        for node, by in pairwise(stack)
    ):
        return True
    return any(frame.function in _RUNTIME_CACHES for frame in stack) or all(
        frame.function.startswith(_RUNTIME_PREFIXES) for frame in stack
    )


def is_room_for_timers(stack: Stack) -> bool:
    """Tell whether the runtime made room for timers: the runtime's own, and it never shrinks."""
    return any(frame.function in _ROOM_FOR_TIMERS for frame in stack)


def makes_weak_pointer(stack: Stack) -> bool:
    """Tell whether a program makes a weak pointer there, and not package unique for itself."""
    return any(
        inner.function.startswith(_WEAK_POINTERS)
        and not by.function.startswith(_MAKE_WEAK_POINTERS_TOO)
        for inner, by in pairwise(stack)
    )


def _looks(function: str) -> bool:
    if function.startswith((_PPROF_HANDLERS, *_AGENT_PREFIXES)):
        return True
    if not function.startswith(_PPROF_WRITER):
        return False
    name = function.removeprefix(_PPROF_WRITER)
    return not any(name == used or name.startswith(f"{used}.") for used in _PPROF_USED)


@dataclass(frozen=True)
class Ownership:
    """Tells the user's own frames, and names their files relative to the module's root.

    `modules` are the user's; where there are none, whatever is neither in GOROOT nor in the module
    cache (`@version`) nor vendored counts as the user's. `stacks` are those of the service: they
    tell where GOROOT and the module's root were when it was compiled.
    """

    modules: tuple[Module, ...]
    stacks: tuple[Stack, ...]

    def own_frame(self, stack: Stack) -> Frame | None:
        """Return the frame of the user's own code nearest to the allocation, or None.

        A driver within the user's module works for who called database/sql, and a transport that
        only passes requests on for who called the client: what these leave open is their callers'.
        """
        place = self._answers(stack)
        return None if place is None else stack[place]

    def own_frames(self, stack: Stack) -> tuple[bool, ...]:
        """Return for each frame if it is the user's: none nearer than the one that answers is."""
        first = self._answers(stack)
        return tuple(
            first is not None and place >= first and self.is_own(frame)
            for place, frame in enumerate(stack)
        )

    def _answers(self, stack: Stack) -> int | None:
        own: int | None = None
        serves = False
        for place, frame in enumerate(stack):
            if (own is None or serves) and self.is_own(frame):
                own, serves = place, False
            elif own is not None and _serves_callers(stack, own, place):
                serves = True
        return own

    def is_own(self, frame: Frame) -> bool:
        """Tell whether the frame is in the user's own code, or stands for it in the self-test."""
        if frame.function.startswith(PLANTED):
            return True
        if _foreign_file(self._inside(frame.file)):
            return False
        package = package_of(frame.function)
        if package == "main":
            return True
        if self.modules:
            return any(_is_below(package, module.path) for module in self.modules)
        if self._goroot and frame.file.startswith(self._goroot):
            return False
        return bool(frame.file) and package.split("/", 1)[0] not in _STANDARD_LIBRARY

    def location(self, frame: Frame) -> Location:
        """Return the frame with its file relative to the module's root, where that is known."""
        return Location(frame.function, self._relative(frame), frame.line)

    def locations(self, stack: Stack) -> tuple[Location, ...]:
        """Return every frame of a stack as a location."""
        return tuple(self.location(frame) for frame in stack)

    def _inside(self, file: str) -> str:
        """Return `file` without the innermost known module's root: that may have any name."""
        roots = [module.root.rstrip("/") for module in self.modules if module.root]
        inside = [root for root in roots if file.startswith(root + "/")]
        return file[len(max(inside, key=len)) :] if inside else file

    def _relative(self, frame: Frame) -> str:
        for module in self.modules:
            for root in (module.root, module.path):
                if root and frame.file.startswith(root.rstrip("/") + "/"):
                    return frame.file[len(root.rstrip("/")) + 1 :]
        for root in self._roots if self.is_own(frame) else ():
            if frame.file.startswith(root + "/"):
                return frame.file[len(root) + 1 :]
        if self._goroot and frame.file.startswith(self._goroot):
            return frame.file[len(self._goroot) :]
        return frame.file.rpartition(_MODULE_CACHE)[2]

    @cached_property
    def _goroot(self) -> str:
        for frame in self._frames():
            if frame.function.startswith("runtime.") and "/src/runtime/" in frame.file:
                return frame.file.split("/src/runtime/", 1)[0] + "/src/"
        return ""

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        """Folders that the user's modules were compiled in, as import paths and files tell."""
        own = {(package_of(f.function), f.file) for f in self._frames() if self.is_own(f)}
        roots = {_root(package, file, self.modules) for package, file in own}
        return tuple(sorted((root for root in roots if root), key=len))

    def _frames(self) -> Iterable[Frame]:
        return (frame for stack in self.stacks for frame in stack)


def _serves_callers(stack: Stack, own: int, user: int) -> bool:
    """Tell whether the user's frame at `own` works for whoever called that at `user`.

    A driver does, for who called database/sql (which calls other code of the user's for values),
    and a transport that had another one send the request. What such a transport leaves open by a
    mistake of its own (it tries twice, say) is not told from what its callers do.
    """
    if stack[user].function.startswith("database/sql."):
        return not stack[user - 1].function.endswith((".Scan", ".Value"))
    passes_on = own > 0 and stack[own - 1].function.endswith(".RoundTrip")
    return passes_on and stack[user].function == "net/http.send"


def _foreign_file(file: str) -> bool:
    return bool(_VERSION.search(file)) or "/vendor/" in file


def _is_below(package: str, module: str) -> bool:
    return package == module or package.startswith(module + "/")


def _root(name: str, file: str, modules: Sequence[Module]) -> str:
    """Return the folder of a module, of which the package `name` is a part in `file`'s folder."""
    folder = str(PurePosixPath(file).parent)
    for module in modules:
        package = (module.main_package or name) if name == "main" else name
        inside = package.removeprefix(module.path).strip("/")
        fits = not inside or folder.endswith(f"/{inside}")
        if _is_below(package, module.path) and fits:
            return folder[: -len(inside) - 1] if inside else folder
    shared = 0
    names, folders = name.split("/"), folder.split("/")
    while shared < min(len(names), len(folders)) and names[-1 - shared] == folders[-1 - shared]:
        shared += 1
    return "/".join(folders[:-shared]) if shared and name != "main" else ""
