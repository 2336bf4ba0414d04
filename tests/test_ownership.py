"""Whose code a frame is, and how its file is named."""

from __future__ import annotations

import pytest

from pytest_echoleak.ownership import (
    Ownership,
    is_room_for_timers,
    is_runtime_cache,
    made_by_measuring,
    makes_weak_pointer,
    package_of,
    without_runtime,
)
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.pprof.profiles import decode_heap
from pytest_echoleak.services.instance import Module
from tests.pprof.profile_maker import recorded

GOROOT = "/usr/local/go/src"
SHOP = Module("example.com/shop", "/src/shop")
TOOLCHAIN = "/home/dev/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.26.8.linux-amd64/src"


def stack(*functions: str) -> Stack:
    return tuple(Frame(name, "/x/x.go", 1) for name in functions)


class TestPackages:
    @pytest.mark.parametrize(
        ("function", "package"),
        [
            ("main.main", "main"),
            ("main.(*app).run.func1", "main"),
            ("net/http.(*conn).serve", "net/http"),
            ("example.com/shop/internal/store.New", "example.com/shop/internal/store"),
            ("gopkg.in/yaml%2ev3.Unmarshal", "gopkg.in/yaml.v3"),
            ("example.com/a.b/c%2ed.(*T[go.shape.int]).M", "example.com/a.b/c.d"),
            ("main.keep[go.shape.struct { example.com/x/y.Z }]", "main"),
            ("example.com/shop.Map[go.shape.string,net/http.Header].Put", "example.com/shop"),
        ],
    )
    def test_the_package_of_a_symbol(self, function: str, package: str) -> None:
        assert package_of(function) == package


class TestRuntime:
    def test_the_allocators_paths_are_one_site(self) -> None:
        fast = stack("main.f", "main.main")
        slow = stack("runtime.mallocgcSmallNoscan", "runtime.mallocgc", "main.f", "main.main")
        assert without_runtime(slow) == without_runtime(fast) == fast

    def test_a_stack_of_the_runtime_alone_stays(self) -> None:
        alone = stack("runtime.mallocgc", "runtime.main")
        assert without_runtime(alone) == alone

    def test_the_runtimes_packages_are_not_all_that_begin_so(self) -> None:
        site = stack("runtime/debug.Stack", "main.f")
        assert without_runtime(site) == site

    @pytest.mark.parametrize(
        "functions",
        [
            ("runtime.malg", "runtime.newproc1", "main.f"),
            ("runtime.acquireSudog", "runtime.chansend", "main.f"),
            ("sync.runtime_SemacquireMutex", "sync.(*Mutex).Lock", "main.f"),
            ("internal/poll.runtime_Semacquire", "internal/poll.(*FD).Close", "main.f"),
            ("runtime.allocm", "runtime.newm"),
            (
                "runtime.buildTypeAssertCache",
                "runtime.typeAssert",
                "example.org/zap.With",
                "main.f",
            ),
            (
                "runtime.newobject",
                "internal/sync.newIndirectNode[...]",
                "internal/sync.(*HashTrieMap[...]).expand",
                "sync.(*Map).Store",
                "main.f",
            ),
            ("unique.newIndirectNode[go.shape.string]", "unique.(*canonMap[...]).expand", "main.f"),
        ],
    )
    def test_what_the_runtime_keeps_for_good(self, functions: tuple[str, ...]) -> None:
        assert is_runtime_cache(stack(*functions))

    def test_the_room_for_timers(self) -> None:
        for room in ("runtime.(*timers).addHeap", "runtime.doaddtimer"):
            assert is_room_for_timers(stack("runtime.growslice", room, "time.NewTimer", "main.f"))
        assert not is_room_for_timers(stack("runtime.newobject", "time.newTimer", "main.f"))

    def test_the_users_weak_pointers(self) -> None:
        weak = ("runtime.getOrAddWeakHandle", "weak.runtime_registerWeakPointer", "weak.Make[...]")
        assert makes_weak_pointer(stack(*weak, "main.f"))
        assert not makes_weak_pointer(stack(*weak, "unique.(*canonMap[...]).LoadOrStore", "main.f"))
        assert not makes_weak_pointer(stack("main.f", "main.g"))

    def test_the_root_of_a_map_counts(self) -> None:
        root = ("internal/sync.newIndirectNode[...]", "internal/sync.(*HashTrieMap[...]).initSlow")
        assert not is_runtime_cache(
            stack("runtime.newobject", *root, "sync.(*Map).Store", "main.f")
        )

    def test_what_the_user_allocates_through_the_runtime_is_no_free_list(self) -> None:
        assert not is_runtime_cache(stack("runtime.makechan", "main.f"))
        assert not is_runtime_cache(stack("main.f", "sync.runtime_Semacquire"))


