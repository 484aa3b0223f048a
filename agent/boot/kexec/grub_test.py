"""GRUB's command ``test``, also written ``[``. Pure.

Source: GRUB manual 2.12, "test". Binary before unary operators, ``!`` before ``-a`` before ``-o``, as there.
"""

from collections.abc import Callable, Mapping, Sequence

IsTrue = Callable[[str], bool]
_NUMBERS: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_TEXTS: Mapping[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_BINARY_WORDS, _UNARY_WORDS = 3, 2
_MOST_DIGITS = 18


def holds(words: Sequence[str], files: Mapping[str, IsTrue]) -> bool:
    """Say whether a test holds; a malformed one does not.

    Args:
        words: The arguments, without the closing bracket.
        files: Tests of files by their operators: ``-e``, ``-f``, ``-s``, ``-d``.
    """
    result, at = _any(list(words), 0, files)
    return result and at == len(words)


def _any(words: list[str], at: int, files: Mapping[str, IsTrue]) -> tuple[bool, int]:
    result, at = _all(words, at, files)
    while at < len(words) and words[at] == "-o":
        other, at = _all(words, at + 1, files)
        result = result or other
    return result, at


def _all(words: list[str], at: int, files: Mapping[str, IsTrue]) -> tuple[bool, int]:
    result, at = _one(words, at, files)
    while at < len(words) and words[at] == "-a":
        other, at = _one(words, at + 1, files)
        result = result and other
    return result, at


def _one(words: list[str], at: int, files: Mapping[str, IsTrue]) -> tuple[bool, int]:
    is_negated = False
    while at < len(words) and words[at] == "!" and at + 1 < len(words):
        is_negated, at = not is_negated, at + 1
    result, at = _plain(words, at, files)
    return result is not is_negated, at


def _plain(words: list[str], at: int, files: Mapping[str, IsTrue]) -> tuple[bool, int]:
    rest = words[at : at + _BINARY_WORDS]
    if not rest:
        return False, at
    if len(rest) == _BINARY_WORDS:
        first, operator, second = rest
        if operator in _TEXTS:
            return _TEXTS[operator](first, second), at + _BINARY_WORDS
        if operator in _NUMBERS:
            return _NUMBERS[operator](_number(first), _number(second)), at + _BINARY_WORDS
    if len(rest) >= _UNARY_WORDS:
        operator, operand = rest[:_UNARY_WORDS]
        if operator in {"-n", "-z"}:
            return bool(operand) is (operator == "-n"), at + _UNARY_WORDS
        if operator in files:
            return files[operator](operand), at + _UNARY_WORDS
    return bool(rest[0]), at + 1


def _number(text: str) -> int:
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
    return int(text) if is_number else 0
