"""What GRUB knows while it reads its configuration: variables, devices, files.

Source: GRUB manual 2.12, "Device syntax", "search", "load_env", "Environment block".
"""

import re
from collections.abc import Iterator, Sequence

from agent.boot.kexec.grub_script import Word
from agent.boot.kexec.grub_test import holds
from agent.boot.kexec.volumes import (
    MOST_CONFIG_BYTES,
    FilePlace,
    NoBootConfig,
    Volume,
    device_of,
    volume_of,
)

_MOST_CHARS = 64 << 10
"""Of one word and of one variable: ``set a=$a$a`` doubles it."""
_MOST_VARIABLES = 2000
_MOST_READ_BYTES = 8 << 20
"""Of all files together."""
_ENVIRONMENT_BYTES = 64 << 10
_PATH = re.compile(r"(?:\((?P<device>[^()]{0,128})\))?(?P<path>/.*)", re.DOTALL)
_FEATURES = (
    "feature_menuentry_id",
    "feature_platform_search_hint",
    "feature_all_video_module",
    "feature_default_font_path",
    "feature_timeout_style",
    "feature_chainloader_bpb",
    "feature_ntldr",
    "feature_nativedisk_cmd",
    "feature_200_final",
)
_VARIABLE = re.compile(r"\$(?:\{(?P<braced>[^{}]{1,64})\}|(?P<bare>\w{1,64}))", re.ASCII)
_SEARCH_KINDS = {
    "-u": "uuid",
    "--fs-uuid": "uuid",
    "-l": "label",
    "--label": "label",
    "--fs-label": "label",
    "-f": "file",
    "--file": "file",
}


