"""One leak is one finding, whatever the number of its stacks."""

from __future__ import annotations

import pytest

from pytest_echoleak.allowing import Allowance
from pytest_echoleak.folding import Folds, fold_series
from pytest_echoleak.pprof.frames import Frame, Stack
from pytest_echoleak.series import Growth
from pytest_echoleak.tolerance import Allow
from tests.made_series import HANDLER, OWN, SERVE, SITE, WAITING, growth, series

ROUNDS = (100, 100, 100)


def library(number: int) -> Frame:
    return Frame(f"example.org/lib.f{number}", "/m/example.org/lib@v1.0.0/f.go", number)


def folded(heap: dict[Stack, Growth], goroutines: dict[Stack, Growth] | None = None) -> Folds:
    return fold_series(series(ROUNDS, heap, goroutines), OWN)


def test_a_dozen_stacks_below_one_line_of_the_users_are_one() -> None:
    heap: dict[Stack, Growth] = {
        (library(k), HANDLER, SERVE): growth((k, k, k), 10) for k in range(1, 13)
    }
    (fold,) = folded(heap).open
    assert (fold.frame, fold.stacks, fold.own) == (HANDLER, 12, True)
    assert fold.growth == Growth((78.0, 78.0, 78.0), (780.0, 780.0, 780.0))
    assert fold.stack[0] == library(12), "the one that grew most"


def test_turnover_of_a_cache_is_flat_once_folded() -> None:
    """It grows at the request's stack and shrinks at the loader's."""
    loader = (HANDLER, Frame("main.main", "/src/shop/main.go", 1))
    heap: dict[Stack, Growth] = {SITE: growth(ROUNDS), loader: growth((-100, -100, -100))}
    (fold,) = folded(heap).open
    assert fold.growth.count == (0, 0, 0)


def test_two_lines_of_the_users_are_two() -> None:
    heap: dict[Stack, Growth] = {
        (HANDLER._replace(line=line), SERVE): growth(ROUNDS) for line in (1, 2)
    }
    assert len(folded(heap).open) == 2


def test_without_an_own_frame_the_outermost_one_answers() -> None:
    heap: dict[Stack, Growth] = {
        (library(k), library(99)._replace(line=k)): growth(ROUNDS) for k in (1, 2)
    }
    (fold,) = folded(heap).open
    assert fold.frame.function == library(99).function
    assert not fold.own
    assert (
        fold.note(exact=True, iterations=100) == "no frame of the service's own code in the stack"
    )


@pytest.mark.parametrize("function", ["net/http.readRequest", "net/http.readRequestLimit"])
def test_whole_requests_are_one(function: str) -> None:
    read = Frame(function, "/go/src/net/http/request.go", 1100)
    serve = Frame("net/http.(*conn).readRequest", "/go/src/net/http/server.go", 1000)
    heap: dict[Stack, Growth] = {
        (Frame("net/textproto.(*Reader).ReadLine", "", 1), read, serve, SERVE): growth(ROUNDS),
        (Frame("net/url.Parse", "", 1), read._replace(line=1120), serve, SERVE): growth(ROUNDS),
        (Frame("context.WithCancel", "", 1), serve, SERVE): growth(ROUNDS, 16),
        (read, serve, SERVE): growth(ROUNDS, 288),
    }
    (fold,) = folded(heap).open
    assert fold.stacks == 4
    note = fold.note(exact=True, iterations=sum(ROUNDS))
    assert "whole requests are retained, 1.000 per iteration" in note


def test_a_string_cut_from_a_request_is_no_whole_request() -> None:
    read = Frame("net/http.readRequest", "/go/src/net/http/request.go", 1100)
    line = (Frame("net/textproto.(*Reader).ReadLine", "", 1), read, SERVE)
    (fold,) = folded({line: growth(ROUNDS)}).open
    assert "parts of requests are retained" in fold.note(exact=True, iterations=100)


def test_goroutines_are_folded_by_their_entry_function() -> None:
    """They wait at several lines; one `go` statement started them all."""
    entry = Frame("example.com/shop.worker", "/src/shop/w.go", 3)
    goroutines: dict[Stack, Growth] = {
        (HANDLER, entry._replace(line=line)): growth(ROUNDS, 0) for line in (3, 4, 5)
    }
    goroutines[WAITING] = growth(ROUNDS, 0)
    assert sorted(fold.stacks for fold in folded({}, goroutines).open) == [1, 3]


def test_heap_and_goroutines_are_never_one_fold() -> None:
    kinds = [fold.kind for fold in folded({SITE: growth(ROUNDS)}, {SITE: growth(ROUNDS, 0)}).open]
    assert kinds == ["heap", "goroutine"]


def test_allowed_stacks_are_taken_out_before_folding() -> None:
    allow = Allowance(Allow(function="example.org/lib.f1", reason="a cache"))
    other = Allowance(Allow(function="*", reason="never reached", at_most_objects=5))
    heap: dict[Stack, Growth] = {(library(k), HANDLER, SERVE): growth(ROUNDS) for k in (1, 2)}
    folds = fold_series(series(ROUNDS, heap), OWN, [allow])
    assert [fold.stacks for fold in folds.open] == [1]
    both = fold_series(series(ROUNDS, heap), OWN, [allow, other])
    assert (both.open, [fold.stacks for fold in both.exceeded]) == ((), [1])
    assert "at_most_objects=5" in both.exceeded[0].exceeds


def test_an_allow_that_matched_what_did_not_grow_is_unused() -> None:
    allow = Allowance(Allow(function="*", reason="a cache"))
    shrinking: dict[Stack, Growth] = {SITE: growth((-1, 0, 0))}
    assert fold_series(series(ROUNDS, shrinking), OWN, [allow]).unused_allows == ("*",)
