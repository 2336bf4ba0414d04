"""How functions are written for people."""

from __future__ import annotations

import pytest

from pytest_echoleak.pprof.frames import short_function


@pytest.mark.parametrize(
    ("symbol", "short"),
    [
        ("main.(*store).fill", "main.(*store).fill"),
        ("github.com/robfig/cron/v3.(*Cron).run", "cron.(*Cron).run"),
        ("gopkg.in/natefinch/lumberjack%2ev2.(*Logger).millRun", "lumberjack.(*Logger).millRun"),
        (
            "github.com/jelly/ttlcache/v3.(*Cache[go.shape.int64]).Start",
            "ttlcache.(*Cache).Start",
        ),
        ("net/http.(*conn).serve", "http.(*conn).serve"),
        ("code.example/shop/pkg/api/v1.markSeen", "v1.markSeen"),
    ],
)
def test_a_function_as_a_developer_writes_it(symbol: str, short: str) -> None:
    assert short_function(symbol) == short