class TestMeasuring:
    @pytest.mark.parametrize(
        "functions",
        [
            ("compress/flate.NewWriter", "runtime/pprof.writeHeapProto", "net/http.x"),
            ("fmt.Sprintf", "net/http/pprof.handler.ServeHTTP", "main.leaky", "net/http.x"),
            ("runtime/pprof.(*profileBuilder).build",),
        ],
    )
    def test_what_pprof_does_for_us(self, functions: tuple[str, ...]) -> None:
        assert made_by_measuring(stack(*functions))

    @pytest.mark.parametrize(
        "functions",
        [
            ("main.work.func1", "runtime/pprof.Do", "main.work"),
            ("runtime/pprof.(*Profile).Add", "main.work"),
            ("runtime/pprof.WithLabels", "main.work"),
            ("runtime/pprof.SetGoroutineLabels", "main.work"),
            ("main.pprof", "main.work"),
        ],
    )
    def test_user_code_under_labels_is_not_ours(self, functions: tuple[str, ...]) -> None:
        assert not made_by_measuring(stack(*functions))

    @pytest.mark.parametrize("package", ["main", "net/http"])
    def test_what_the_self_test_plants_is_there_to_be_seen(self, package: str) -> None:
        asking = (f"{package}.(*echoleakAgent).plant", f"{package}.(*echoleakAgent).serve")
        assert made_by_measuring(stack("runtime.makeslice", *asking))
        planted = stack("runtime.makeslice", f"{package}.echoleakPlantedLeak", *asking)
        assert not made_by_measuring(planted)
        own = Ownership((Module("example.com/shop"),), ()).own_frame(planted)
        assert own is not None
        assert own.function == f"{package}.echoleakPlantedLeak"

    def test_of_a_real_profile_the_leaks_are_not_ours(self) -> None:
        sites = decode_heap(recorded("go1.27.exact.heap")).stacks.values()
        ours = [site for site in sites if made_by_measuring(site)]
        assert ours
        assert not any(frame.function == "main.leak" for site in ours for frame in site)


