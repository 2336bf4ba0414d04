"""Who holds what, on real dumps of a program that leaks in every way."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_echoleak.heap.analysis import Analysis, Answer, Holder, Question, analyse
from tests.heap.dumps import COUNT, SOURCE, Dumps, make_dumps, question

# The leak's name, its root's kind, what holds it, and the container that grows.
EXPECTED = {
    "session": (
        "package variable",
        "main.sessions (package variable) -> map[int]*main.session -> *main.session",
        "map main.sessions",
    ),
    "token": (
        "package variable",
        "main.sessions (package variable) -> map[int]*main.session -> *main.session"
        " -> token []byte",
        "map main.sessions",
    ),
    "entry": (
        "goroutine",
        "goroutine main.main [dumping heap], main.(*server).serve (variable s)"
        " -> cache.items []*main.entry -> *main.entry",
        "slice s.cache.items",
    ),
    "goroutine": (
        "goroutine",
        "goroutine main.waitForever [chan receive], main.waitForever (variable buffer) -> []byte",
        "",
    ),
    "closure": (
        "package variable",
        "main.listeners (package variable) -> []func() int -> func main.listen.func1"
        " -> state *[150]int",
        "slice main.listeners",
    ),
    "timer": (
        "timer",
        "a timer -> func main.later.func1 -> buffer *[300]byte",
        "timer heap timer heap",
    ),
    "context": (
        "package variable",
        "main.parent (package variable) -> *context.cancelCtx"
        " -> children map[context.canceler]struct {} -> *context.cancelCtx",
        "map main.parent.children",
    ),
    "shift": (
        "goroutine",
        "goroutine main.main [dumping heap], main.(*server).serve (variable o)"
        " -> *main.office -> desk *main.desk -> hours *main.hours -> open *signal.signalCtx"
        " -> Context *context.cancelCtx"
        " -> children map[context.canceler]struct {} -> *context.cancelCtx",
        "map main.hours.open.Context.children",
    ),
    "list": (
        "package variable",
        "main.recent (package variable) -> *list.List -> *main.entry",
        "list main.recent",
    ),
    "chain": (
        "package variable",
        "main.chain (package variable) -> *main.node",
        "linked list main.chain",
    ),
    "channel": (
        "package variable",
        "main.queue (package variable) -> chan *main.event -> *main.event",
        "channel main.queue",
    ),
    "syncmap": (
        "package variable",
        "main.seen (package variable) -> sync.Map -> *main.event",
        "sync.Map main.seen",
    ),
    "step": (
        "package variable",
        "main.past (package variable) -> *main.history -> last *main.step -> undo *main.undo",
        "linked list main.past.last",
    ),
    "wrap": (
        "package variable",
        "main.past (package variable) -> *main.history -> call func main.(*history).wrap.func1",
        "linked list main.past.call",
    ),
    "title": (
        "package variable",
        "main.titles (package variable) -> []string -> string",
        "slice main.titles",
    ),
    "visit": (
        "goroutine",
        "goroutine main.(*house).open [chan receive], main.(*house).open (variable h)"
        " -> *main.house -> visits []*main.event -> *main.event",
        "slice h.visits",
    ),
    "guest": (
        "goroutine",
        "goroutine main.(*house).open [chan receive], main.(*house).open (variable h)"
        " -> *main.house -> byGuest map[string][]*main.twin -> []*main.twin -> *main.twin",
        "slice h.byGuest",
    ),
    "key": (
        "goroutine",
        "goroutine main.keepKeys [select], main.keepKeys -> a map -> *[32]byte",
        "map main.keepKeys",
    ),
    "book": (
        "package variable",
        "main.books (package variable) -> *main.shelf -> order *list.List -> *main.book",
        "list main.books.order",
    ),
    "paper": (
        "package variable",
        "main.papers (package variable) -> *main.shelf -> order *list.List -> *main.paper",
        "list main.papers.order",
    ),
    "leaf": (
        "package variable",
        "main.files (package variable) -> *main.archive -> byName map[string]*list.Element"
        " -> *main.folder -> inner *[24]byte",
        "map main.files.byName",
    ),
    "trie": (
        "package variable",
        "main.numbers (package variable) -> *main.trie",
        "tree main.numbers",
    ),
    "card": (
        "package variable",
        "main.cards (package variable) -> *main.catalog -> below []*main.catalog"
        " -> *main.catalog -> cards []*main.card -> *main.card",
        "tree main.cards",
    ),
    "dictionary": (
        "package variable",
        "main.words (package variable) -> *main.dictionary -> next map[int]*main.dictionary"
        " -> *main.dictionary",
        "map main.words.next",
    ),
    "ticket": (
        "package variable",
        "main.routes (package variable) -> *main.route -> below []*main.route -> *main.route"
        " -> serve func main.newRoutes.func1 -> tickets *main.shards[int,*main.ticket]"
        " -> parts.byKey map[int]*main.ticket -> *main.ticket",
        "map main.shards[int,*main.ticket].parts.byKey",
    ),
    "fare": (
        "package variable",
        "main.routes (package variable) -> *main.route -> below []*main.route -> *main.route"
        " -> serve func main.newRoutes.func2 -> fares func main.fetching[...].func1"
        " -> *main.shop[*main.fare] -> byKey map[int]*main.fare -> *main.fare",
        "map main.shop[*main.fare].byKey",
    ),
    "edition": (
        "package variable",
        "main.newest (package variable) -> *main.edition",
        "linked list main.newest",
    ),
    "slot": (
        "package variable",
        "main.turn (package variable) -> chan *main.slots -> *main.slots -> of *[20]byte",
        "struct main.turn",
    ),
    "finalizer": ("finalizer", "the finalizer of *main.conn -> peer *main.conn", ""),
    "extra": (
        "package variable",
        "main.settings (package variable) -> Extra map[string][]byte -> []byte",
        "map main.settings.Extra",
    ),
}
NEWEST = ("local", "go1.27.3")
# Maps and sync.Map have other insides, closures no names of what they captured.
OLDER = ("go1.24.11", "go1.21.13")
# What entries say of their end, in seconds from the dump on.
EXPIRES = {
    "lease": ("main.lease.expires", 60),
    "grant": ("main.grant.until", 120),
    "promise": ("main.promise.deadline", 180),
    "overdue": ("main.lease.expires", -3600),
}
NEVER = ("eternal", "session")


@pytest.fixture(scope="module", params=NEWEST + OLDER)
def toolchain(request: pytest.FixtureRequest) -> str:
    """Each Go, one after the other."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def dumps(toolchain: str, tmp_path_factory: pytest.TempPathFactory) -> Dumps:
    """The dumps of that Go."""
    return make_dumps(tmp_path_factory.mktemp("dumps"), toolchain)


