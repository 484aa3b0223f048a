"""What a browser that may only watch may tell a screen's server (RFC 6143, 7.5): what it wants to be shown, and nothing else. Pure.

Keys, mouse, clipboard, and orders to the machine (``xvp``) or its screen are dropped. A message that is not known has no known length: it ends
the session.
"""

from controller.errors import Forbidden

_LENGTHS = {0: 20, 3: 10, 4: 8, 150: 10, 250: 4}
"""Pixel format, request of an update; key; continuous updates; xvp: fixed."""
_PASSED = frozenset({0, 2, 3, 150, 248})
_SET_ENCODINGS, _POINTER, _CLIPBOARD, _FENCE, _DESKTOP_SIZE, _QEMU = 2, 5, 6, 248, 251, 255


class WatchOnly:
    """The messages of one browser."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._skips_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Take what a browser says; return what of it is passed on.

        Raises:
            Forbidden: It is a message that is not known.
        """
        self._data += data
        passed = bytearray()
        while self._data:
            if self._skips_bytes:
                skipped = min(self._skips_bytes, len(self._data))
                del self._data[:skipped]
                self._skips_bytes -= skipped
                continue
            kind, length = self._data[0], _length(self._data)
            if length is None:
                break
            if kind not in _PASSED:
                self._skips_bytes = length
                continue
            if len(self._data) < length:
                break
            passed += self._data[:length]
            del self._data[:length]
        return bytes(passed)


def _length(data: bytearray) -> int | None:
    """Return how long the message at the beginning is; ``None`` = that is not known yet."""
    kind = data[0]
    if kind in _LENGTHS:
        return _LENGTHS[kind]
    if kind == _QEMU:  # only its key event is defined for browsers
        return 12
    head = {_SET_ENCODINGS: 4, _POINTER: 6, _CLIPBOARD: 8, _FENCE: 9, _DESKTOP_SIZE: 8}.get(kind)
    if head is None:
        raise Forbidden(
            f"the browser sent a message of kind {kind}, and this session may only watch"
        )
    if len(data) < head:
        return None
    return head + _rest(kind, data)


def _rest(kind: int, data: bytearray) -> int:
    if kind == _SET_ENCODINGS:
        return 4 * int.from_bytes(data[2:4], "big")
    if kind == _POINTER:
        return data[1] >> 7  # more buttons, in one more byte (extension ExtendedMouseButtons)
    if kind == _FENCE:
        return data[8]
    if kind == _DESKTOP_SIZE:
        return 16 * data[6]
    return abs(int.from_bytes(data[4:8], "big", signed=True))  # below 0: the extended clipboard
