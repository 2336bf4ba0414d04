from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from pytest_echoleak import Dockerfile, GoSource
from pytest_echoleak.errors import BuildError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.containers import dockerfile
from pytest_echoleak.services.containers.container import start_container
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.containers.labels import IMAGE, OWNER, STAGE
from tests.goapps import app

GO_MOD = """module example.com/quoting

go 1.21

require rsc.io/quote/v3 v3.1.0
"""
# The program is built outside: compiling the standard library anew takes a minute on two cores, and
# the example's Dockerfile, which does, has tests of its own.
MULTI_STAGE = """FROM golang:1.26 AS build
ARG GOPROXY
ARG GONOSUMDB
WORKDIR /src
COPY go.mod ./
RUN go mod download -json && go version
COPY . .
RUN chmod 0755 service

FROM \\
  scratch
COPY --from=build /src/service /bin/server
COPY motto /srv/motto
WORKDIR /srv
USER 1000
ENV GODEBUG=netdns=go
ENTRYPOINT ["server"]
"""


def test_a_multi_stage_dockerfile_is_built_and_run(
    docker_engine: Engine, golang_image: str, tmp_path: Path
) -> None:
    assert golang_image in MULTI_STAGE
    spec = GoSource(app("plain"), agent=False)
    built = gobuild.build(spec, goos="linux", goarch=docker_engine.goarch)
    shutil.copy(built.path, tmp_path / "service")
    (tmp_path / "go.mod").write_text(GO_MOD)
    (tmp_path / "motto").write_text("always")
    (tmp_path / "Dockerfile").write_text(MULTI_STAGE)
    before = unlabelled_images(docker_engine)

    instance = start_container(Dockerfile(tmp_path, writable=["data"]), ready_timeout_seconds=30)

    try:
        assert [module.path for module in instance.modules] == ["example.com/plain"]
        assert instance.go_version == built.go_version
        found = docker_engine.client.containers.get(instance.identity().split()[0])
        assert "GODEBUG=netdns=go,memprofilerate=1" in found.attrs["Config"]["Env"]
        url = f"{instance.endpoints().base_url}/write?path=data/x"
        with urllib.request.urlopen(url, timeout=10) as response:
            assert response.status == 200
    finally:
        instance.stop()
    assert unlabelled_images(docker_engine) <= before


def unlabelled_images(engine: Engine) -> set[str]:
    """Return the ids of images without a tag that cannot be told to be ours."""
    found = engine.client.api.images(filters={"dangling": True})
    return {entry["Id"] for entry in found if not {IMAGE, STAGE} & set(entry.get("Labels") or {})}


@pytest.mark.parametrize("by", ["command", "sdk"])
def test_a_failing_step_ends_with_the_last_lines_of_the_log(
    docker_engine: Engine,
    golang_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    if by == "sdk":
        monkeypatch.setattr(dockerfile, "_docker_command", lambda: None)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {golang_image}\nARG WORD\nRUN echo the $WORD is missing && exit 7\n"
    )

    with pytest.raises(BuildError, match="the spoon is missing") as caught:
        dockerfile.build_image(docker_engine, Dockerfile(tmp_path, build_args={"WORD": "spoon"}))

    assert "7" in str(caught.value)
    assert not builder_containers(docker_engine, tmp_path), "containers of the build are removed"


@pytest.mark.parametrize("by", ["command", "sdk"])
def test_both_ways_of_building_give_the_labelled_image(
    docker_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "sdk":
        monkeypatch.setattr(dockerfile, "_docker_command", lambda: None)
    folder = tmp_path / "deploy"
    folder.mkdir()
    (tmp_path / "motto").write_text(by)
    (folder / "service.dockerfile").write_text("FROM scratch\nCOPY motto /motto\n")
    spec = Dockerfile(tmp_path, dockerfile="deploy/service.dockerfile")

    image_id = dockerfile.build_image(docker_engine, spec).image_id

    image = docker_engine.client.images.get(image_id)
    assert image.labels[IMAGE].startswith("pytest-echoleak/dockerfile:")
    assert OWNER not in image.labels
    docker_engine.client.images.remove(image_id)


def test_a_build_that_hangs_is_ended(
    docker_engine: Engine, golang_image: str, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {golang_image}\nRUN echo begun && sleep 600\n")

    with pytest.raises(BuildError, match="not built within 3 s") as caught:
        dockerfile.build_image(docker_engine, Dockerfile(tmp_path), timeout_seconds=3)

    assert "begun" in str(caught.value)
    assert not builder_containers(docker_engine, tmp_path), "the engine ended the build, too"


def builder_containers(engine: Engine, context: Path) -> list[str]:
    """Return the containers of a context's build by the classic builder, left after a moment."""
    for _ in range(100):
        if not stage_containers(engine, context):
            break
        time.sleep(0.1)
    return stage_containers(engine, context)


def stage_containers(engine: Engine, context: Path) -> list[str]:
    """Return the containers of a context's build: they have the labels of their stage alone.

    Other workers build, too, and take a minute for it.
    """
    tag = dockerfile.image_tag(context / "Dockerfile")
    found = engine.client.api.containers(all=True, filters={"label": f"{STAGE}={tag}"})
    return [entry["Id"] for entry in found if OWNER not in entry["Labels"]]


BUILDER = """
import sys
from pytest_echoleak import Dockerfile
from pytest_echoleak.services.containers import dockerfile
from pytest_echoleak.services.containers.engine import connect

if sys.argv[2] == "sdk":
    dockerfile._docker_command = lambda: None
dockerfile.build_image(connect(), Dockerfile(sys.argv[1]))
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("by", ["command", "sdk"])
def test_a_build_ends_with_the_process_that_asked_for_it(
    docker_engine: Engine, golang_image: str, tmp_path: Path, how: signal.Signals, by: str
) -> None:
    step = f"RUN echo {tmp_path.name} {how} {by} && sleep 600\n"
    (tmp_path / "Dockerfile").write_text(f"FROM {golang_image}\n{step}")
    with subprocess.Popen(
        [sys.executable, "-c", BUILDER, str(tmp_path), by], stderr=subprocess.DEVNULL
    ) as builder:
        while builder.poll() is None and not stage_containers(docker_engine, tmp_path):
            time.sleep(0.1)
        assert builder.poll() is None
        builder.send_signal(how)

    assert not builder_containers(docker_engine, tmp_path)


def test_a_missing_dockerfile_is_named(docker_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"there is no .*Dockerfile\.dev"):
        dockerfile.build_image(docker_engine, Dockerfile(tmp_path, dockerfile="Dockerfile.dev"))


def test_a_build_is_told_the_users_module_proxy_but_never_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOPROXY", "https://modules.example.com,direct")
    monkeypatch.setenv("GOPRIVATE", "example.com/*")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example.com:3128")

    told = dockerfile.told_arguments()

    assert told["GOPROXY"] == "https://modules.example.com,direct"
    assert told["GOPRIVATE"] == "example.com/*"
    assert "secret" not in "".join(told.values())


@pytest.mark.parametrize(
    ("proxy", "expected"),
    [
        ("https://proxy.golang.org,direct", False),
        ("http://localhost:3000", True),
        ("https://modules.example.com|http://127.0.0.1:3000,direct", True),
        ("http://[::1]:3000", True),
        ("off", False),
    ],
)
def test_a_proxy_on_this_machine_is_reached_on_its_network(proxy: str, expected: bool) -> None:
    assert dockerfile.needs_host_network({"GOPROXY": proxy}) is expected
