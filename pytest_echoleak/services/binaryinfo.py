"""What the file of a Go program says about itself: its platform, its loader, its modules.

Read here and not by `go version -m`, so that a binary or an image can be judged on a machine
without a Go toolchain.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from pytest_echoleak.services.instance import Module

_MAGIC = b"\xff Go buildinf:"
_ALIGNMENT = 16
_INLINE_STRINGS = 0x2
_HEADER_BYTES = 32
_SENTINEL_BYTES = 16
_PT_INTERP = 3
_SECTION_NAME_BYTES = 32
_GOARCH_OF_ELF_MACHINE = {
    3: "386",
    8: "mips",
    20: "ppc",
    21: "ppc64le",
    22: "s390x",
    40: "arm",
    62: "amd64",
    183: "arm64",
    243: "riscv64",
    258: "loong64",
}


@dataclass(frozen=True)
class LinkedModule:
    """A module in a binary. `replacement` is the folder or module path it was replaced by."""

    path: str
    version: str
    replacement: str = ""

    @property
    def is_local(self) -> bool:
        """Whether it was built from the user's own folder: main, of the workspace, or replaced."""
        if self.replacement:
            return self.replacement.startswith((".", "/")) or self.replacement[1:2] == ":"
        return self.version == "(devel)"


@dataclass(frozen=True)
class BinaryInfo:
    """What a binary tells; empty where it does not: a program that is not Go's, or not ELF.

    `goarch`, `is_dynamic`, `has_symbols` and `has_types` (DWARF, which `-ldflags "-s -w"` leaves
    out) are known of ELF files alone.
    """

    go_version: str = ""
    main_package: str = ""
    main_module: str = ""
    modules: tuple[LinkedModule, ...] = ()
    has_trimmed_paths: bool = False
    is_elf: bool = False
    goarch: str | None = None
    is_dynamic: bool = False
    has_symbols: bool = False
    has_types: bool = False

    @property
    def local_modules(self) -> tuple[LinkedModule, ...]:
        """The user's own modules, the main one first."""
        return tuple(
            module for module in self.modules if module.is_local or module.path == self.main_module
        )


def read_binary(path: Path) -> BinaryInfo:
    """Read the program at `path`. Raises OSError; what is no program gives an empty BinaryInfo."""
    with path.open("rb") as file:
        if path.stat().st_size < _HEADER_BYTES:
            return BinaryInfo()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            return read_image(image)


def read_image(image: mmap.mmap | bytes) -> BinaryInfo:
    """Read a program's bytes; see `read_binary`."""
    version, text = _build_info(image)
    go_version = without_experiments(version)
    is_elf = image[:4] == b"\x7fELF"
    goarch, is_dynamic = _elf(image) if is_elf else (None, False)
    main_module, modules, trimmed = _modules(text)
    main_package = next((line[5:] for line in text.splitlines() if line.startswith("path\t")), "")
    sections = _elf_sections(image) if is_elf else frozenset()
    return BinaryInfo(
        go_version=go_version,
        main_package=main_package,
        main_module=main_module,
        modules=modules,
        has_trimmed_paths=trimmed,
        is_elf=is_elf,
        goarch=goarch,
        is_dynamic=is_dynamic,
        has_symbols=".symtab" in sections,
        has_types=bool(sections & {".debug_info", ".zdebug_info"}),
    )


def without_experiments(version: str) -> str:
    """Return Go's version without what it was built with: "go1.26.8-X:goroutineleakprofile"."""
    return version.partition("-X:")[0].partition(" X:")[0]


def own_modules(info: BinaryInfo) -> tuple[Module, ...]:
    """Return the user's own modules. Their folders are not in a binary, save with -trimpath.

    File names then begin with the module's import path, which so is the root.
    """
    return tuple(
        Module(
            module.path,
            module.path if info.has_trimmed_paths else None,
            info.main_package if module.path == info.main_module else "",
        )
        for module in info.local_modules
    )


def _build_info(image: mmap.mmap | bytes) -> tuple[str, str]:
    """Return Go's version and the module lines. Programs that look for the magic hold it, too."""
    at = image.find(_MAGIC)
    while at >= 0:
        header = image[at : at + _HEADER_BYTES]
        if at % _ALIGNMENT == 0 and len(header) == _HEADER_BYTES and header[15] & _INLINE_STRINGS:
            version, end = _string(image, at + _HEADER_BYTES)
            modules, _ = _string(image, end)
            if version.startswith((b"go", b"devel")):
                return _text(version), _text(modules[_SENTINEL_BYTES:-_SENTINEL_BYTES])
        at = image.find(_MAGIC, at + 1)
    return "", ""


def _string(image: mmap.mmap | bytes, at: int) -> tuple[bytes, int]:
    length = shift = 0
    while at < len(image) and shift < 63:
        byte = image[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return image[at : at + length], at + length
    return b"", at


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _modules(text: str) -> tuple[str, tuple[LinkedModule, ...], bool]:
    main = ""
    trimmed = False
    modules: list[LinkedModule] = []
    for line in text.splitlines():
        kind, *values = line.split("\t")
        first, version = [*values, "", ""][:2]
        if kind in {"mod", "dep"}:
            main = first if kind == "mod" else main
            modules.append(LinkedModule(first, version))
        elif kind == "=>" and modules:
            replaced = modules[-1]
            modules[-1] = LinkedModule(replaced.path, replaced.version, first)
        elif kind == "build" and first == "-trimpath=true":
            trimmed = True
    return main, tuple(modules), trimmed


def _elf(image: mmap.mmap | bytes) -> tuple[str | None, bool]:
    """Return GOARCH and whether a loader is asked for (PT_INTERP)."""
    try:
        order = "<" if image[5] == 1 else ">"
        wide = image[4] == 2
        (machine,) = struct.unpack_from(order + "H", image, 18)
        (table,) = struct.unpack_from(order + ("Q" if wide else "I"), image, 32 if wide else 28)
        entry_bytes, count = struct.unpack_from(order + "HH", image, 54 if wide else 42)
        types = [
            struct.unpack_from(order + "I", image, table + index * entry_bytes)[0]
            for index in range(count)
        ]
    except (struct.error, IndexError, OverflowError):
        return None, False
    return _GOARCH_OF_ELF_MACHINE.get(machine), _PT_INTERP in types


def _elf_sections(image: mmap.mmap | bytes) -> frozenset[str]:
    """Return the names of the sections: each header begins with its name's place among names."""
    order, wide = "<" if image[5:6] == b"\x01" else ">", image[4:5] == b"\x02"
    try:
        (table,) = struct.unpack_from(order + ("Q" if wide else "I"), image, 40 if wide else 32)
        entry_bytes, count, names = struct.unpack_from(order + "HHH", image, 58 if wide else 46)
        (start,) = struct.unpack_from(
            order + ("Q" if wide else "I"),
            image,
            table + names * entry_bytes + (24 if wide else 16),
        )
        places = [
            struct.unpack_from(order + "I", image, table + index * entry_bytes)[0]
            for index in range(count)
        ]
    except (struct.error, OverflowError):
        return frozenset()
    found = (image[start + place : start + place + _SECTION_NAME_BYTES] for place in places)
    return frozenset(_text(name.partition(b"\0")[0]) for name in found)