@pytest.fixture(scope="module")
def analysis(dumps: Dumps) -> Analysis:
    """All questions at once."""
    leaks = [*EXPECTED, "twice", "guestlist", *EXPIRES, *NEVER]
    questions = [question(leak) for leak in leaks]
    return analyse(
        dumps.after, dumps.binary, before=dumps.before, questions=questions, growth=True, top=60
    )


@pytest.mark.parametrize("leak", EXPECTED)
def test_each_holder_is_named(analysis: Analysis, toolchain: str, leak: str) -> None:
    kind, text, container = EXPECTED[leak]
    first = answer_of(analysis, leak).holders[0]
    assert first.root_kind == kind
    if toolchain in NEWEST:
        assert text_of(first) == text
        assert container_of(first) == container
    else:
        # There the entry function may be a wrapper without a name of its own.
        assert (
            text_of(first).split(" -> ")[0].split(", ")[-1]
            == (text.split(" -> ")[0].split(", ")[-1])
        )


@pytest.mark.parametrize("leak", EXPECTED)
def test_every_object_made_in_between_is_found_and_explained(analysis: Analysis, leak: str) -> None:
    answer = answer_of(analysis, leak)
    # A line may allocate two objects, and the map's groups; the tiny allocator shares blocks.
    assert answer.objects >= COUNT
    # Go 1.21 makes one closure of the first two.
    assert answer.holders[0].objects >= COUNT - 1
    assert answer.holders[0].share > 0.8


def test_both_holders_of_an_object_are_listed(analysis: Analysis) -> None:
    answer = answer_of(analysis, "twice")
    assert answer.objects == COUNT
    assert sorted(container_of(holder) for holder in answer.holders) == [
        "map main.byName",
        "slice main.inOrder",
    ]
    assert {holder.objects for holder in answer.holders} == {COUNT}
    assert {holder.held_by_nothing_else for holder in answer.holders} == {0}


def test_what_a_middleware_keeps_is_named_by_its_slice_alone(analysis: Analysis) -> None:
    """No frame of the stack that allocates a request is the middleware's."""
    held = [
        holder
        for site in analysis.sites
        for holder in site.holders
        if holder.root == "main.requests (package variable)" and holder.path[-1] == "*http.Request"
    ]
    assert [holder.objects for holder in held] == [COUNT]
    assert held[0].path == ("[]*http.Request", "*http.Request")
    # With what hangs from the request: its URL, header and strings.
    assert held[0].retained_bytes > held[0].bytes


def test_goroutines_are_grouped_by_function_and_what_they_wait_for(analysis: Analysis) -> None:
    (holder,) = answer_of(analysis, "goroutine").holders
    assert holder.goroutine is not None
    assert holder.goroutine.count == COUNT
    assert holder.goroutine.function == "main.waitForever"
    assert holder.goroutine.wait == "chan receive"
    assert holder.goroutine.created_by == "main.(*server).round"
    assert holder.goroutine.file == str(SOURCE)
    assert SOURCE.read_text().splitlines()[holder.goroutine.line - 1].strip() == "go waitForever()"


