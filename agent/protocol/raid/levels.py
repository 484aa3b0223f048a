"""The RAID levels that controllers make, by Ironic's names. Values only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

JBOD = "JBOD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One RAID level by Ironic's name; ``most`` ``None`` = no limit of ours, ``step`` = the count of drives is a multiple of it.

    ``capacity`` returns how many bytes so many drives of so many bytes have together.
    """

    name: str
    fewest: int
    most: int | None
    step: int
    capacity: Callable[[int, int], int]

    def fits(self, count: int) -> bool:
        """Tell whether a logical drive of this level can have ``count`` drives."""
        is_inside = self.fewest <= count and (self.most is None or count <= self.most)
        return is_inside and count % self.step == 0

    def rule(self) -> str:
        """Return which numbers of drives it takes, in words."""
        if self.fewest == self.most:
            return f"exactly {self.fewest}"
        even = ", an even number" if self.step > 1 else ""
        return f"{self.fewest} or more{even}"


def _level(
    name: str, fewest: int, data: Callable[[int], int], *, most: int | None = None, step: int = 1
) -> Level:
    return Level(
        name=name,
        fewest=fewest,
        most=most,
        step=step,
        capacity=lambda count, size_bytes: data(count) * size_bytes,
    )


LEVELS: Mapping[str, Level] = {
    level.name: level
    for level in (
        _level("0", 1, lambda count: count),
        _level("1", 2, lambda _count: 1, most=2, step=2),
        _level("5", 3, lambda count: count - 1),
        _level("6", 4, lambda count: count - 2),
        _level("1+0", 4, lambda count: count // 2, step=2),
        _level("5+0", 6, lambda count: count - 2, step=2),
        _level("6+0", 8, lambda count: count - 4, step=2),
        _level(JBOD, 1, lambda _count: 1, most=1),
    )
}
"""``5+0`` and ``6+0`` are two spans of level 5 and 6."""
