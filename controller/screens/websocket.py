"""WebSocket (RFC 6455) on a connection of our HTTP server: what is said there, by wsproto; pure.

Screens are binary messages, of which only the bytes count, not where one ends (as websockify has it); text messages are between the page and the
controller. No extension is agreed on: what is unpacked here is as long as what came.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

from controller.errors import Invalid

PROTOCOL = "binary"
_PAGE = "ingot.page"
"""Who offers this takes text messages, too; websockify and other clients of RFB end at them."""
_TOKEN = "ingot.token."  # noqa: S105  # a prefix
_MOST_TEXT_CHARS = 256
_MOST_REASON_BYTES = 120
_WRONG = 1002


@dataclass(frozen=True, slots=True)
class Said:
    """A part of what the browser says; ``None`` = not this."""

    data: bytes | None = None
    text: str | None = None
    is_end: bool = False


class WebSocket:
    """The controller's side of one connection; ``output`` is to be sent."""

    def __init__(self, path: str, headers: Iterable[tuple[str, str]]) -> None:
        """Read a request.

        Raises:
            Invalid: It asks for no WebSocket, or names not what is spoken here.
        """
        self._connection = WSConnection(ConnectionType.SERVER)
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        try:
            self._connection.initiate_upgrade_connection(lines, path)
            request = next(self._connection.events())
        except (ProtocolError, ValueError, StopIteration) as error:
            raise Invalid(
                "The request asks for no WebSocket (RFC 6455, version 13); open the page that console_info names"
            ) from error
        if not isinstance(request, Request) or PROTOCOL not in request.subprotocols:
            raise Invalid(f"The WebSocket must offer the subprotocol {PROTOCOL}")
        self.token = next(
            (word[len(_TOKEN) :] for word in request.subprotocols if word.startswith(_TOKEN)), ""
        )
        self.output = bytearray()
        self._takes_texts = _PAGE in request.subprotocols
        self._text = ""

    def accept(self) -> bytes:
        """Return the head of the answer."""
        return self._connection.send(AcceptConnection(subprotocol=PROTOCOL))

    def send(self, data: bytes) -> None:
        """Say bytes of the screen."""
        self.output += self._connection.send(BytesMessage(data=data))

    def tell(self, text: str) -> None:
        """Say something to the page, if there is one, unless it is over."""
        if self._takes_texts and self._connection.state is ConnectionState.OPEN:
            self.output += self._connection.send(TextMessage(data=text))

    def ping(self) -> None:
        """Ask whether somebody is there: any browser answers by itself."""
        self.output += self._connection.send(Ping())

    def close(self, code: int, reason: str) -> None:
        """Say that this is the end, and why; twice is fine."""
        if self._connection.state is ConnectionState.OPEN:
            words = reason.encode()[:_MOST_REASON_BYTES].decode(errors="ignore")
            self.output += self._connection.send(CloseConnection(code=code, reason=words))

    @property
    def has_ended(self) -> bool:
        """Whether both sides have said so."""
        return self._connection.state is ConnectionState.CLOSED

    def feed(self, data: bytes) -> Iterator[Said]:
        """Take what has come; pings are answered."""
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                if isinstance(event, BytesMessage):
                    yield Said(data=bytes(event.data))
                elif isinstance(event, TextMessage):
                    yield from self._hear(event)
                elif isinstance(event, Ping):
                    self.output += self._connection.send(event.response())
                elif isinstance(event, CloseConnection):
                    self._answer(event)
                    yield Said(is_end=True)
        except ProtocolError:
            self.close(_WRONG, "that was no WebSocket")
            yield Said(is_end=True)

    def _hear(self, event: TextMessage) -> Iterator[Said]:
        self._text += event.data
        if len(self._text) > _MOST_TEXT_CHARS:
            self.close(_WRONG, f"a text is longer than {_MOST_TEXT_CHARS} characters")
            yield Said(is_end=True)
        elif event.message_finished:
            text, self._text = self._text, ""
            yield Said(text=text)

    def _answer(self, event: CloseConnection) -> None:
        if self._connection.state is ConnectionState.REMOTE_CLOSING:
            self.output += self._connection.send(event.response())
        else:  # it was no WebSocket
            self.close(event.code, event.reason or "")
