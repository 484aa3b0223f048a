"""What all rules of one inspection may cost together: words that they make, and time. Rules are written by administrators, but what they read is a machine's."""

import time

from controller.workflow.inspection_rules.fault import RuleFault

_MOST_UNITS = 8_000_000
_TOTAL_S = 60.0
_UNITS_OF_STEP = 64


class Allowance:
    """What is left of it."""

    def __init__(self, *, most_units: int = _MOST_UNITS, total_s: float = _TOTAL_S) -> None:
        """Start the clock.

        Args:
            most_units: Characters that are made, and 64 for each condition, action and text.
            total_s: From now to the end of the last rule, calls of ``api-call`` included.
        """
        self._units_left = most_units
        self._ends_at = time.monotonic() + total_s

    def spend(self, characters: int = 0) -> None:
        """Count one step that made so many characters.

        Raises:
            RuleFault: It was one too many, or the time is up.
        """
        self._units_left -= _UNITS_OF_STEP + characters
        if self._units_left < 0:
            raise RuleFault(
                "the rules of this inspection have done all the work that they may; make loops and texts shorter"
            )
        self.left_s()

    def left_s(self) -> float:
        """Return the seconds that are left, above 0.

        Raises:
            RuleFault: There are none.
        """
        left_s = self._ends_at - time.monotonic()
        if left_s <= 0:
            raise RuleFault("the time of all rules of this inspection is up")
        return left_s
