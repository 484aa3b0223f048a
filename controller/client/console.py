"""``ingot node console``: a machine's console on this terminal, typed on or only watched."""

import contextlib
import os
import select
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator

import click

from controller.client.api import Api
from controller.client.console_stream import ConsoleStream
from controller.client.errors import ClientError, Refused, Unreachable
from controller.client.escapes import HELP, Escapes, Wish

_PIECE_BYTES = 1024
_LOOK_S = 0.2
_OPENS_S = 15.0
_SLOW_S = 0.1
_CONFLICT = 409


@click.command()
@click.argument("ident", metavar="NODE")
@click.option("--watch", is_flag=True, help="Only watch; Ctrl-C ends it.")
@click.option("--log", "as_log", is_flag=True, help="Print what is stored, and end.")
@click.option("--force", is_flag=True, help="Take the keyboard from somebody else.")
@click.pass_obj
def console(api: Api, ident: str, *, watch: bool, as_log: bool, force: bool) -> None:
    """Show a machine's console and type on it; ~. leaves it, ~? shows what else there is. Of a screen, say where it is seen."""
    if as_log:
        sys.stdout.buffer.write(api.console_log(ident))
        sys.stdout.flush()
        return
    _switch_on(api, ident)
    if address := api.screen_address(ident, is_watched=watch):
        click.echo(f"The console of {ident} is a screen; open its address in a browser: {address}")
        return
    _wait_there(api, ident)
    stream = ConsoleStream(api.again(), ident, _show, _tell)
    if watch:
        stream.run()
        return
    keyboard = _Keyboard(api, ident, api.take_keyboard(ident, force=force))
    reader = threading.Thread(target=stream.run, daemon=True)
    try:
        with _raw_terminal():
            _tell(f"console of {ident}; ~. leaves it, ~? shows what else there is")
            reader.start()
            _type_until_left(keyboard, reader)
    finally:
        with contextlib.suppress(ClientError):
            keyboard.leave()
    _tell(f"left the console of {ident}")
    if stream.error:
        raise stream.error


class _Keyboard:
    """The keyboard of a console, and how much was typed on it."""

    def __init__(self, api: Api, ident: str, word: str) -> None:
        self._api, self._ident, self._word = api, ident, word
        self._taken = 0

    def type(self, data: bytes) -> None:
        """Type all of it; what the machine does not take for some time is dropped, and said."""
        give_up_at = time.monotonic() + _OPENS_S
        end = self._taken + len(data)
        try:
            while self._taken < end:
                rest = data[len(data) - (end - self._taken) :]
                taken = self._api.type_on_console(self._ident, self._word, rest, self._taken)
                is_slow, self._taken = taken < end, taken
                if is_slow and time.monotonic() > give_up_at:
                    _tell(
                        f"the machine does not take what is typed: {end - taken} bytes are dropped"
                    )
                    return
                if is_slow:
                    time.sleep(_SLOW_S)
        except Unreachable as error:
            _tell(f"{error}; what you typed may be lost")
        except Refused as error:
            if error.status != _CONFLICT:
                raise
            _tell(f"{error}; ~t takes the keyboard")

    def send_break(self) -> None:
        """Send a break."""
        try:
            self._api.break_console(self._ident, self._word, self._taken)
        except ClientError as error:
            _tell(str(error))

    def take_again(self) -> None:
        """Take it from somebody else."""
        try:
            self._word, self._taken = self._api.take_keyboard(self._ident, force=True), 0
        except ClientError as error:
            _tell(str(error))
        else:
            _tell("the keyboard is yours")

    def leave(self) -> None:
        """Give it back."""
        self._api.leave_keyboard(self._ident, self._word)


def _type_until_left(keyboard: _Keyboard, reader: threading.Thread) -> None:
    escapes, source = Escapes(), sys.stdin.fileno()
    while reader.is_alive():
        if not select.select([source], [], [], _LOOK_S)[0]:
            continue
        typed = os.read(source, _PIECE_BYTES)
        if not typed:
            return
        for what in escapes.take(typed):
            match what:
                case bytes():
                    keyboard.type(what)
                case Wish.LEAVE:
                    return
                case Wish.BREAK:
                    keyboard.send_break()
                case Wish.TAKE:
                    keyboard.take_again()
                case Wish.HELP:
                    sys.stderr.write(f"\r\n{HELP}")
                    sys.stderr.flush()


def _switch_on(api: Api, ident: str) -> None:
    """Have the console switched on."""
    if not api.node(ident).get("console_enabled"):
        api.switch_console(ident, is_on=True)
        _tell(f"the console of {ident} was off and is switched on now")


def _wait_there(api: Api, ident: str) -> None:
    """Wait until the controller has it."""
    give_up_at = time.monotonic() + _OPENS_S
    while True:
        try:
            api.console(ident)
        except Refused as error:
            if error.status != _CONFLICT or time.monotonic() > give_up_at:
                raise
            time.sleep(_LOOK_S)
        else:
            return


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Let the terminal pass on every key as it is, while this lasts."""
    source = sys.stdin.fileno()
    if not os.isatty(source):
        yield
        return
    before = termios.tcgetattr(source)
    try:
        tty.setraw(source, termios.TCSADRAIN)  # what was typed already is not thrown away
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"\r\n[ingot: {text}]\r\n")
    sys.stderr.flush()
