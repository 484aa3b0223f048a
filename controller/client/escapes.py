"""What is typed to the console's own program, as at ``ssh``: a tilde at the beginning of a line, and a letter. Pure."""

from enum import Enum, auto

TILDE = b"~"
HELP = (
    "~.  leave the console\r\n~B  send a break\r\n~t  take the keyboard from somebody else\r\n"
    "~~  type a tilde\r\n~?  this help\r\n"
)


class Wish(Enum):
    """What is wanted of the program."""

    LEAVE = auto()
    BREAK = auto()
    TAKE = auto()
    HELP = auto()


_WISHES = {b".": Wish.LEAVE, b"B": Wish.BREAK, b"t": Wish.TAKE, b"?": Wish.HELP}


class Escapes:
    """Tells what is meant for the machine from what is meant for the program."""

    def __init__(self) -> None:
        self._is_line_begin = True
        self._has_tilde = False

    def take(self, typed: bytes) -> list[bytes | Wish]:
        """Return what is to be done, in order; what follows a wish to leave is dropped."""
        found: list[bytes | Wish] = []
        for number in typed:
            letter = bytes((number,))
            wish = _WISHES.get(letter) if self._has_tilde else None
            if wish is not None:
                self._has_tilde = False
                found.append(wish)
                if wish is Wish.LEAVE:
                    break
                continue
            if letter == TILDE and self._is_line_begin and not self._has_tilde:
                self._has_tilde = True
                continue
            before = TILDE if self._has_tilde and letter != TILDE else b""
            self._has_tilde = False
            self._is_line_begin = letter in (b"\r", b"\n")
            _add(found, before + letter)
        return found


def _add(found: list[bytes | Wish], data: bytes) -> None:
    last = found[-1] if found else None
    if isinstance(last, bytes):
        found[-1] = last + data
    else:
        found.append(data)