class GrubState:
    """Variables and files; ``config`` is the configuration that was found."""

    def __init__(self, volumes: Sequence[Volume], config: FilePlace, *, is_uefi: bool) -> None:
        self._volumes = volumes
        device = device_of(config.volume)
        folder = config.path.rpartition("/")[0]
        self.variables: dict[str, str] = {
            **dict.fromkeys(_FEATURES, "y"),
            "root": device,
            "prefix": f"({device}){folder}",
            "cmdpath": f"({device}){folder}",
            "grub_platform": "efi" if is_uefi else "pc",
            "?": "0",
        }
        self.has_one_time_entry = False
        self._read_bytes = 0

    def set(self, name: str, value: str) -> None:
        """Set a variable.

        Raises:
            NoBootConfig: There are too many, or the value is too long.
        """
        if len(value) > _MOST_CHARS or len(self.variables) > _MOST_VARIABLES:
            raise NoBootConfig("a script of GRUB has too many variables, or one that is too long")
        self.variables[name] = value.strip("()") if name == "root" else value

    def expand(self, words: Sequence[Word]) -> list[str]:
        """Put the variables into words; a variable that is not quoted may become several words, or none.

        Raises:
            NoBootConfig: A word becomes too long.
        """
        found: list[str] = []
        for word in words:
            found.extend(self._expanded(word))
        return found

    def _expanded(self, word: Word) -> Iterator[str]:
        pieces: list[str] = []
        length = 0
        for part in word.parts:
            text = self.variables.get(part.text, "") if part.is_variable else part.text
            length += len(text)
            if length > _MOST_CHARS:
                raise NoBootConfig("a script of GRUB has a word that is too long")
            if not part.is_variable or part.is_quoted:
                pieces.append(text)
                continue
            for number, piece in enumerate(text.split()):
                if number:
                    yield "".join(pieces)
                    pieces.clear()
                pieces.append(piece)
        if pieces:
            yield "".join(pieces)

    def expand_text(self, text: str) -> str:
        """Put the variables into a text that is no script: one of an entry of the Boot Loader Specification.

        Raises:
            NoBootConfig: It becomes too long.
        """
        full = _VARIABLE.sub(
            lambda found: self.variables.get(found["braced"] or found["bare"], ""), text
        )
        if len(full) > _MOST_CHARS:
            raise NoBootConfig("GRUB's variables make the command line too long")
        return full.strip()

    def place(self, path: str) -> FilePlace | None:
        """Return where a path of GRUB leads: ``(hd0,gpt2)/x``, or ``/x`` on ``$root``; ``None`` = not to this disk."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        device = match["device"] or self.variables.get("root", "")
        volume = volume_of(self._volumes, device)
        return None if volume is None else FilePlace(volume=volume, path=match["path"])

    def volume(self, name: str) -> Volume | None:
        """Return the volume of the device that a variable names."""
        return volume_of(self._volumes, self.variables.get(name, ""))

    def read(self, path: str, most_bytes: int = MOST_CONFIG_BYTES) -> bytes | None:
        """Return what a file holds; ``None`` = it is not there.

        Raises:
            FileSystemError: It is too large, or cannot be read.
        """
        place = self.place(path)
        if place is None or place.volume.files is None:
            return None
        content = place.volume.files.read(place.path, most_bytes)
        self._read_bytes += len(content or b"")
        if self._read_bytes > _MOST_READ_BYTES:
            raise NoBootConfig("GRUB's configuration reads file after file")
        return content

    def test(self, words: Sequence[str]) -> bool:
        """Carry out ``[``, with or without the bracket that closes it."""
        if words and words[-1] == "]":
            words = words[:-1]
        tests = {
            "-e": lambda path: self._size(path) is not None or self._is_folder(path),
            "-f": lambda path: self._size(path) is not None,
            "-s": lambda path: bool(self._size(path)),
            "-d": self._is_folder,
        }
        return holds(words, tests)

    def _size(self, path: str) -> int | None:
        place = self.place(path)
        if place is None or place.volume.files is None:
            return None
        return place.volume.files.size_bytes(place.path)

    def _is_folder(self, path: str) -> bool:
        place = self.place(path)
        files = None if place is None else place.volume.files
        return place is not None and files is not None and files.has_folder(place.path)

    def search(self, words: Sequence[str]) -> bool:
        """Carry out ``search``: set a variable to the device that has a UUID, a label or a file; false = none of this disk."""
        kind, variable, wanted = "file", "root", ""
        rest = iter(words)
        for word in rest:
            option, equals, value = word.partition("=")
            if option in {"--set", "-s"}:
                variable = value if equals else next(rest, "root")
            elif option in _SEARCH_KINDS:
                kind = _SEARCH_KINDS[option]
            elif option.startswith("--hint") and not equals:
                next(rest, None)
            elif not option.startswith("-"):
                wanted = word
        return self._found(kind, variable, wanted)

    def search_embedded(self, command: str, words: Sequence[str]) -> bool:
        """Carry out ``search.fs_uuid UUID VARIABLE``, ``search.fs_label``, ``search.file``, as cores have them built in."""
        kinds = {"search.fs_uuid": "uuid", "search.fs_label": "label", "search.file": "file"}
        wanted, variable = [*words, "root"][:2] if words else ("", "root")
        return command in kinds and self._found(kinds[command], variable, wanted)

    def _found(self, kind: str, variable: str, wanted: str) -> bool:
        for volume in self._volumes:
            has_file = volume.files is not None and volume.files.size_bytes(wanted) is not None
            is_it = {
                "uuid": volume.uuid.lower() == wanted.lower(),
                "label": volume.label == wanted,
                "file": has_file,
            }[kind]
            if wanted and is_it:
                self.set(variable, device_of(volume))
                return True
        return False

    def load_environment(self, words: Sequence[str]) -> bool:
        """Carry out ``load_env [--file FILE] [NAME...]``; false = there is no such file."""
        path, names = f"{self.variables.get('prefix', '')}/grubenv", set()
        rest = iter(words)
        for word in rest:
            if word in {"-f", "--file"}:
                path = next(rest, path)
            elif word.startswith("--file="):
                path = word.removeprefix("--file=")
            elif not word.startswith("-"):
                names.add(word)
        content = self.read(path, _ENVIRONMENT_BYTES)
        if content is None:
            return False
        for name, value in environment_of(content).items():
            if not names or name in names:
                self.set(name, value)
                self.has_one_time_entry |= name == "next_entry" and bool(value)
        return True


def environment_of(content: bytes) -> dict[str, str]:
    """Return the variables of GRUB's environment block."""
    found = {}
    for line in content.decode("utf-8", "replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[name] = value.replace("\\\\", "\\")
    return found
