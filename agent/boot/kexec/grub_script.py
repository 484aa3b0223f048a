"""GRUB's script language as far as configurations of distributions use it: text to statements. Pure.

Source: GRUB manual 2.12, "Shell-like scripting". Loops are refused: nothing that generates ``grub.cfg`` writes them, and without them
every script ends.
"""

from dataclasses import dataclass
from typing import Final

from agent.boot.kexec.volumes import NoBootConfig

_MOST_DEPTH = 16
_MOST_TOKENS = 100_000
_BLANKS = " \t\r"
_ENDS = "\n;"
_REFUSED = frozenset({"for", "while", "until", "select", "case", "time", "&", "|", "<", ">"})
_NAME_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word: text, or the name of a variable. What is not ``is_quoted`` is split at blanks when it is put in."""

    text: str
    is_variable: bool = False
    is_quoted: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """One word as it is written."""

    parts: tuple[Part, ...]

    @property
    def plain(self) -> str | None:
        """The text of a word without quotes and variables, which may be a keyword; ``None`` = it is another one."""
        if len(self.parts) == 1 and not (self.parts[0].is_variable or self.parts[0].is_quoted):
            return self.parts[0].text
        return None


@dataclass(frozen=True, slots=True)
class Command:
    """A command with its arguments."""

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class If:
    """``branches``: pairs of condition and what is done if it holds; ``otherwise``: if none does."""

    branches: tuple[tuple["Script", "Script"], ...]
    otherwise: "Script"


@dataclass(frozen=True, slots=True)
class Function:
    """``function name { ... }``."""

    name: str
    body: "Script"


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """``menuentry`` or ``submenu``; ``words`` are the title and the options."""

    words: tuple[Word, ...]
    body: "Script"
    is_submenu: bool


Statement = Command | If | Function | MenuEntry
Script = tuple[Statement, ...]


def parse_script(text: str) -> Script:
    """Return the statements of a script.

    Raises:
        NoBootConfig: It is malformed, nested too deeply, or uses what is not known here.
    """
    return _Parser(_tokens(text)).script(())


Token = Word | str
"""A word, or what ends a statement."""


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if len(tokens) > _MOST_TOKENS:
            raise NoBootConfig(f"a script of GRUB has more than {_MOST_TOKENS} words")
        letter = text[at]
        if letter in _BLANKS:
            at += 1
        elif letter in _ENDS:
            tokens.append("\n")
            at += 1
        elif letter == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif letter == "\\" and text[at + 1 : at + 2] == "\n":
            at += 2
        elif letter in "&|<>":
            tokens.append(Word((Part(letter),)))
            at += 1
        else:
            word, at = _word(text, at)
            tokens.append(word)
    return tokens


def _word(text: str, at: int) -> tuple[Word, int]:
    parts: list[Part] = []
    while at < len(text) and text[at] not in f"{_BLANKS}{_ENDS}&|<>":
        letter = text[at]
        if letter == "'":
            end = _end_of_quote(text, "'", at + 1)
            parts.append(Part(text[at + 1 : end], is_quoted=True))
            at = end + 1
        elif letter == '"':
            at = _double_quoted(text, at + 1, parts)
        elif letter == "$":
            at = _dollar(text, at, parts, is_quoted=False)
        elif letter == "\\":
            if text[at + 1 : at + 2] != "\n":
                parts.append(Part(text[at + 1 : at + 2], is_quoted=True))
            at += 2
        else:
            end = at + 1
            while end < len(text) and text[end] not in f"{_BLANKS}{_ENDS}&|<>'\"$\\":
                end += 1
            parts.append(Part(text[at:end]))
            at = end
    return Word(tuple(parts)), at


def _double_quoted(text: str, at: int, parts: list[Part]) -> int:
    parts.append(Part("", is_quoted=True))  # "" is a word, too
    plain: list[str] = []
    while True:
        if at >= len(text):
            raise NoBootConfig("a script of GRUB has a quote without an end")
        letter = text[at]
        if letter == "\\" and text[at + 1 : at + 2] in {'"', "\\", "$", "\n"}:
            plain.append("" if text[at + 1] == "\n" else text[at + 1])
            at += 2
        elif letter in '"$':
            parts.append(Part("".join(plain), is_quoted=True))
            plain.clear()
            if letter == '"':
                return at + 1
            at = _dollar(text, at, parts, is_quoted=True)
        else:
            plain.append(letter)
            at += 1


def _dollar(text: str, at: int, parts: list[Part], *, is_quoted: bool) -> int:
    """Read what a dollar sign begins, and return where that ends."""
    after = text[at + 1 : at + 2]
    if after == "{":
        end = _end_of_quote(text, "}", at + 2)
        parts.append(Part(text[at + 2 : end], is_variable=True, is_quoted=is_quoted))
        return end + 1
    if after == '"' and not is_quoted:  # $"...": text to be translated
        return at + 1
    end = at + 1
    if after in {"?", "#", "@", "*"}:
        end += 1
    while end < len(text) and text[end] in _NAME_LETTERS and after not in {"?", "#", "@", "*"}:
        end += 1
    if end == at + 1:
        parts.append(Part("$", is_quoted=is_quoted))
    else:
        parts.append(Part(text[at + 1 : end], is_variable=True, is_quoted=is_quoted))
    return end


def _end_of_quote(text: str, quote: str, at: int) -> int:
    end = text.find(quote, at)
    if end < 0:
        raise NoBootConfig("a script of GRUB has a quote without an end")
    return end


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def script(self, ends: tuple[str, ...]) -> Script:
        """Read statements up to one of the words ``ends``, which stays; none = to the end of the text."""
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise NoBootConfig(f"a script of GRUB is nested more than {_MOST_DEPTH} deep")
        found: list[Statement] = []
        while True:
            while self._peek() == "\n":
                self._at += 1
            if self._at >= len(self._tokens):
                if ends:
                    raise NoBootConfig(
                        f"a script of GRUB ends where {' or '.join(ends)} is missing"
                    )
                break
            if self._keyword() in ends:
                break
            found.append(self._statement())
        self._depth -= 1
        return tuple(found)

    def _statement(self) -> Statement:
        keyword = self._keyword()
        if keyword in _REFUSED:
            raise NoBootConfig(f"a script of GRUB uses {keyword!r}, which is not known here")
        match keyword:
            case "if":
                return self._if()
            case "function":
                self._at += 1
                words = self._words(up_to_brace=True)
                if len(words) != 1 or words[0].plain is None:
                    raise NoBootConfig("a script of GRUB has a function without a name")
                return Function(words[0].plain, self._block())
            case "menuentry" | "submenu":
                self._at += 1
                words = self._words(up_to_brace=True)
                return MenuEntry(words, self._block(), keyword == "submenu")
            case _:
                return self._command()

    def _command(self) -> Command:
        words = self._words(up_to_brace=False)
        if not words:
            raise NoBootConfig("a script of GRUB has a brace where none can be")
        return Command(words)

    def _if(self) -> If:
        branches: list[tuple[Script, Script]] = []
        while self._keyword() in {"if", "elif"}:
            self._at += 1
            condition = self.script(("then",))
            self._at += 1
            branches.append((condition, self.script(("elif", "else", "fi"))))
        otherwise: Script = ()
        if self._keyword() == "else":
            self._at += 1
            otherwise = self.script(("fi",))
        self._at += 1  # fi
        return If(tuple(branches), otherwise)

    def _block(self) -> Script:
        self._at += 1  # {
        body = self.script(("}",))
        self._at += 1
        return body

    def _words(self, *, up_to_brace: bool) -> tuple[Word, ...]:
        words: list[Word] = []
        while self._at < len(self._tokens):
            token = self._tokens[self._at]
            if isinstance(token, str):
                if not up_to_brace:
                    break
            elif token.plain == "{" and up_to_brace:
                return tuple(words)
            elif token.plain == "}":
                break
            elif token.plain in _REFUSED and words and token.plain in {"&", "|", "<", ">"}:
                raise NoBootConfig(
                    f"a script of GRUB uses {token.plain!r}, which is not known here"
                )
            else:
                words.append(token)
            self._at += 1
        if up_to_brace:
            raise NoBootConfig("a script of GRUB has an entry or a function without a body")
        return tuple(words)

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _keyword(self) -> str | None:
        token = self._peek()
        return token.plain if isinstance(token, Word) else None
