from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from pytest_echoleak import Binary, GoSource, Image
from pytest_echoleak.errors import ServiceError, SettingError
from pytest_echoleak.services import gobuild
from pytest_echoleak.services.containers.container import (
    ContainerInstance,
    describe_ending,
    start_container,
)
from pytest_echoleak.services.containers.creation import memory_bytes
from pytest_echoleak.services.containers.engine import Engine
from pytest_echoleak.services.containers.labels import OWNER
from pytest_echoleak.services.owner import current_owner
from pytest_echoleak.services.specs import Startable
from tests.goapps import app

PLAIN = app("plain")
READY_SECONDS = 30.0

Start = Callable[[Startable], ContainerInstance]


@pytest.fixture
def start(docker_engine: Engine) -> Iterator[Start]:
    started: list[ContainerInstance] = []

    def start_one(spec: Startable) -> ContainerInstance:
        instance = start_container(spec, ready_timeout_seconds=READY_SECONDS)
        started.append(instance)
        return instance

    before = containers(docker_engine)
    yield start_one
    for instance in started:
        instance.stop()
    assert containers(docker_engine) <= before, "a container was left behind"


def containers(engine: Engine) -> set[str]:
    """Return the containers of this very process: others may work on the same engine."""
    label = f"{OWNER}={current_owner().label()}"
    found = engine.client.api.containers(all=True, filters={"label": label})
    return {entry["Id"] for entry in found}


def get(instance: ContainerInstance, route: str, /, **query: object) -> bytes:
    url = f"{instance.endpoints().base_url}{route}?{urlencode(query)}"
    with urllib.request.urlopen(url, timeout=10) as response:
        body: bytes = response.read()
        return body


def told(instance: ContainerInstance) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(get(instance, "/told"))
    return answer


def ended(instance: ContainerInstance) -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        ending = instance.ending()
        if ending is not None:
            return ending
        time.sleep(0.05)
    raise AssertionError("the service still runs")


def end_by(instance: ContainerInstance, route: str, /, **query: object) -> str:
    # Answered, reset, closed or refused: all that matters is the end.
    with contextlib.suppress(OSError, http.client.HTTPException):
        get(instance, route, **query)
    return ended(instance)


def test_a_service_is_built_started_and_told_where_to_listen(start: Start) -> None:
    instance = start(GoSource(PLAIN, agent=False))

    assert get(instance, "/") == b"plain\n"
    environment = told(instance)["env"]
    assert environment["PORT"] == "8080"
    assert environment["ADDR"] == "0.0.0.0:8080"
    assert environment["GODEBUG"] == "memprofilerate=1"
    assert instance.ending() is None
    assert [(module.path, module.root) for module in instance.modules] == [
        ("example.com/plain", str(PLAIN))
    ]
    with urllib.request.urlopen(f"{instance.endpoints().pprof_url}/heap?debug=1") as response:
        assert b"heap/2" in response.readline(), "period 1"


def test_with_its_agent_start_up_runs_at_full_speed(start: Start) -> None:
    """The agent makes the profile exact later, when the service is ready."""
    assert "GODEBUG" not in told(start(GoSource(PLAIN)))["env"]


def test_placeholders_are_replaced_in_the_environment_and_the_arguments(start: Start) -> None:
    spec = GoSource(PLAIN, env={"WHERE": "{addr} {x}"}, args=["--port={port}"], port=9000)

    answer = told(start(spec))

    assert answer["env"]["WHERE"] == "0.0.0.0:9000 {x}"
    assert answer["args"] == ["--port=9000"]


