"""Who was turned away because a queue was full, and goes before newcomers when it comes again."""

from collections import OrderedDict

_MOST = 16_384


class Refused:
    """Names of callers, the longest ago first; bounded: of too many the oldest are forgotten. Its pool's lock guards it."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._names: OrderedDict[str, None] = OrderedDict()

    def note(self, name: str) -> None:
        """Say that a caller was turned away; no name, no precedence."""
        if not name:
            return
        self._names[name] = None
        self._names.move_to_end(name)
        if len(self._names) > self._most:
            self._names.popitem(last=False)

    def drop(self, name: str) -> None:
        """Say that a caller was taken."""
        self._names.pop(name, None)

    def __contains__(self, name: str) -> bool:
        """Whether a caller was turned away and not taken since."""
        return name in self._names
