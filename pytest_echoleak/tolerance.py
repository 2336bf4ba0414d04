"""What growth a user accepts: a Tolerance for a check, an Allow for a known holder."""

from __future__ import annotations

from dataclasses import dataclass, fields

from pytest_echoleak.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """Growth that is accepted. Each limit that is set must hold; the default accepts none.

    The first three are rates, per measured iteration; `bytes` and `goroutines` are totals for the
    whole check.
    """

    bytes_per_iteration: float | None = None
    objects_per_iteration: float | None = None
    goroutines_per_iteration: float | None = None
    bytes: int | None = None
    goroutines: int | None = None

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if value is not None and not 0 <= value < float("inf"):
                raise SettingError(
                    f"Tolerance({item.name}={value!r}): must be a finite number, 0 or more"
                )


@dataclass(frozen=True, kw_only=True)
class Allow:
    """A known, bounded holder (a cache with its capacity), or a suppression with its reason.

    `function` is a glob that some frame of a growing stack must match. Without limits all growth
    there is accepted; with limits, growth up to that total over the whole check.
    """

    function: str
    reason: str
    at_most_bytes: int | None = None
    at_most_objects: int | None = None
    at_most_goroutines: int | None = None

    def __post_init__(self) -> None:
        if not self.function.strip():
            raise SettingError("Allow(function=...): name a function, or a glob such as 'main.*'")
        if not self.reason.strip():
            raise SettingError(
                f"Allow(function={self.function!r}): say the reason: whoever reads this suppression"
                " next must know why the growth is accepted"
            )
        for name in ("at_most_bytes", "at_most_objects", "at_most_goroutines"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise SettingError(f"Allow(function={self.function!r}, {name}={value}): 0 or more")
