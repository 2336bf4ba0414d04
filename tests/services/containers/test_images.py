from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_echoleak import Binary, GoSource
from pytest_echoleak.errors import BuildError, SettingError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.containers import images
from pytest_echoleak.services.containers.container import start_container
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.containers.images import (
    KEPT_IMAGES,
    USER_ID,
    binary_image,
    ca_bundle,
    prune_images,
    superfluous,
)
from pytest_echoleak.services.containers.labels import IMAGE
from pytest_echoleak.services.containers.recipe import Recipe, prepare
from pytest_echoleak.services.containers.tree import Tree
from pytest_echoleak.services.files import placed_files
from tests.goapps import app, write_module

PLAIN = app("plain")


@pytest.fixture
def binary(docker_engine: Engine) -> Path:
    return gobuild.build(GoSource(PLAIN), goos="linux", goarch=docker_engine.goarch).path


def test_equal_contents_are_one_labelled_image(
    docker_engine: Engine, binary: Path, tmp_path: Path
) -> None:
    (tmp_path / "motto").write_text("always")
    spec = GoSource(PLAIN, files=[tmp_path / "motto"], writable=["data"])

    first = binary_image(docker_engine, binary, spec)
    same = binary_image(docker_engine, binary, spec)
    (tmp_path / "motto").write_text("never")
    other = binary_image(docker_engine, binary, spec)

    assert first == same != other
    image = docker_engine.client.images.get(first)
    assert IMAGE in image.labels
    assert image.attrs["Config"]["User"] == f"{USER_ID}:{USER_ID}"


