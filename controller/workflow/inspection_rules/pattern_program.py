"""The program that matches regular expressions: ``python -m controller.workflow.inspection_rules.pattern_program <fd>``.

Each message has an expression and a text, and is answered with whether it is found; ``patterns.py`` ends the process when it takes too long.
"""

import json
import re
import resource
import socket
import sys

_MESSAGE_BYTES = 1 << 18
_CPU_S = 60
_MEMORY_BYTES = 1 << 30


def _answer(message: bytes) -> dict[str, object]:
    asked = json.loads(message)
    try:
        pattern = re.compile(asked["regex"])
        find = pattern.match if asked["is_whole"] else pattern.search
        return {"found": find(asked["text"]) is not None}
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        return {"problem": f"{type(error).__name__}: {error}"[:100]}


def main(descriptor: int) -> None:
    """Answer until the other side closes."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with socket.socket(fileno=descriptor) as line:
        while message := line.recv(_MESSAGE_BYTES):
            line.send(json.dumps(_answer(message)).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
