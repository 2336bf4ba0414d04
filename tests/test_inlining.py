"""A dump's stacks, told as profiles tell them."""

from __future__ import annotations

from pytest_echoleak.inlining import expanded, inlined_calls
from pytest_echoleak.pprof.frames import Frame

INSERT = Frame("container/list.(*List).insertValue", "list.go", 90)
PUSH = Frame("container/list.(*List).PushBack", "list.go", 104)
NOTE = Frame("main.note", "main.go", 12)
HANDLE = Frame("main.handle", "main.go", 30)
# What a dump makes of PUSH, inlined into NOTE, inlined into HANDLE.
ONE_FOR_ALL = Frame("main.handle", "list.go", 104)


def test_a_frame_stands_for_all_calls_that_were_inlined_there() -> None:
    calls = inlined_calls([ONE_FOR_ALL], [(INSERT, PUSH, NOTE, HANDLE)])
    assert expanded((INSERT, ONE_FOR_ALL), calls) == (INSERT, PUSH, NOTE, HANDLE)


def test_the_same_line_in_another_function_is_another_call() -> None:
    other = Frame("main.other", "list.go", 104)
    assert inlined_calls([other], [(PUSH, NOTE, HANDLE)]) == {}
    assert expanded((other,), {}) == (other,)


def test_of_two_ways_to_a_function_the_shorter_is_taken() -> None:
    """The longer one leads through it: it calls itself."""
    calls = inlined_calls([ONE_FOR_ALL], [(PUSH, NOTE, NOTE, HANDLE), (PUSH, NOTE, HANDLE)])
    assert calls[ONE_FOR_ALL] == (PUSH, NOTE, HANDLE)


def test_what_may_be_one_of_two_calls_is_not_guessed() -> None:
    """Two lines of a function call what is inlined there: no order of a profile decides."""
    other = NOTE._replace(line=14)
    stacks = [(PUSH, NOTE), (PUSH, other)]
    frame = NOTE._replace(file=PUSH.file, line=PUSH.line)
    for order in (stacks, stacks[::-1], [*stacks, stacks[0]]):
        calls = inlined_calls([frame], order)
        assert expanded((INSERT, frame, HANDLE), calls) == (INSERT,)


def test_functions_of_one_name_in_two_packages_are_two() -> None:
    library = Frame("example.com/lib/store.Put", "put.go", 3)
    own = Frame("example.com/shop/store.Put", "store.go", 7)
    dumped = own._replace(file=PUSH.file, line=PUSH.line)
    assert inlined_calls([dumped], [(PUSH, library, own)])[dumped] == (PUSH, library, own)


def test_type_arguments_are_written_otherwise_in_dumps() -> None:
    profiled = Frame("main.(*Box[...]).put", "box.go", 7)
    dumped = Frame("main.(*Box[go.shape.string]).put", "list.go", 104)
    assert inlined_calls([dumped], [(PUSH, profiled)])[dumped] == (PUSH, profiled)


def test_a_frame_that_no_profile_has_stands_for_itself() -> None:
    generic = Frame("main.(*Box[go.shape.map[string]int]).put", "box.go", 7)
    calls = inlined_calls([HANDLE, generic], [])
    assert expanded((generic, HANDLE), calls) == (
        generic._replace(function="main.(*Box[...]).put"),
        HANDLE,
    )
