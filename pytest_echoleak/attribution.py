"""Which request leaks, and whether once per call or once per distinct value: told by trials.

After a leak was found, each request of the workload is sent alone for a while, and those with a
number in them again with one and the same number. What is measured is trials.py's; here is what it
says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# A trial in which fewer would have come at the finding's rate says nothing.
_FEWEST_EXPECTED = 10
_LEAKS = 0.5
_CLEAN = 0.1


@dataclass(frozen=True)
class Trial:
    """One request sent alone, `sent` times.

    `came`: how many objects (or goroutines) stayed, by finding. `same_value`: its number was one
    and the same. `refused`: it cannot be sent alone (its answer was not the expected one).
    """

    label: str
    sent: int
    came: tuple[float, ...] = ()
    same_value: bool = False
    refused: bool = False


@dataclass(frozen=True)
class Attribution:
    """What the trials say of one finding.

    - `text`: which request leaks, and how often, "" where nothing is known.
    - `per_value`: whether only values that were never sent before leave something; None: not known.
    """

    text: str = ""
    per_value: bool | None = None


def attribute(place: int, rate: float, trials: Sequence[Trial]) -> Attribution:
    """Return what `trials` say of the finding number `place`, which grew by `rate` an iteration."""
    alone = [trial for trial in trials if not trial.same_value]
    per_value = _per_value(place, rate, [trial for trial in trials if trial.same_value])
    parts = []
    if len(alone) > 1:
        parts.append(_which(place, rate, alone))
    if per_value is not None:
        parts.append(
            "once per distinct value: the same value again and again leaves nothing"
            if per_value
            else "with each call, also with the same value again and again"
        )
    return Attribution("; ".join(part for part in parts if part), per_value)


def leaking(place: int, rate: float, trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials in which the finding grew about as it did in the check."""
    return [trial for trial in trials if _share(place, rate, trial) >= _LEAKS]


def _which(place: int, rate: float, alone: Sequence[Trial]) -> str:
    sent = [trial for trial in alone if not trial.refused]
    if not sent or any(_expected(rate, trial) < _FEWEST_EXPECTED for trial in sent):
        return ""
    guilty = leaking(place, rate, sent)
    clean = [trial for trial in sent if abs(_share(place, rate, trial)) <= _CLEAN]
    refused = [trial.label for trial in alone if trial.refused]
    if not guilty:
        # Who cannot be sent alone may be the one.
        if refused or len(clean) < len(sent):
            return ""
        return "no single request leaks alone, only all of them together"
    named = [f"{one.label} ({one.came[place] / one.sent:.3f} per request)" for one in guilty]
    parts = [f"leaks in {' and in '.join(named)}"]
    if clean:
        verb = "does" if len(clean) == 1 else "do"
        parts.append(f"{', '.join(one.label for one in clean)} {verb} not")
    if refused:
        parts.append(f"{', '.join(refused)} could not be sent alone")
    return "; ".join(parts)


def _per_value(place: int, rate: float, same: Sequence[Trial]) -> bool | None:
    shares = [
        _share(place, rate, trial)
        for trial in same
        if not trial.refused and _expected(rate, trial) >= _FEWEST_EXPECTED
    ]
    if not shares:
        return None
    if max(shares) >= _LEAKS:
        return False
    return True if max(shares) <= _CLEAN else None


def _expected(rate: float, trial: Trial) -> float:
    return rate * trial.sent


def _share(place: int, rate: float, trial: Trial) -> float:
    expected = _expected(rate, trial)
    if trial.refused or expected <= 0:
        return 0.0
    return trial.came[place] / expected
