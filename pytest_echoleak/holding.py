"""Who holds what leaks: a heap dump, asked about the stacks behind each finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from pytest_echoleak.dumping import Dumping, Dumps
from pytest_echoleak.errors import EcholeakError, HeapDumpError
from pytest_echoleak.folding import Fold
from pytest_echoleak.heap.analysis import Answer, Holder, Question, analyse
from pytest_echoleak.inlining import expanded, inlined_calls
from pytest_echoleak.ownership import Ownership
from pytest_echoleak.results import Finding, HeldBy
from pytest_echoleak.text import printable_line
from pytest_echoleak.verdict import Judgement

# Of one leak through a library some hundred stacks may grow; the largest tell who holds them.
_MOST_STACKS = 40
_COVERED = 0.6
_LEAST_SHARE = 0.02
_LEAST_FOUND = 0.3
_NOBODY = "the heap dump has too few of the objects that leaked"
_MOST_HOLDERS = 5
_OBJECTS_OF_CONTAINER = 20


@dataclass(frozen=True)
class Known:
    """Who holds what a finding counts, the largest holder first: none where that is not known.

    `containers`: the numbers of the containers that are among the finding's objects themselves.
    """

    by: tuple[HeldBy, ...] = ()
    containers: frozenset[int] = frozenset()


def holders_of(
    judgement: Judgement, findings: Sequence[Finding], dumping: Dumping, ownership: Ownership
) -> tuple[tuple[Known, ...], str]:
    """Return who holds what each of `findings` counts, and why nobody is named where that failed.

    Nothing is asked where no heap of theirs grew, or where the service has no agent.
    """
    nobody = tuple(Known() for _ in findings)
    made_of = [judgement.made_of[finding] for finding in findings]
    if not any(fold.kind == "heap" for folds in made_of for fold in folds):
        return nobody, ""
    try:
        if not dumping.possible:
            return nobody, ""
        dumps = dumping.of_leak(
            [
                ({stack for fold in folds for stack in fold.parts}, finding.objects)
                for finding, folds in zip(findings, made_of, strict=True)
            ]
        )
        expected = [
            0.0 if finding.evidence == "sampled" else finding.objects * dumps.share
            for finding in findings
        ]
        found = find_holders(dumps, made_of, expected, ownership)
        return found, "" if any(one.by for one in found) else _NOBODY
    except (EcholeakError, OSError) as error:  # whatever it is, the verdict stands
        return nobody, printable_line(str(error).partition("\n")[0], 300)


def find_holders(
    dumps: Dumps,
    findings: Sequence[Sequence[Fold]],
    expected: Sequence[float],
    ownership: Ownership,
) -> tuple[Known, ...]:
    """Return who holds what each finding counts.

    `findings` are given by the folds that they are made of, and `expected` is how many objects each
    must have in the dumps: where few of them are found, their holders are not known. Raises
    HeapDumpError and BuildError.
    """
    binary = dumps.after.binary
    if binary is None:
        raise HeapDumpError("the program that was dumped is on no disk that can be read")
    questions = [
        question
        for number, folds in enumerate(findings)
        for question in _questions(number, folds, ownership)
    ]
    if not questions:
        return tuple(Known() for _ in findings)
    answers: defaultdict[int, list[Answer]] = defaultdict(list)
    before = dumps.before.path if dumps.before else None
    found = analyse(dumps.after.path, binary, before=before, questions=questions).answers
    for answer in _with_inlined_calls(found, ownership):
        answers[int(answer.id.partition(" ")[0])].append(answer)
    return tuple(
        Known(
            _together(answers[number], objects, dumps.share, ownership),
            frozenset(one for answer in answers[number] for one in _made_there(answer)),
        )
        for number, objects in enumerate(expected)
    )


def _with_inlined_calls(answers: Sequence[Answer], ownership: Ownership) -> Iterator[Answer]:
    """Yield the answers, the stacks of their containers as profiles would name them."""
    stacks = [one.container.stack for answer in answers for one in answer.holders if one.container]
    calls = inlined_calls(chain.from_iterable(stacks), ownership.stacks)
    for answer in answers:
        holders = (
            one
            if one.container is None
            else replace(
                one, container=replace(one.container, stack=expanded(one.container.stack, calls))
            )
            for one in answer.holders
        )
        yield replace(answer, holders=tuple(holders))


def _made_there(answer: Answer) -> tuple[int, ...]:
    """Return the containers that a site allocates, unless they are a few of many other objects."""
    few = _OBJECTS_OF_CONTAINER * len(answer.containers)
    return answer.containers if answer.objects <= few else ()


def _questions(number: int, folds: Sequence[Fold], ownership: Ownership) -> list[Question]:
    """Return what to ask of a finding: its largest stacks, or its lines where it has too many."""
    grown = {
        stack: (sum(growth.bytes), sum(growth.count))
        for fold in folds
        if fold.kind == "heap"
        for stack, growth in fold.parts.items()
    }
    ordered = sorted((stack for stack in grown if max(grown[stack]) > 0), key=lambda s: grown[s])
    largest = ordered[: -_MOST_STACKS - 1 : -1]
    if sum(grown[s][0] for s in largest) < _COVERED * sum(grown[s][0] for s in ordered):
        lines = dict.fromkeys(map(ownership.own_frame, reversed(ordered)))
        own = [frame for frame in lines if frame is not None][:_MOST_STACKS]
        if own:
            return [
                Question(f"{number} {place}", file=frame.file, line=frame.line)
                for place, frame in enumerate(own)
            ]
    return [Question(f"{number} {place}", frames=stack) for place, stack in enumerate(largest)]


def _together(
    answers: Sequence[Answer], expected: float, share: float, ownership: Ownership
) -> tuple[HeldBy, ...]:
    """Return the holders of several stacks' objects: what is the same for several is one.

    `share` of what leaked is in the dumps: of what it retains, too.
    """
    objects = sum(answer.objects for answer in answers)
    if objects < _LEAST_FOUND * expected:
        return ()
    found: dict[tuple[object, ...], HeldBy] = {}
    for holder in (one for answer in answers for one in answer.holders):
        key = _identity(holder)
        one = _held_by(holder, objects, share, ownership)
        if key in found:
            one = _sum(found[key], one, objects)
        found[key] = one
    ordered = sorted(found.values(), key=lambda one: -one.objects)
    return tuple(one for one in ordered if one.share >= _LEAST_SHARE)[:_MOST_HOLDERS]


def _identity(holder: Holder) -> tuple[object, ...]:
    if holder.goroutine is not None and holder.container is None:
        return ("goroutine", holder.goroutine.function, holder.goroutine.wait)
    if holder.container is not None and holder.container.number:
        return ("container", holder.container.number)
    return (holder.root_kind, holder.root, holder.path)


def _held_by(holder: Holder, objects: int, share: float, ownership: Ownership) -> HeldBy:
    container = holder.container
    enlarged = ownership.own_frame(container.stack) if container is not None else None
    return HeldBy(
        root_kind=holder.root_kind,
        path=holder.hops,
        container="" if container is None else container.kind,
        container_name="" if container is None else container.name,
        container_type="" if container is None else container.type,
        container_number=0 if container is None else container.number,
        container_location=None if enlarged is None else ownership.location(enlarged),
        goroutine="" if holder.goroutine is None else holder.goroutine.function,
        goroutines=0 if holder.goroutine is None else holder.goroutine.count,
        objects=holder.objects,
        share=holder.objects / max(objects, 1),
        alone=holder.held_by_nothing_else,
        retained_bytes=_retained_bytes(holder, share),
        shown_share=holder.shown_share,
        kept_types=holder.kept_types,
        expiry=holder.expiry,
    )


def _retained_bytes(holder: Holder, share: float) -> int:
    """Return what all that leaked retains, where a `share` of it was looked at.

    At most what the container retains: of its own nodes some may be new, and hold all the old.
    """
    scaled = round(holder.retained_bytes / (share or 1.0))
    if holder.container is None or share == 1:
        return scaled
    return max(min(scaled, holder.container.retained_bytes), holder.retained_bytes)


def _sum(first: HeldBy, other: HeldBy, objects: int) -> HeldBy:
    """Return both as one. What hangs from one container is retained once: by the larger figure."""
    count = first.objects + other.objects
    larger = max(first, other, key=lambda one: one.objects)
    return replace(
        larger,
        objects=count,
        share=count / max(objects, 1),
        alone=first.alone + other.alone,
        goroutines=max(first.goroutines, other.goroutines),
        retained_bytes=max(first.retained_bytes, other.retained_bytes),
        kept_types=tuple(dict.fromkeys(larger.kept_types + first.kept_types + other.kept_types)),
        expiry=larger.expiry or first.expiry or other.expiry,
    )