class TestOwnWithModules:
    own = Ownership((SHOP, Module("example.com/lib")), ())

    @pytest.mark.parametrize(
        ("function", "file", "expected"),
        [
            ("main.main", "/src/shop/cmd/main.go", True),
            ("example.com/shop.New", "/src/shop/shop.go", True),
            ("example.com/shop/internal/store.New", "/src/shop/internal/store/s.go", True),
            ("example.com/lib.F", "/elsewhere/lib/f.go", True),
            ("example.com/shopping.F", "/src/shopping/f.go", False),
            ("github.com/labstack/echo/v5.(*Echo).ServeHTTP", "/m/echo/v5@v5.3.0/echo.go", False),
            ("example.com/shop/x.F", "/m/example.com/shop@v1.0.0/x/f.go", False),
            ("example.com/shop/x.F", "/src/shop/vendor/example.com/shop/x/f.go", False),
            ("net/http.(*conn).serve", f"{GOROOT}/net/http/server.go", False),
            ("net/http.(*conn).serve", f"{TOOLCHAIN}/net/http/server.go", False),
            ("example.com/shop.Map[go.shape.string].Put", "/src/shop/map.go", True),
        ],
    )
    def test_frames(self, function: str, file: str, expected: bool) -> None:
        assert self.own.is_own(Frame(function, file, 1)) is expected

    @pytest.mark.parametrize("root", ["/src/vendor/shop", "/builds/shop@v2.1/src"])
    def test_a_module_may_lie_in_a_folder_of_any_name(self, root: str) -> None:
        own = Ownership((Module("example.com/shop", root),), ())
        assert own.is_own(Frame("main.main", f"{root}/main.go", 1))
        assert own.is_own(Frame("example.com/shop/store.New", f"{root}/store/s.go", 1))
        vendored = f"{root}/vendor/example.com/shop/x/f.go"
        assert not own.is_own(Frame("example.com/shop/x.F", vendored, 1))
        assert not own.is_own(Frame("example.com/shop/x.F", "/m/example.com/shop/x@v1.0.0/f.go", 1))

    def test_a_neighbour_is_the_users_own_where_it_is_vendored(self) -> None:
        root = "/src/shop/vendor/example.com/lib"
        own = Ownership((SHOP, Module("example.com/lib", root)), ())
        assert own.is_own(Frame("example.com/lib.F", f"{root}/f.go", 1))
        assert not own.is_own(
            Frame("example.com/lib/x.F", "/src/shop/vendor/example.com/x/f.go", 1)
        )

    def test_a_workspace_with_an_at_sign_is_no_module_cache(self) -> None:
        """A CI server names the folders of concurrent builds `shop@2`."""
        file = "/var/ci/workspace/shop@2/main.go"
        for modules in ((), (SHOP,)):
            assert Ownership(modules, ()).is_own(Frame("example.com/shop.New", file, 1))

    def test_the_nearest_own_frame_answers(self) -> None:
        inner = Frame("example.com/shop/store.Put", "/src/shop/store/s.go", 5)
        outer = Frame("example.com/shop.handle", "/src/shop/h.go", 9)
        library = Frame("container/list.New", f"{GOROOT}/container/list/list.go", 1)
        assert self.own.own_frame((library, inner, outer)) == inner
        assert self.own.own_frame((library,)) is None
        assert self.own.own_frame(()) is None

    def test_a_transport_that_passes_requests_on_answers_for_no_connection(self) -> None:
        makes = Frame("net/http.(*Transport).getConn", f"{GOROOT}/net/http/transport.go", 1)
        trip = Frame("net/http.(*Transport).RoundTrip", f"{GOROOT}/net/http/transport.go", 2)
        clone = Frame("net/http.(*Request).Clone", f"{GOROOT}/net/http/request.go", 1)
        signs = Frame("example.com/shop.(*signing).RoundTrip", "/src/shop/sign.go", 5)
        sends = Frame("net/http.send", f"{GOROOT}/net/http/client.go", 3)
        orders = Frame("example.com/shop.orders", "/src/shop/h.go", 9)
        assert self.own.own_frame((makes, trip, signs, sends, orders)) == orders
        assert self.own.own_frame((makes, trip, signs, signs, sends, orders)) == orders
        assert self.own.own_frame((clone, signs, sends, orders)) == signs
        assert self.own.own_frame((signs, sends, orders)) == signs

    def test_a_driver_of_the_users_own_answers_for_nobody_who_called_database_sql(self) -> None:
        driver = Frame("example.com/shop/fake.(*conn).Query", "/src/shop/fake/d.go", 5)
        sql = Frame("database/sql.(*DB).QueryContext", f"{GOROOT}/database/sql/sql.go", 1)
        orders = Frame("example.com/shop.orders", "/src/shop/h.go", 9)
        handle = Frame("example.com/shop.handle", "/src/shop/h.go", 19)
        assert self.own.own_frame((driver, sql, orders, handle)) == orders
        assert self.own.own_frame((sql, orders, handle)) == orders
        assert self.own.own_frame((driver, orders, handle)) == driver
        assert self.own.own_frames((driver, sql, orders, handle)) == (False, False, True, True)
        value = Frame("example.com/shop.(*JSON).Scan", "/src/shop/json.go", 5)
        assert self.own.own_frame((value, sql, orders, handle)) == value
        assert self.own.own_frame((driver, sql)) == driver


class TestOwnWithoutModules:
    @pytest.mark.parametrize("goroot", [GOROOT, TOOLCHAIN, "/opt/sdk/src"])
    @pytest.mark.parametrize(
        ("function", "file", "expected"),
        [
            ("main.main", "/src/shop/main.go", True),
            ("example.com/shop.New", "/src/shop/shop.go", True),
            ("shop/store.New", "/src/shop/store/s.go", True),
            ("gopkg.in/yaml%2ev3.Unmarshal", "/m/gopkg.in/yaml.v3@v3.0.1/yaml.go", False),
            ("example.com/lib.F", "/src/shop/vendor/example.com/lib/f.go", False),
            ("golang.org/x/net/http2.F", "{goroot}/vendor/golang.org/x/net/http2/f.go", False),
            ("net/http.(*conn).serve", "{goroot}/net/http/server.go", False),
            ("example.com/shop.New", "", False),
        ],
    )
    def test_frames(self, goroot: str, function: str, file: str, expected: bool) -> None:
        main = Frame("runtime.main", f"{goroot}/runtime/proc.go", 283)
        own = Ownership((), ((main,),))
        assert own.is_own(Frame(function, file.format(goroot=goroot), 1)) is expected

    def test_trimmed_paths_of_the_standard_library(self) -> None:
        own = Ownership((), ())
        assert not own.is_own(Frame("net/http.(*conn).serve", "net/http/server.go", 1))
        assert not own.is_own(Frame("runtime.main", "runtime/proc.go", 1))
        assert own.is_own(Frame("example.com/shop.New", "example.com/shop/shop.go", 1))


