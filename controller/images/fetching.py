"""Fetches an image into a file: in pieces of which each has its own deadline, on from where it stopped, from mirrors in turn."""

import enum
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from http import HTTPStatus

from werkzeug.http import parse_content_range_header

from agent.protocol.web_address import MOST_REDIRECTS, shown_url
from controller.images.kept_files import Interrupted, StoreFull
from controller.peers.http import Answer, Limits, PeerFailed, to_image_server

PIECE_BYTES = 64 << 20
_MOST_TRIES = 5
_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 30.0
_LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_SHOWN = 200


class FetchFailed(Exception):
    """No source gives the image; the text has the reason of each."""


class _Refused(PeerFailed):
    """The server says that it has no such file for us; asking again changes nothing."""


class _OtherFile(Exception):
    """The server has another file now, or cannot go on in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for servers; seconds."""

    piece_s: float
    whole_s: float
    sleep: Callable[[float], bool]
    """Waits so long; true = stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where the bytes go."""

    writing: Callable[[int], AbstractContextManager[Callable[[bytes], None]]]
    """Gives what writes on from a byte."""
    expect: Callable[[int], None]
    """Is told the whole size as soon as it is known; raises ``StoreFull``."""
    note: Callable[[int], bool]
    """Is told how many bytes are there; false = stop."""
    most_bytes: int
    """No more is ever taken."""


class _Outcome(enum.Enum):
    """What became of a request."""

    WHOLE = enum.auto()
    MORE = enum.auto()
    """The next piece can be asked for."""
    BROKEN = enum.auto()
    """Trying again may help, here or at the next address."""
    REFUSED = enum.auto()
    """This address never gives it."""


@dataclass(slots=True)
class _Course:
    """How far it is, by one source."""

    done_bytes: int
    is_known: bool
    """The digest is known: parts of two files would be noticed."""
    size_bytes: int | None = None
    origin: tuple[str, str] | None = None
    """Address and validator of the parts that are there."""
    has_ranges: bool = True
    reasons: list[str] = field(default_factory=list)


def fetch(
    urls: Sequence[str], start_byte: int, target: Target, patience: Patience, *, is_known: bool
) -> int:
    """Bring the image into the target; return its size in bytes.

    Args:
        urls: Addresses of the same file.
        start_byte: So much of it is there from an earlier try.
        target: Where it goes.
        patience: How long is waited.
        is_known: Its digest is known and checked afterwards. If not, all parts must come from one file of one server.

    Raises:
        FetchFailed: None of the addresses gives it.
        StoreFull: There is no room.
        Interrupted: Somebody said stop.
    """
    course = _Course(start_byte if is_known else 0, is_known)
    tries, most_done = 0, course.done_bytes
    left = list(dict.fromkeys(urls))
    while left:
        url = left[tries % len(left)]
        outcome = _attempt(url, course, target, patience)
        if outcome is _Outcome.WHOLE:
            return course.done_bytes
        if outcome is _Outcome.REFUSED:
            left.remove(url)
        if outcome is not _Outcome.BROKEN:
            continue
        tries = 1 if course.done_bytes > most_done else tries + 1
        most_done = max(most_done, course.done_bytes)
        if tries >= _MOST_TRIES * len(left):
            break
        if patience.sleep(min(_PAUSE_S * tries, _LONGEST_PAUSE_S)):
            raise Interrupted
    raise FetchFailed("; ".join(dict.fromkeys(course.reasons[-2 * len(urls) :])))


def _attempt(url: str, course: _Course, target: Target, patience: Patience) -> _Outcome:
    """Bring the next piece, and note what went wrong."""
    begun = course.done_bytes
    try:
        is_whole = _fetch_piece(url, course, target, patience)
    except _Refused as error:
        course.reasons.append(f"{_shown(url)} {error}")
        return _Outcome.REFUSED
    except _OtherFile as error:
        course.done_bytes, course.size_bytes, course.origin = 0, None, None
        course.reasons.append(f"{_shown(url)}: {error}")
    except PeerFailed as error:
        course.reasons.append(f"{_shown(url)} {error}")
    else:
        if is_whole:
            return _Outcome.WHOLE
        if course.done_bytes > begun:
            return _Outcome.MORE
        course.reasons.append(f"{_shown(url)} answers without a byte of the image")
    if not target.note(course.done_bytes):
        raise Interrupted
    is_all_there = bool(course.done_bytes) and course.done_bytes == course.size_bytes
    return _Outcome.WHOLE if is_all_there else _Outcome.BROKEN


def _fetch_piece(url: str, course: _Course, target: Target, patience: Patience) -> bool:
    """Bring the next piece; say whether it was the last."""
    headers = {"Range": f"bytes={course.done_bytes}-{course.done_bytes + PIECE_BYTES - 1}"}
    if not course.has_ranges:
        headers = {}
    begun = course.done_bytes
    with target.writing(begun) as write:

        def take(answer: Answer, piece: bytes) -> None:
            if answer is not taken[0]:
                taken[0] = answer
                _begin(answer, url, begun, course, target)
            write(piece)
            course.done_bytes += len(piece)
            if course.size_bytes is None and course.done_bytes > target.most_bytes:
                raise StoreFull(f"{_shown(url)} sends more than {target.most_bytes} bytes")

        taken: list[Answer | None] = [None]
        total_s = patience.piece_s if course.has_ranges and begun else patience.whole_s
        limits = Limits(total_s=total_s, most_bytes=target.most_bytes)
        with to_image_server(url) as http:
            answer = http.call(
                "GET", url, limits, headers=headers, most_redirects=MOST_REDIRECTS, sink=take
            )
    return _judge(answer, course, target)


def _begin(answer: Answer, url: str, begun: int, course: _Course, target: Target) -> None:
    """Read from an answer's head what its body is."""
    origin = (url, answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
    size_bytes: int | None
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        said = parse_content_range_header(answer.headers.get("Content-Range"))
        if said is None or said.start != begun or said.length is None:
            raise PeerFailed("answers another range than it was asked for")
        size_bytes = said.length
    else:
        course.has_ranges = False
        if begun:
            raise _OtherFile("cannot go on in the middle; it is fetched anew, as a whole")
        length = answer.headers.get("Content-Length", "")
        size_bytes = int(length) if length.isdigit() else None
    if begun and not course.is_known and course.origin != origin:
        raise _OtherFile("another file than before, and no checksum is known; it is fetched anew")
    course.origin = origin
    if size_bytes is None:
        return
    if course.size_bytes not in {None, size_bytes}:
        raise _OtherFile(f"has {size_bytes} bytes, not {course.size_bytes} as before")
    if course.size_bytes is None:
        target.expect(size_bytes)
    course.size_bytes = size_bytes


def _judge(answer: Answer, course: _Course, target: Target) -> bool:
    """Say whether the file is whole now."""
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and course.done_bytes:
        said = parse_content_range_header(answer.headers.get("Content-Range"))
        if said is not None and said.length == course.done_bytes:  # it was whole already
            return True
        raise _OtherFile("ends before the byte where it stopped")
    if not answer.is_ok:
        is_final = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _LATER
        kind = _Refused if is_final else PeerFailed
        raise kind(f"answers {answer.status} {answer.reason}")
    if not target.note(course.done_bytes):
        raise Interrupted
    if answer.status == HTTPStatus.OK:
        is_cut = course.size_bytes is not None and course.done_bytes < course.size_bytes
        if is_cut:
            raise PeerFailed("ended its answer before the body")
        return True
    return course.done_bytes == course.size_bytes


def _shown(url: str) -> str:
    return f"{shown_url(url):.{_SHOWN}}"
