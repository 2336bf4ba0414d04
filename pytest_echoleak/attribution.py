"""Which request leaks, and whether once per call or once per distinct value: told by trials.

After a leak was found, each request of the workload is sent alone for a while, and those with a
number in them again with one and the same number. What is measured is trials.py's; here is what it
says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

# A trial in which fewer would have come at the finding's rate says nothing.
_FEWEST_EXPECTED = 10
_LEAKS = 0.5
_CLEAN = 0.1
_OFTEN = 0.5


@dataclass(frozen=True)
class Trial:
    """One request sent alone, `sent` times; `came` objects (or goroutines) of one finding stayed.

    `same_value`: its number was one and the same. `refused`: it cannot be sent alone (its answer
    was not the expected one).
    """

    label: str
    sent: int
    came: float = 0.0
    same_value: bool = False
    refused: bool = False


def together(trials: Iterable[Sequence[Trial]]) -> tuple[Trial, ...]:
    """Return the trials of several findings as those of one: what came is added up."""
    return tuple(
        replace(parts[0], came=sum(one.came for one in parts))
        for parts in zip(*trials, strict=True)
    )


def which_request(rate: float, trials: Sequence[Trial]) -> str:
    """Return which request leaks, and whether with each call or with each new value.

    `rate`: how many objects (or goroutines) of the finding came in an iteration of the check. ""
    where the trials do not tell.
    """
    parts = [_which(rate, _alone(trials))]
    repeated = per_value(rate, trials)
    if repeated is not None:
        parts.append(
            "once per distinct value: the same value again and again leaves nothing"
            if repeated
            else "with each call, also with the same value again and again"
        )
    return "; ".join(part for part in parts if part)


def per_value(rate: float, trials: Sequence[Trial]) -> bool | None:
    """Tell whether only values that were never sent before leave something; None: not known."""
    alone = _alone(trials)
    guilty = {trial.label for trial in alone if leaks(rate, trial)}
    shares = [
        _share(rate, trial)
        for trial in trials
        if trial.same_value and _tells(rate, trial) and (not alone or trial.label in guilty)
    ]
    if not shares:
        return None
    if max(shares) >= _LEAKS:
        return False
    # Of what one call in twenty leaves, one value tells nothing: it may be one of the nineteen.
    return True if max(shares) <= _CLEAN and rate >= _OFTEN else None


def leaks(rate: float, trial: Trial) -> bool:
    """Tell whether the finding grew in a trial about as it did in the check."""
    return _share(rate, trial) >= _LEAKS


def _which(rate: float, alone: Sequence[Trial]) -> str:
    sent = [trial for trial in alone if not trial.refused]
    if not sent or not all(_tells(rate, trial) for trial in sent):
        return ""
    guilty = [trial for trial in sent if leaks(rate, trial)]
    clean = [trial for trial in sent if _share(rate, trial) <= _CLEAN]
    refused = [trial.label for trial in alone if trial.refused]
    if not guilty:
        # The one that cannot be sent alone may be the one that leaks.
        alone_clean = len(clean) == len(alone)
        return "no request leaks alone, only all of them together" if alone_clean else ""
    named = [f"{one.label} ({one.came / one.sent:.3f} per request)" for one in guilty]
    parts = [f"leaks in {' and in '.join(named)}"]
    if clean:
        verb = "does" if len(clean) == 1 else "do"
        parts.append(f"{', '.join(one.label for one in clean)} {verb} not")
    if refused:
        parts.append(f"{', '.join(refused)} could not be sent alone")
    return "; ".join(parts)


def _alone(trials: Sequence[Trial]) -> list[Trial]:
    return [trial for trial in trials if not trial.same_value]


def _tells(rate: float, trial: Trial) -> bool:
    return not trial.refused and rate * trial.sent >= _FEWEST_EXPECTED


def _share(rate: float, trial: Trial) -> float:
    return trial.came / (rate * trial.sent) if _tells(rate, trial) else 0.0