class TestFiles:
    def test_they_are_relative_to_the_modules_root(self) -> None:
        own = Ownership((SHOP,), ())
        frame = Frame("example.com/shop/store.New", "/src/shop/store/s.go", 5)
        assert own.location(frame).file == "store/s.go"
        assert own.location(frame).line == 5

    def test_trimmed_ones_too(self) -> None:
        own = Ownership((SHOP,), ())
        frame = Frame("example.com/shop/store.New", "example.com/shop/store/s.go", 5)
        assert own.location(frame).file == "store/s.go"

    @pytest.mark.parametrize(
        ("package", "folder", "shown"),
        [
            ("example.com/shop", "/src", "main.go"),
            ("example.com/shop/cmd/server", "/src/cmd/server", "cmd/server/main.go"),
            ("example.com/shop/cmd/server", "/elsewhere", "/elsewhere/main.go"),
            ("command-line-arguments", "/src", "/src/main.go"),
            ("", "/src", "/src/main.go"),
        ],
    )
    def test_the_main_package_tells_the_root_of_a_module_without_others(
        self, package: str, folder: str, shown: str
    ) -> None:
        main = Frame("main.main", f"{folder}/main.go", 9)
        own = Ownership((Module("example.com/shop", None, package),), ((main,),))
        assert own.location(main).file == shown

    def test_a_root_that_nobody_told_is_inferred_from_the_stacks(self) -> None:
        frame = Frame("example.com/shop/store.New", "/build/shop/store/s.go", 5)
        main = Frame("main.main", "/build/shop/cmd/server/main.go", 9)
        own = Ownership((Module("example.com/shop"),), ((frame, main),))
        assert own.location(frame).file == "store/s.go"
        assert own.location(main).file == "cmd/server/main.go"

    def test_a_folder_whose_name_begins_like_the_root_is_another_one(self) -> None:
        own = Ownership((SHOP,), ())
        frame = Frame("main.f", "/src/shop-2/main.go", 1)
        assert own.location(frame).file == "/src/shop-2/main.go"

    def test_files_of_others_stay_as_they_are(self) -> None:
        own = Ownership((SHOP,), ())
        file = f"{GOROOT}/net/http/server.go"
        assert own.location(Frame("net/http.(*conn).serve", file, 1)).file == file

    def test_those_of_go_and_of_the_module_cache_have_no_folder_of_a_machine(self) -> None:
        root = "/home/dev/go/pkg/mod/golang.org/toolchain@v0.0.1-go1.27.0.linux-amd64/src"
        serve = Frame("net/http.(*conn).serve", f"{root}/net/http/server.go", 1)
        exit_ = Frame("runtime.goexit", f"{root}/runtime/asm_amd64.s", 1)
        tags = Frame(
            "xorm.io/xorm/tags.parse", "/home/dev/go/pkg/mod/xorm.io/xorm@v1.4/tags/p.go", 1
        )
        own = Ownership((SHOP,), ((serve, exit_),))
        assert own.location(serve).file == "net/http/server.go"
        assert own.location(tags).file == "xorm.io/xorm@v1.4/tags/p.go"

    @pytest.mark.parametrize("modules", [(), (Module("example.com/recorded"),)])
    def test_of_a_real_profile_built_with_trimpath(self, modules: tuple[Module, ...]) -> None:
        sites = tuple(decode_heap(recorded("go1.26.exact.heap")).stacks.values())
        own = Ownership(modules, sites)
        owned = {frame for site in sites for frame in site if own.is_own(frame)}
        assert {package_of(frame.function) for frame in owned} == {
            "main",
            "example.com/recorded/store",
        }
        if modules:
            assert {own.location(frame).file for frame in owned} == {"main.go", "store/store.go"}
