"""Matches the regular expressions of rules with what a machine says, in a process that is ended when it takes too long.

An expression such as ``(a+)+$`` takes years for a text of 40 letters that a machine chooses, and Python's ``re`` lets nobody else run meanwhile.
"""

import json
import socket
import sys
from types import TracebackType
from typing import Any, Self

from controller.peers import programs
from controller.workflow.inspection_rules.allowance import Allowance
from controller.workflow.inspection_rules.fault import RuleFault

_ONE_S = 2.0
"""For one expression."""
_STARTS_S = 20.0
"""For the start of the process on a busy machine."""
_NOTHING = b'{"regex": "", "text": "", "is_whole": false}'
_MOST_CHARS = 16_384
"""Of expression and text together; a message is at most six times as long in bytes, and fits the kernel's buffers."""
_ANSWER_BYTES = 1024
_END_S = 0.2


class Patterns:
    """The process, started with the first expression and ended with the rules of one inspection."""

    def __init__(self, allowance: Allowance) -> None:
        """Start nothing yet."""
        self._allowance = allowance
        self._process: Any = None
        self._line: socket.socket | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the process."""
        self._end()

    def found(self, regex: Any, text: str, *, is_whole: bool) -> bool:
        """Say whether an expression is found.

        Args:
            regex: The expression, in Python's form.
            text: Where it is looked for.
            is_whole: It must begin with the text and end with it.

        Raises:
            RuleFault: It is none, or it takes too long.
        """
        if not isinstance(regex, str) or (is_whole and not regex):
            raise RuleFault("regex must be a text that is not empty")
        if len(regex) + len(text) > _MOST_CHARS:
            raise RuleFault(f"regex and value have more than {_MOST_CHARS} characters together")
        if is_whole and not regex.endswith("$"):
            regex += "$"
        answer = self._ask({"regex": regex, "text": text, "is_whole": is_whole})
        if "problem" in answer:
            raise RuleFault(f"regex is no regular expression: {answer['problem']}")
        return bool(answer["found"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        left_s = self._allowance.left_s()
        try:
            line = self._line or self._start()
            line.settimeout(min(_ONE_S, left_s))
            line.send(json.dumps(question).encode())
            answer = line.recv(_ANSWER_BYTES)
        except TimeoutError as error:
            self._end()
            raise RuleFault(
                f"matching regex takes longer than {_ONE_S:g} s; write it without repetitions inside of repetitions"
            ) from error
        except OSError as error:
            self._end()
            raise RuleFault("the process that matches expressions has died") from error
        if not answer:
            self._end()
            raise RuleFault("matching regex took more than a process may have")
        return dict(json.loads(answer))

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            module = f"{__package__}.pattern_program"
            self._process = programs.start_module(
                sys.executable, module, descriptor=theirs.fileno()
            )
        self._line = ours
        ours.settimeout(_STARTS_S)
        ours.send(_NOTHING)
        ours.recv(_ANSWER_BYTES)
        return ours

    def _end(self) -> None:
        if self._line:
            self._line.close()
        if self._process:
            programs.end(self._process, patience_s=_END_S)
        self._line = self._process = None