def test_retained_bytes_are_those_of_the_entries(analysis: Analysis) -> None:
    """A session retains its token, an event its payload."""
    (token,) = answer_of(analysis, "token").holders
    assert token.bytes == COUNT * 48
    assert token.retained_bytes == COUNT * (48 + 32)


def test_a_string_tells_how_much_of_what_it_keeps_it_shows(analysis: Analysis) -> None:
    """One word of a hundred."""
    assert answer_of(analysis, "title").holders[0].shown_share <= 0.01
    assert answer_of(analysis, "token").holders[0].shown_share == 1


@pytest.mark.parametrize("leak", EXPIRES)
def test_entries_tell_when_they_expire(analysis: Analysis, leak: str) -> None:
    field, seconds = EXPIRES[leak]
    found = answer_of(analysis, leak).holders[0].expiry
    assert found is not None
    assert found.field == field
    assert seconds - 60 < found.soonest_seconds <= found.latest_seconds < seconds + 5


@pytest.mark.parametrize("leak", NEVER)
def test_what_says_no_time_expires_at_none(analysis: Analysis, leak: str) -> None:
    assert answer_of(analysis, leak).holders[0].expiry is None


def test_same_container_has_the_same_number(analysis: Analysis) -> None:
    token = answer_of(analysis, "token").holders[0].container
    session = answer_of(analysis, "session").holders[0].container
    extra = answer_of(analysis, "extra").holders[0].container
    assert token is not None
    assert token == session
    assert extra is not None
    assert token.number != extra.number


def test_a_site_that_allocates_a_container_says_so(analysis: Analysis) -> None:
    guest = answer_of(analysis, "guest").holders[0].container
    assert guest is not None
    assert guest.number in answer_of(analysis, "guestlist").containers
    assert answer_of(analysis, "guest").containers == ()


def test_shards_are_one_container_and_retain_what_all_of_them_do(
    analysis: Analysis, toolchain: str
) -> None:
    (holder,) = answer_of(analysis, "ticket").holders
    assert (holder.objects, holder.retained_bytes) == (COUNT, COUNT * 208)
    if toolchain in NEWEST:
        assert holder.container is not None
        assert holder.container.retained_bytes >= (COUNT + 20) * 208


def test_counts_agree_with_the_runtimes(analysis: Analysis) -> None:
    assert analysis.notes == ()
    assert analysis.goroutines > COUNT
    assert 0 < analysis.sampled <= analysis.objects


def test_question_by_stack_finds_the_same_as_by_line(dumps: Dumps, analysis: Analysis) -> None:
    site = next(s for s in analysis.sites if s.stack[0].function == "main.newToken")
    asked = Question("stack", frames=site.stack)
    found = analyse(dumps.after, dumps.binary, before=dumps.before, questions=[asked])
    assert found.answers[0].objects == answer_of(analysis, "token").objects
    texts = [text_of(holder) for holder in found.answers[0].holders]
    assert texts == [text_of(holder) for holder in answer_of(analysis, "token").holders]


def test_single_dump_counts_what_was_there_before_too(dumps: Dumps) -> None:
    (answer,) = analyse(dumps.after, dumps.binary, questions=[question("token")]).answers
    assert answer.objects == COUNT + 20


def test_stack_that_allocated_nothing_has_no_holder(dumps: Dumps) -> None:
    (answer,) = analyse(dumps.after, dumps.binary, questions=[Question("x", file="x.go")]).answers
    assert (answer.objects, answer.holders) == (0, ())


@pytest.mark.parametrize("toolchain", ["local"], indirect=True)
@pytest.mark.parametrize(
    ("flags", "notes", "root"),
    [
        ("-w", ["no DWARF"], "main.listeners (package variable)"),
        ("-s -w", ["no symbols", "no DWARF"], "a package variable without a name"),
    ],
)
def test_stripped_binary_is_said_to_have_no_names(
    tmp_path: Path, flags: str, notes: list[str], root: str, toolchain: str
) -> None:
    dumps = make_dumps(tmp_path, toolchain, f"-ldflags={flags}")
    found = analyse(dumps.after, dumps.binary, questions=[question("closure")])
    assert [note for note, part in zip(found.notes, notes, strict=True) if part in note]
    assert found.answers[0].holders[0].root == root


def answer_of(analysis: Analysis, leak: str) -> Answer:
    return next(answer for answer in analysis.answers if answer.id == leak)


def text_of(holder: Holder) -> str:
    """The holder's text without what the same line allocates below the object it names."""
    return holder.text.removesuffix(" -> payload *[128]byte").removesuffix(" -> body *[96]byte")


def container_of(holder: Holder) -> str:
    if holder.container is None:
        return ""
    return f"{holder.container.kind} {holder.container.name}"
