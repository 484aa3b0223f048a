"""The beginning of RFB with a browser, whose right was checked before: version 3.8, no login (RFC 6143, 7.1 to 7.3). Pure.

The screen's server has been logged in to by then. The browser's wish for a session of its own is not passed on: who watches puts nobody off.
"""

from controller.errors import Invalid

_VERSION = b"RFB 003.008\n"
_NO_LOGIN, _CHOSEN, _ACCEPTED = b"\1\1", b"\1", b"\0\0\0\0"
_SHARED = b"\1"


class BrowserHandshake:
    """One handshake, fed with what the browser says."""

    def __init__(self) -> None:
        """Begin: the server of RFB speaks first."""
        self.output = bytearray(_VERSION)
        """What is to be sent; the caller takes it."""
        self.is_done = False
        self._expected = [(_VERSION, _NO_LOGIN), (_CHOSEN, _ACCEPTED)]
        self._data = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take what has come; return what is for the screen's server once it is done.

        Raises:
            Invalid: That is none.
        """
        self._data += data
        while self._expected:
            wanted, answer = self._expected[0]
            if not self._data.startswith(wanted[: len(self._data)]):
                raise Invalid("the browser's side speaks no RFB 3.8 without a login")
            if len(self._data) < len(wanted):
                return b""
            del self._data[: len(wanted)]
            del self._expected[0]
            self.output += answer
        if not self._data:
            return b""
        self.is_done = True
        return _SHARED + bytes(self._data[1:])