def test_the_container_is_limited_and_published_on_the_loopback_alone(
    start: Start, docker_engine: Engine
) -> None:
    instance = start(GoSource(PLAIN, memory="64m"))

    container_id = instance.identity().split()[0]
    found = docker_engine.client.containers.get(container_id).attrs
    host = found["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == instance.memory_limit_bytes == 64 << 20
    assert host["PidsLimit"] > 0
    assert host["CapDrop"] == ["ALL"]
    assert host["ReadonlyRootfs"] is True
    assert "no-new-privileges" in host["SecurityOpt"]
    assert host["LogConfig"]["Config"]["max-size"]
    assert not host["Binds"]
    ports = found["NetworkSettings"]["Ports"]["8080/tcp"]
    assert [entry["HostIp"] for entry in ports] == ["127.0.0.1"]
    # This machine has a leg in the container's network: it goes there without the engine's proxy.
    (network,) = found["NetworkSettings"]["Networks"].values()
    assert instance.endpoints().base_url == f"http://{network['IPAddress']}:8080"


def test_the_service_is_no_root_and_may_write_where_it_was_allowed_to(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "shop.yaml").write_text("name: shop\n")
    (tmp_path / "motto").write_text("always")
    spec = GoSource(
        PLAIN,
        files=[tmp_path / "config", (tmp_path / "motto", "/etc/shop/motto")],
        writable=["data", "/var/lib/shop"],
    )

    instance = start(spec)

    assert told(instance)["uid"] != 0
    assert get(instance, "/read", path="config/shop.yaml") == b"name: shop\n"
    assert get(instance, "/read", path="/etc/shop/motto") == b"always"
    for place in ("data/x", "/var/lib/shop/x", "/tmp/x"):
        get(instance, "/write", path=place)
        assert get(instance, "/read", path=place) == b"written"
    for place in ("x", "/x", "/etc/x", "config/x"):
        with pytest.raises(urllib.error.HTTPError):
            get(instance, "/write", path=place)


def test_an_image_from_scratch_has_certificates_and_time_zones(start: Start) -> None:
    answer = told(start(GoSource(PLAIN)))

    assert answer["zone_error"] == ""
    assert answer["have_cert_pool"] is True


def test_a_binary_runs_as_it_is(start: Start, docker_engine: Engine) -> None:
    built = gobuild.build(GoSource(PLAIN), goos="linux", goarch=docker_engine.goarch)

    instance = start(Binary(built.path))

    assert get(instance, "/") == b"plain\n"
    assert [module.path for module in instance.modules] == ["example.com/plain"]


def test_an_image_is_given_files_and_folders_that_its_user_may_write_to(
    start: Start, docker_engine: Engine, tmp_path: Path
) -> None:
    (tmp_path / "motto").write_text("always")
    first = start(GoSource(PLAIN))
    container_id = first.identity().split()[0]
    image = docker_engine.client.containers.get(container_id).attrs["Image"]

    instance = start(Image(image, files=[tmp_path / "motto"], writable=["data", "/srv/data"]))

    assert get(instance, "/read", path="motto") == b"always"
    for place in ("data/x", "/srv/data/x"):
        get(instance, "/write", path=place)
    assert [module.path for module in instance.modules] == ["example.com/plain"]


def test_pprof_on_a_port_of_its_own_is_published_too(start: Start) -> None:
    spec = GoSource(PLAIN, env={"PLAIN_PPROF": "0.0.0.0:6060"}, pprof=":6060/debug/pprof")

    endpoints = start(spec).endpoints()

    assert not endpoints.pprof_url.startswith(endpoints.base_url)
    with urllib.request.urlopen(f"{endpoints.pprof_url}/cmdline") as response:
        assert response.status == 200


def test_pprof_on_the_loopback_of_the_container_is_told(start: Start) -> None:
    spec = GoSource(PLAIN, env={"PLAIN_PPROF": "127.0.0.1:6060"}, pprof=":6060/debug/pprof")

    instance = start(spec)

    reason = instance.unreachable_reason(6060)
    if reason is None:
        pytest.skip("the engine's processes cannot be seen from here")
    assert "127.0.0.1:6060" in reason
    assert "loopback" in reason
    assert instance.unreachable_reason(8080) is None


def test_a_service_on_the_loopback_of_its_container_is_an_error_that_says_so(
    docker_engine: Engine,
) -> None:
    spec = GoSource(PLAIN, env={"PLAIN_ADDR": "127.0.0.1:8080"})

    before = containers(docker_engine)

    with pytest.raises(ServiceError, match=r"127\.0\.0\.1") as caught:
        start_container(spec, ready_timeout_seconds=1.0)

    assert containers(docker_engine) == before
    assert "listening on 127.0.0.1:8080" in str(caught.value), "its log stands at the end"


def test_the_service_reaches_a_stub_in_the_test(start: Start) -> None:
    class Stub(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"from the test")

        def log_message(self, *_: object) -> None:
            pass

    instance = start(GoSource(PLAIN, env={"UPSTREAM": "http://{host}"}))
    gateway = docker_gateway(instance)
    with http.server.HTTPServer((gateway, 0), Stub) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        upstream = f"{told(instance)['env']['UPSTREAM']}:{server.server_port}/"
        body = get(instance, "/fetch", url=upstream)
        thread.join()
    assert body == b"from the test"


def docker_gateway(instance: ContainerInstance) -> str:
    """The host's address as `{host}` names it: what the container's /etc/hosts says."""
    hosts = get(instance, "/read", path="/etc/hosts").decode()
    return next(line.split()[0] for line in hosts.splitlines() if "host.docker.internal" in line)


def test_a_restart_is_another_identity_and_keeps_what_was_written(start: Start) -> None:
    instance = start(GoSource(PLAIN, writable=["data"]))
    get(instance, "/write", path="data/x")
    before = instance.identity()
    assert instance.identity() == before

    instance.restart()

    assert instance.identity() != before
    assert get(instance, "/read", path="data/x") == b"written"


def test_a_panic_is_told_with_its_exit_code_and_its_last_words(start: Start) -> None:
    instance = start(GoSource(PLAIN))

    assert end_by(instance, "/panic") == "exit code 2"
    assert "panic: asked to panic" in instance.logs()
    with pytest.raises(ServiceError, match="exit code 2") as caught:
        instance.identity()
    assert "goroutine" in str(caught.value)


def test_a_service_that_ended_can_be_started_again(start: Start) -> None:
    instance = start(GoSource(PLAIN))
    assert end_by(instance, "/exit", code=7) == "exit code 7"

    instance.restart()

    assert get(instance, "/") == b"plain\n"


def test_a_service_out_of_memory_is_told_from_one_that_was_killed(
    start: Start, docker_engine: Engine
) -> None:
    out_of_memory = start(GoSource(PLAIN, memory="32m"))
    killed = start(GoSource(PLAIN))
    docker_engine.client.containers.get(killed.identity().split()[0]).kill()

    assert end_by(out_of_memory, "/fill", mb=1000).startswith("killed for memory (limit 32m)")
    assert ended(killed) == "signal 9 (SIGKILL)"


@pytest.mark.parametrize(
    ("how", "ending", "last_words"),
    [
        ("exit", "exit code 3", "refusing to start"),
        ("panic", "exit code 2", "panic: asked to panic at the start"),
        ("fill", "killed for memory", ""),
    ],
)
def test_a_service_that_ends_before_it_is_ready_says_how(
    docker_engine: Engine, how: str, ending: str, last_words: str
) -> None:
    before = containers(docker_engine)
    spec = GoSource(PLAIN, env={"PLAIN_AT_START": how}, memory="32m")

    with pytest.raises(ServiceError, match=ending) as caught:
        start_container(spec, ready_timeout_seconds=READY_SECONDS)

    assert last_words in str(caught.value)
    assert containers(docker_engine) == before


def test_a_service_that_never_gets_ready_ends_with_its_log(docker_engine: Engine) -> None:
    before = containers(docker_engine)
    spec = GoSource(PLAIN, env={"PLAIN_AT_START": "hang"})

    with pytest.raises(ServiceError, match="waiting for something that never comes"):
        start_container(spec, ready_timeout_seconds=1.0)

    assert containers(docker_engine) == before


def test_a_service_that_prints_without_end_works_and_its_log_stays_small(start: Start) -> None:
    instance = start(GoSource(PLAIN, env={"PLAIN_AT_START": "print"}))

    for _ in range(200):
        assert get(instance, "/") == b"plain\n"
    assert 0 < len(instance.logs()) <= 300_000


def test_an_interrupt_leaves_no_container(
    docker_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = containers(docker_engine)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "pytest_echoleak.services.containers.container.wait_until_ready", interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        start_container(GoSource(PLAIN), ready_timeout_seconds=READY_SECONDS)

    assert containers(docker_engine) == before


@pytest.mark.usefixtures("docker_engine")
def test_a_missing_image_says_what_to_do() -> None:
    with pytest.raises(ServiceError, match="docker build -t"):
        start_container(Image("echoleak-there-is-none:1"), ready_timeout_seconds=1.0)


def test_an_image_that_cannot_run_is_an_error_of_the_service(
    docker_engine: Engine, golang_image: str
) -> None:
    before = containers(docker_engine)

    with pytest.raises(ServiceError, match="could not start its container"):
        start_container(Image(golang_image, args=["/no/such"]), ready_timeout_seconds=1.0)

    assert containers(docker_engine) == before


@pytest.mark.parametrize("memory", ["plenty", "1m", "", "-1g"])
def test_a_memory_limit_that_docker_would_not_take_is_a_setting_error(memory: str) -> None:
    with pytest.raises(SettingError, match="memory="):
        memory_bytes(memory)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Running": True, "ExitCode": 0}, None),
        ({"Running": False, "Status": "created", "ExitCode": 0}, None),
        ({"Running": False, "ExitCode": 0}, "exit code 0"),
        ({"Running": False, "ExitCode": 1}, "exit code 1"),
        ({"Running": False, "ExitCode": 139}, "signal 11 (SIGSEGV)"),
        ({"Running": False, "ExitCode": 255}, "exit code 255"),
        (
            {"Running": False, "ExitCode": 137, "OOMKilled": True},
            "killed for memory (limit 1g), signal 9 (SIGKILL)",
        ),
    ],
)
def test_how_a_container_ended(state: dict[str, Any], expected: str | None) -> None:
    assert describe_ending(state, "1g") == expected
