"""Images of Dockerfiles that are built with the agent, and what happens where that cannot be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_echoleak import Dockerfile, EchoService, GoSource, LeakReport, SnapshotError, start
from pytest_echoleak.errors import EngineError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.binaryinfo import read_binary
from pytest_echoleak.services.containers import container, dockerfile
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.containers.images import agent_image
from pytest_echoleak.services.containers.labels import AGENT
from tests.goapps import app, write_module
from tests.integration.apps import QUICK, caught
from tests.integration.test_agent import BARE, bare

# What teams write: stripped, with flags of their own, by a user without rights.
MULTI_STAGE = """FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod ./
COPY *.go ./
ENV GOFLAGS=-mod=mod
RUN CGO_ENABLED=0 go install -ldflags="-s -w -X main.version=1" ./...

FROM scratch
COPY --from=build /go/bin/made /server
USER 1000
ENTRYPOINT ["/server"]
"""
BY_SCRIPT = """FROM golang:1.26
COPY service /bin/service
COPY start /bin/start
RUN chmod 0755 /bin/service /bin/start
ENTRYPOINT ["start"]
"""
# As gosu, dockerize or dumb-init in Go: it becomes what it is told to start.
WRAPPER = """package main

import (
	"os"
	"syscall"
)

func main() { panic(syscall.Exec(os.Args[1], os.Args[1:], os.Environ())) }
"""
BY_WRAPPER = """FROM golang:1.26
COPY service /bin/service
COPY wrapper /bin/wrapper
RUN chmod 0755 /bin/service /bin/wrapper
ENTRYPOINT ["wrapper", "/bin/service"]
"""
NOTHING_BUILT = "the go command of its PATH built nothing that its entrypoint starts"

pytestmark = pytest.mark.usefixtures("docker_engine", "golang_image")


def findings(report: LeakReport) -> list[tuple[object, ...]]:
    return [
        (
            found.kind,
            found.location.function,
            found.location.file,
            found.location.line,
            found.evidence,
            round(found.objects_per_iteration, 2),
            round(found.goroutines_per_iteration, 2),
        )
        for found in report.findings
    ]


def test_a_service_without_pprof_gives_the_same_findings_as_its_source(tmp_path: Path) -> None:
    """The standard library is compiled in the image: the first time this takes minutes."""
    bare(tmp_path)
    (tmp_path / "Dockerfile").write_text(MULTI_STAGE)
    told: dict[str, list[object]] = {}
    for spec in (GoSource(tmp_path), Dockerfile(tmp_path)):
        with start(spec, runtime="docker") as service:
            assert service.instance.endpoints().agent is not None, service.why
            told[type(spec).__name__] = [
                findings(caught(service, "GET /leaky")),
                findings(caught(service, "GET /blocked")),
            ]
            if isinstance(spec, Dockerfile):
                assert service.instance.note == ""
                assert_dump_has_names(Dockerfile(tmp_path))
    assert told["GoSource"] == told["Dockerfile"]
    assert len(told["Dockerfile"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Dockerfile", "go.mod", "main.go"]


def assert_dump_has_names(spec: Dockerfile) -> None:
    with start(spec) as service:
        dump = service.heap_dump()
        assert dump.binary is not None
        assert dump.binary.parent.stat().st_mode & 0o077 == 0
        info = read_binary(dump.binary)
        assert (info.go_version, info.main_module) == (dump.go_version, "example.com/made")
        assert (info.has_symbols, info.has_types) == (True, True)
    assert not dump.binary.exists()


def context(folder: Path, service: Path, text: str = BY_SCRIPT) -> Path:
    shutil.copy(service, folder / "service")
    (folder / "start").write_text('#!/bin/sh\necho starting\n/bin/service "$@"\n')
    (folder / "Dockerfile").write_text(text)
    return folder


def assert_read_by_pprof(service: EchoService, note: str) -> None:
    assert service.instance.endpoints().agent is None
    assert note in service.instance.note
    assert service.why.endswith(service.instance.note)
    assert service.snapshot().exact, "from the start, as without the agent"
    with pytest.raises(SnapshotError, match="has no agent"):
        service.heap_dump()


class TestBehindAScript:
    def test_the_agent_is_met_and_tells_the_program(
        self, docker_engine: Engine, tmp_path: Path
    ) -> None:
        built = gobuild.build(GoSource(app("plain")), goos="linux", goarch=docker_engine.goarch)
        with start(Dockerfile(context(tmp_path, built.path))) as service:
            assert service.instance.endpoints().agent is not None
            assert [one.path for one in service.instance.modules] == ["example.com/plain"]
            assert service.instance.go_version == built.go_version
            dump = service.heap_dump()
            assert dump.binary is not None
            assert dump.binary.read_bytes() == built.path.read_bytes()
            assert caught(service, "GET /leak", **QUICK).findings

    def test_where_it_is_not_the_service_is_started_without(
        self, docker_engine: Engine, tmp_path: Path
    ) -> None:
        spec = GoSource(app("plain"), agent=False)
        built = gobuild.build(spec, goos="linux", goarch=docker_engine.goarch)
        with start(Dockerfile(context(tmp_path, built.path))) as service:
            assert_read_by_pprof(service, NOTHING_BUILT)


class TestBehindAWrapperInGo:
    @pytest.fixture
    def folder(self, docker_engine: Engine, tmp_path: Path) -> Path:
        module = write_module(tmp_path / "wrapper-source", {"main.go": WRAPPER})
        folder = tmp_path / "context"
        folder.mkdir()
        for name, spec in (
            ("wrapper", GoSource(module, agent=False)),
            ("service", GoSource(app("plain"))),
        ):
            built = gobuild.build(spec, goos="linux", goarch=docker_engine.goarch)
            shutil.copy(built.path, folder / name)
        (folder / "Dockerfile").write_text(BY_WRAPPER)
        return folder

    def test_the_agent_is_met_and_tells_the_program(self, folder: Path) -> None:
        with start(Dockerfile(folder)) as service:
            assert service.instance.endpoints().agent is not None, service.why
            assert service.instance.note == ""
            assert [one.path for one in service.instance.modules] == ["example.com/plain"]

    def test_an_agent_whose_file_cannot_be_read_is_kept(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        version = read_binary(folder / "service").go_version
        monkeypatch.setattr(container, "read_file", lambda *_: None)
        with start(Dockerfile(folder)) as service:
            assert service.instance.endpoints().agent is not None, service.why
            assert service.instance.modules == ()
            assert service.instance.go_version == version


class TestWhereItCannotBe:
    @pytest.fixture
    def plain(self, docker_engine: Engine) -> Path:
        spec = GoSource(app("plain"), agent=False)
        return gobuild.build(spec, goos="linux", goarch=docker_engine.goarch).path

    def test_a_program_that_is_built_elsewhere(self, tmp_path: Path, plain: Path) -> None:
        text = BY_SCRIPT.replace('["start"]', '["/bin/service"]')
        with start(Dockerfile(context(tmp_path, plain, text))) as service:
            assert_read_by_pprof(service, NOTHING_BUILT)

    def test_a_dockerfile_that_runs_nothing(self, tmp_path: Path, plain: Path) -> None:
        text = 'FROM scratch\nCOPY service /service\nENTRYPOINT ["/service"]\n'
        context(tmp_path, plain, text)
        (tmp_path / "service").chmod(0o755)
        with start(Dockerfile(tmp_path)) as service:
            assert_read_by_pprof(service, "no stage of the Dockerfile runs anything")

    @pytest.mark.parametrize("by", ["command", "sdk"])
    def test_a_build_that_fails_with_it_is_made_without(
        self, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch, by: str
    ) -> None:
        if by == "sdk":
            monkeypatch.setattr(dockerfile, "_docker_command", lambda: None)
        monkeypatch.setattr(dockerfile, "agent_image", lambda _: "localhost:1/nowhere:1")
        text = BY_SCRIPT.replace('["start"]', '["/bin/service"]')
        with start(Dockerfile(context(tmp_path, plain, text))) as service:
            assert_read_by_pprof(service, "built without the agent: ")

    def test_an_engine_that_does_not_take_the_agents_image(
        self, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: Engine) -> str:
            raise EngineError("no space left on device")

        monkeypatch.setattr(dockerfile, "agent_image", refuse)
        with start(Dockerfile(context(tmp_path, plain))) as service:
            assert_read_by_pprof(service, "built without the agent: no space left on device")

    def test_who_wants_the_very_image_gets_it(
        self, docker_engine: Engine, tmp_path: Path, plain: Path
    ) -> None:
        spec = Dockerfile(context(tmp_path, plain), agent=False)
        image = dockerfile.build_image(docker_engine, spec)
        assert (image.agent, image.note) == (False, "")
        config = docker_engine.client.images.get(image.image_id).attrs["Config"]
        assert "echoleak" not in str(config["Env"])


def test_the_agents_image_is_made_once(docker_engine: Engine) -> None:
    reference = agent_image(docker_engine)
    first = docker_engine.client.images.get(reference)
    assert agent_image(docker_engine) == reference
    assert docker_engine.client.images.get(reference).id == first.id
    assert reference.startswith("localhost/"), "no registry of anybody's is asked for it"
    assert first.labels[AGENT] == reference.rpartition(":")[2]


def test_no_agent_listens_in_a_service_without_it(tmp_path: Path) -> None:
    """BARE has no pprof at all: what is built plain has no trace of the agent."""
    built = gobuild.build(GoSource(bare(tmp_path), agent=False))
    assert b"echoleak" not in built.path.read_bytes()
    assert "pprof" not in BARE.partition("import (")[2].partition(")")[0]