@pytest.fixture
def pruned_alone(
    docker_engine: Engine, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The label of this test's images: only these are pruned, whatever others make meanwhile."""
    label = f"pytest-echoleak.image-of.{request.node.name}"
    monkeypatch.setattr(images, "IMAGE", label)
    monkeypatch.setattr(images, "STAGE", f"pytest-echoleak.stage-of.{request.node.name}")
    yield label
    monkeypatch.setattr(images, "KEPT_IMAGES", 0)
    prune_images(docker_engine, needed="")


def test_an_image_just_made_is_not_pruned_for_newer_ones(
    docker_engine: Engine, binary: Path, pruned_alone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "KEPT_IMAGES", 0)

    made = binary_image(docker_engine, binary, GoSource(PLAIN))

    assert images_with(docker_engine, pruned_alone) == {made}


def test_old_images_are_pruned_but_none_that_is_in_use(
    docker_engine: Engine,
    binary: Path,
    pruned_alone: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "KEPT_IMAGES", 2)
    motto = tmp_path / "motto"
    spec = GoSource(PLAIN, files=[motto])
    motto.write_text("in use")
    instance = start_container(spec, ready_timeout_seconds=30)
    try:
        used = docker_engine.client.containers.get(instance.identity().split()[0]).attrs["Image"]
        made = []
        # An engine tells an image's age in whole seconds.
        time.sleep(1)
        for number in range(4):
            motto.write_text(str(number))
            made.append(binary_image(docker_engine, binary, spec))

        left = images_with(docker_engine, pruned_alone)
        assert {used, made[-1]} <= left
        assert len(left) <= 1 + 1 + images.KEPT_IMAGES
    finally:
        instance.stop()
    prune_images(docker_engine, needed=made[-1])
    assert used not in images_with(docker_engine, pruned_alone)


def images_with(engine: Engine, label: str) -> set[str]:
    return {entry["Id"] for entry in engine.client.api.images(filters={"label": label})}


def test_an_image_that_another_pytest_pruned_at_the_wrong_moment_is_made_anew(
    docker_engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "motto").write_text("pruned")
    removed: list[str] = []

    def prepare_and_prune(engine: Engine, spec: GoSource) -> Recipe:
        recipe = prepare(engine, spec)
        if not removed:
            docker_engine.client.images.remove(recipe.image_id)
            removed.append(recipe.image_id)
        return recipe

    monkeypatch.setattr("pytest_echoleak.services.containers.container.prepare", prepare_and_prune)
    spec = GoSource(PLAIN, files=[tmp_path / "motto"])
    start_container(spec, ready_timeout_seconds=30).stop()
    assert removed


def test_which_images_are_superfluous() -> None:
    def entry(name: str, created: int, *tags: str) -> dict[str, Any]:
        return {"Id": name, "Created": created, "RepoTags": list(tags) or ["<none>:<none>"]}

    tagged = [entry(f"t{age}", 100 - age, "x:1") for age in range(KEPT_IMAGES + 1)]
    stages = [entry(f"s{age}", 100 - age) for age in range(KEPT_IMAGES + 1)]
    replaced = entry("replaced", 100)

    found = superfluous([*tagged, replaced], [*stages, *tagged], needed="")

    assert found == [f"t{KEPT_IMAGES}", "replaced", f"s{KEPT_IMAGES}"]
    oldest = f"t{KEPT_IMAGES}"
    assert oldest not in superfluous([*tagged, replaced], [*stages, *tagged], needed=oldest)


CGO = """package main

// int one(void) { return 1; }
import "C"

import (
	"fmt"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/user"
)

func main() {
	who, err := user.Current()
	fmt.Println(C.one(), who.Username, err)
	fmt.Println(http.ListenAndServe(os.Getenv("ADDR"), nil))
}
"""


def test_a_dynamic_binary_takes_its_libraries_along(
    docker_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    if shutil.which("gcc") is None:
        pytest.skip("no C compiler")
    assert docker_engine.goos == "linux"
    monkeypatch.setenv("CGO_ENABLED", "1")
    spec = GoSource(write_module(tmp_path, {"main.go": CGO}))

    instance = start_container(spec, ready_timeout_seconds=30)

    try:
        assert "1 service <nil>" in instance.logs()
    finally:
        instance.stop()


def test_a_binary_that_the_engine_cannot_run_is_refused(
    docker_engine: Engine, tmp_path: Path
) -> None:
    other = "arm64" if docker_engine.goarch == "amd64" else "amd64"
    hello = "package main\n\nfunc main() {}\n"
    spec = GoSource(write_module(tmp_path / "hello", {"main.go": hello}))
    built = gobuild.build(spec, goos="linux", goarch=other)
    (tmp_path / "script").write_text("#!/bin/sh\n")

    with pytest.raises(BuildError, match=f"linux/{other}.*GOARCH={docker_engine.goarch}"):
        start_container(Binary(built.path), ready_timeout_seconds=1)
    with pytest.raises(BuildError, match="no Linux program"):
        start_container(Binary(tmp_path / "script"), ready_timeout_seconds=1)
    with pytest.raises(BuildError, match="there is no file"):
        start_container(Binary(tmp_path / "nowhere"), ready_timeout_seconds=1)


def test_two_files_for_one_place_are_refused(
    docker_engine: Engine, binary: Path, tmp_path: Path
) -> None:
    (tmp_path / "service").write_text("no program")
    with pytest.raises(SettingError, match="/app/service"):
        binary_image(docker_engine, binary, GoSource(PLAIN, files=[tmp_path / "service"]))


def test_files_keep_their_names_or_get_the_place_that_is_stated(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "motto").write_text("x")
    spec = GoSource(PLAIN, files=[tmp_path / "config", (tmp_path / "motto", "/etc/motto")])

    assert [str(placed.place) for placed in placed_files(spec)] == ["config", "/etc/motto"]


@pytest.mark.parametrize("place", ["../escape", "a/../../b", "/"])
def test_a_place_outside_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(SettingError, match="not a place"):
        placed_files(GoSource(PLAIN, files=[(tmp_path, place)]))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="nowhere"):
        placed_files(GoSource(PLAIN, files=[tmp_path / "nowhere"]))


def test_a_tree_is_the_same_archive_whatever_the_order() -> None:
    one, other = Tree(), Tree()
    one.add_file(PurePosixPath("/a/x"), b"x")
    one.add_folder(PurePosixPath("/b"), mode=0o777, uid=7)
    other.add_folder(PurePosixPath("/b"), mode=0o777, uid=7)
    other.add_file(PurePosixPath("a/x"), b"x")

    assert one.archive() == other.archive()


def test_the_users_own_certificates_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle.pem").write_bytes(b"ours")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.pem"))
    assert ca_bundle() == b"ours"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    assert b"BEGIN CERTIFICATE" in ca_bundle()
