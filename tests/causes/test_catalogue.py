"""Each cause is told by its own evidence, recorded from real leaks or made, and by no other's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_echoleak.attribution import Trial
from pytest_echoleak.causes.catalogue import CATALOGUE
from pytest_echoleak.causes.clues import Clues
from pytest_echoleak.causes.explaining import cause_of, explain
from pytest_echoleak.results import HeldBy
from tests.causes import record
from tests.causes.made import allocated, clues, held, waiting, waiting_in_own
from tests.causes.made_evidence import MADE, MAP, REDIS, SLICE, SQL
from tests.corpus import labels

RECORDED = record.load()
CASES = {case.name: case for case in labels.cases() if case.verdict != "clean"}
EXAMPLE = {
    "example/request": "context-retained",
    "example/goroutine": "goroutine-blocked-channel",
    "example/body": "unclosed-response-body",
    "example/cache/{i}": "unbounded-map",  # a cache, by the name that a holder tells
    "example/listener": "listener-not-removed",
    "example/ticker": "ticker-not-stopped",
    "example/map": "unbounded-map",
    "example/rows": "sql-rows-not-closed",
}
# What is more general than others, and may fit what something specific explains.
GENERAL = {
    "unbounded-map",
    "unbounded-slice",
    "goroutine-blocked-channel",
    "goroutine-no-exit-loop",
    "other",
}


def test_every_leak_of_the_corpus_is_recorded() -> None:
    assert RECORDED.keys() == CASES.keys() | EXAMPLE.keys()


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_recorded_leaks_have_their_cause(name: str) -> None:
    found = {one.cause for one in explain(RECORDED[name])}
    if name in EXAMPLE:
        assert found == {EXAMPLE[name]}
        return
    case = CASES[name]
    right = {case.cause, *case.cause_accepted}
    if case.cause_needs_holder:
        right |= {"other", *case.cause_seen}
    assert found & right


# Their routes leak in two ways, or what a goroutine holds needs a holder to be told.
SEVERAL = ("actors", "checkout", "rotation", "stockroom", "thumbnails", "transports")


@pytest.mark.parametrize("name", [one for one in sorted(CASES) if not one.startswith(SEVERAL)])
def test_one_leak_is_one_finding(name: str) -> None:
    assert len(explain(RECORDED[name])) == 1


@pytest.mark.parametrize("name", sorted(RECORDED))
def test_no_specific_cause_fits_what_another_one_explains(name: str) -> None:
    for one in RECORDED[name]:
        first = cause_of(one)
        fitting = {cause.name for cause in CATALOGUE if cause.fits(one)}
        assert first is None or fitting - {first.name} <= GENERAL


@pytest.mark.parametrize("name", MADE)
def test_made_evidence_has_its_cause_and_no_other_specific_one(name: str) -> None:
    cause, one = MADE[name]
    fitting = [entry.name for entry in CATALOGUE if entry.fits(one)]
    assert fitting[0] == cause
    assert set(fitting) - {cause} <= GENERAL


def test_a_ticker_that_dead_goroutines_wait_for_was_stopped() -> None:
    dead = replace(clues(waiting_in_own("runtime.chanrecv")).finding, evidence="unreachable")
    ticker = clues(allocated("time.NewTicker", count=3_000))
    found = cause_of(ticker)
    assert found is not None
    assert found.name == "ticker-not-stopped"
    assert cause_of(replace(ticker, siblings=(dead,))) is None


def test_a_transaction_that_stays_open_is_the_matter_whatever_was_read_in_it() -> None:
    rows = allocated(SQL + "queryDC", "database/sql.(*Tx).QueryContext")
    one = cause_of(clues(waiting("runtime.chanrecv", "database/sql.(*Tx).awaitDone"), rows))
    assert one is not None
    assert one.name == "sql-conn-not-returned"


@pytest.mark.parametrize(
    "unknown",
    [
        clues(allocated()),
        clues(allocated(), around=(MAP, SLICE)),  # either may keep it
        clues(allocated(), around=(replace(SLICE, inner=(), count=1),), shows_runtime=False),
        clues(allocated(), around=(replace(SLICE, inner=()),)),  # several blocks: is it one slice?
        clues(allocated(inner="runtime.makechan")),  # nobody is seen to keep the channel
        clues(allocated("context.WithCancel", "net/http.(*Transport).roundTrip")),
        clues(allocated("context.withCancel", "context.WithCancel")),  # cancelled, and kept
        clues(  # the channel of a parent that is kept, for which its child asked
            allocated("context.WithCancel"),
            allocated(
                "context.(*cancelCtx).Done",
                "context.(*cancelCtx).propagateCancel",
                "context.WithCancel",
            ),
        ),
        clues(allocated(REDIS + "proto.(*Reader).readString", REDIS + "pool.(*Conn).WithReader")),
        clues(allocated("database/sql.convertAssign", "database/sql.(*Rows).Scan")),
        clues(allocated("time.newTimer", "time.AfterFunc", "example.org/lib.(*Pool).Get")),
        clues(waiting("runtime.netpollblock", "internal/poll.runtime_pollWait", "net.Read")),
        clues(waiting("", "main.spin")),
        clues(  # cleanups of objects that live
            allocated(inner="runtime.AddCleanup[...]"),
            holders=(HeldBy("nothing", ("nothing that the dump shows",)),),
        ),
        clues(  # one cleanup among a thousand objects
            allocated(),
            around=(allocated(inner="runtime.AddCleanup[...]", count=1),),
            holders=(HeldBy("nothing", ("nothing that the dump shows",)),),
        ),
        clues(allocated("example.org/mail.(*Client).GetSubscribers")),
        clues(allocated("example.org/mail.(*Client).PublishToSubscribers")),
        clues(allocated(), trials=(Trial("GET /{i}", 100, 60, same_value=True),)),
    ],
)
def test_what_no_entry_is_sure_of_stays_unknown(unknown: Clues) -> None:
    assert cause_of(unknown) is None


def test_every_entry_is_told_by_some_evidence() -> None:
    known = [one for several in RECORDED.values() for one in several]
    known += [one for _, one in MADE.values()]
    told = {id(cause_of(one)) for one in known}
    assert [cause.text for cause in CATALOGUE if id(cause) not in told] == []


def test_entries_are_told_in_sentences_and_by_the_contracts_identifiers() -> None:
    for cause in CATALOGUE:
        assert cause.name in labels.CAUSES
        assert cause.text
        assert cause.fix
        assert not cause.text.endswith(".")
        assert cause.see.startswith("go doc ")
        assert "http://" not in cause.see + cause.fix + cause.text
    assert {cause.name for cause in CATALOGUE} == set(labels.CAUSES)


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("handles/leak", HeldBy("finalizer", ())),
        ("hooks/leak", held("map", "map[int64]func()", kept_types=("func()",))),
        ("keylock/leak", held("map", "map[int64]*sync.Mutex")),
    ],
)
def test_holders_tell_what_stacks_cannot(name: str, holder: HeldBy) -> None:
    known = [replace(one, holders=(holder,)) for one in RECORDED[name]]
    assert {one.cause for one in explain(known)} == {CASES[name].cause}
