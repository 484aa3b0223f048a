"""What GRUB would start: its configuration carried out, as far as it decides about kernel, initial ramdisks and command line.

Nothing of it is executed: commands that load drivers, draw or wait do nothing here. Source: GRUB manual 2.12, "Commands" and "Simple
configuration handling"; ``blscfg`` as Fedora's GRUB has it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.boot.kexec.grub_script import Command, Function, If, MenuEntry, Script, parse_script
from agent.boot.kexec.grub_state import GrubState
from agent.boot.kexec.loader_entries import LoaderEntry, by_version, read_entries
from agent.boot.kexec.volumes import FilePlace, LinuxBoot, NoBootConfig, Volume, device_of

_MOST_STATEMENTS = 20_000
_MOST_DEPTH = 24
_MOST_ENTRIES = 1000
_MOST_DIGITS = 6
_NOTHING_DONE = (
    *("background_color", "background_image", "clear", "cpuid", "echo", "export", "gfxmode"),
    *("insmod", "keymap", "load_video", "loadfont", "normal", "play", "rmmod", "save_env"),
    *("serial", "sleep", "terminal_input", "terminal_output", "terminfo", "true", "password"),
    *("password_pbkdf2", "savedefault"),
)
"""Commands that succeed and change nothing that counts here."""
_NOT_FOLLOWED = frozenset(
    (
        *("chainloader", "multiboot", "multiboot2", "xen_hypervisor", "xen_module", "ntldr"),
        *("kfreebsd", "knetbsd", "kopenbsd", "exit", "halt", "reboot", "fwsetup", "cryptomount"),
        *("loopback", "devicetree", "eval"),
    )
)
"""Commands after which something else starts, or something that cannot be followed here."""


class _Starts(Exception):  # no error: GRUB leaves its script here
    """GRUB starts a system, or goes on with another configuration."""

    def __init__(self, boot: LinuxBoot) -> None:
        super().__init__()
        self.boot = boot


class _Returns(Exception):  # no error: ``return``
    """A function ends early."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A line of the menu; ``script`` = ``None``: it is an entry of the Boot Loader Specification."""

    title: str
    name: str = ""
    script: Script | None = None
    is_submenu: bool = False
    bls: LoaderEntry | None = None
    bls_volume: Volume | None = None


def what_grub_boots(volumes: Sequence[Volume], config: FilePlace, *, is_uefi: bool) -> LinuxBoot:
    """Return what GRUB starts with a configuration if nobody touches its menu.

    Raises:
        NoBootConfig: It starts no Linux kernel, or what it does is not known here.
        FileSystemError: A file that it reads is too large or cannot be read.
    """
    try:
        return _Menu(GrubState(volumes, config, is_uefi=is_uefi)).boot(config)
    except _Starts as started:
        return started.boot
    except _Returns:
        raise NoBootConfig(f"{config}: it returns before its end") from None
    except RecursionError:
        raise NoBootConfig(f"{config}: it is nested too deeply") from None


class _Menu:
    """One menu of GRUB and what its script has made of it."""

    def __init__(self, state: GrubState) -> None:
        self._state = state
        self._functions: dict[str, Script] = {}
        self._entries: list[_Entry] = []
        self._kernel: FilePlace | None = None
        self._command_line = ""
        self._initrds: tuple[FilePlace, ...] = ()
        self._title = "its configuration"
        self._statements = 0
        self._depth = 0
        self._commands: dict[str, Callable[[list[str]], bool]] = {
            "set": self._set,
            "unset": self._unset,
            "[": state.test,
            "test": state.test,
            "search": state.search,
            "load_env": state.load_environment,
            "false": lambda _words: False,
            "return": self._return,
            "boot": self._boot,
            "blscfg": self._blscfg,
            **dict.fromkeys(("linux", "linux16", "linuxefi"), self._linux),
            **dict.fromkeys(("initrd", "initrd16", "initrdefi"), self._initrd),
            **dict.fromkeys(("source", "."), self._source),
            **dict.fromkeys(("configfile", "extract_entries_configfile"), self._configfile),
            **dict.fromkeys(_NOTHING_DONE, lambda _words: True),
        }

    def boot(self, config: FilePlace) -> LinuxBoot:
        """Carry a configuration out, then what its menu starts by itself.

        Raises:
            _Starts: It has been started by the way.
        """
        content = self._state.read(self._path_of(config))
        if content is None:
            raise NoBootConfig(f"{config}: is not there")
        folder = self._path_of(config).rpartition("/")[0]
        self._state.set("config_directory", folder)
        self._entries.clear()
        self._run(parse_script(content.decode("utf-8", "replace")))
        default = self._state.variables.get("default", "")
        while self._entries:
            entry, default = self._chosen(default)
            self._title = entry.title
            self._state.set("chosen", entry.title)
            if entry.bls is not None:
                return self._start_bls(entry)
            is_submenu = entry.is_submenu
            self._entries.clear()
            self._run(entry.script or ())
            if not is_submenu:
                return self._started()
        raise NoBootConfig(f"{config}: it has no entry that starts Linux")

    @staticmethod
    def _path_of(place: FilePlace) -> str:
        return f"(hd0,gpt{place.volume.number}){place.path}"

    def _chosen(self, default: str) -> tuple[_Entry, str]:
        """Return the entry of the menu that ``default`` names, else the first, and the rest of the name, for a submenu.

        Raises:
            NoBootConfig: The entry counts for one start only.
        """
        if self._state.has_one_time_entry:
            raise NoBootConfig(
                "GRUB has an entry for one start only (next_entry), which it has to use up by itself"
            )
        head, _, rest = default.partition(">")
        for name, below in ((default, ""), (head.strip(), rest.strip())):
            if name.isdecimal() and len(name) <= _MOST_DIGITS and int(name) < len(self._entries):
                return self._entries[int(name)], below
            for entry in self._entries:
                if name and name in {entry.title, entry.name}:
                    return entry, below
        return self._entries[0], ""

    def _run(self, script: Script) -> bool:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise NoBootConfig("a script of GRUB calls itself too deeply")
        result = True
        for statement in script:
            self._statements += 1
            if self._statements > _MOST_STATEMENTS:
                raise NoBootConfig(f"a script of GRUB has more than {_MOST_STATEMENTS} steps")
            match statement:
                case Command():
                    result = self._command(statement)
                case If():
                    result = self._if(statement)
                case Function():
                    self._functions[statement.name] = statement.body
                case MenuEntry():
                    self._add(statement)
            self._state.variables["?"] = "0" if result else "1"
        self._depth -= 1
        return result

    def _if(self, statement: If) -> bool:
        for condition, body in statement.branches:
            if self._run(condition):
                return self._run(body)
        return self._run(statement.otherwise)

    def _command(self, command: Command) -> bool:
        words = self._state.expand(command.words)
        if words[:1] == ["!"]:
            return not self._call(words[1:])
        return self._call(words)

    def _call(self, words: list[str]) -> bool:
        if not words:
            return True
        name, *arguments = words
        if name in self._functions:
            return self._function(self._functions[name], arguments)
        if name in _NOT_FOLLOWED:
            if name == "fwsetup" and arguments == ["--is-supported"]:
                return False
            raise NoBootConfig(
                f"GRUB starts {self._title!r} by the command {name}, which is not known here"
            )
        if name.startswith("search."):
            return self._state.search_embedded(name, arguments)
        known = self._commands.get(name)
        if known is None and len(words) == 1 and "=" in name:
            return self._set(words)  # x=y
        return known(arguments) if known else False

    def _function(self, body: Script, arguments: Sequence[str]) -> bool:
        for number, value in enumerate(arguments[:9], start=1):
            self._state.set(str(number), value)
        depth = self._depth
        try:
            return self._run(body)
        except _Returns as returned:
            self._depth = depth
            return bool(returned.args[0])

    def _return(self, words: list[str]) -> bool:
        raise _Returns(words[:1] in ([], ["0"]))

    def _add(self, statement: MenuEntry) -> None:
        if len(self._entries) >= _MOST_ENTRIES:
            raise NoBootConfig(f"GRUB's menu has more than {_MOST_ENTRIES} entries")
        title, name = None, ""
        words = iter(self._state.expand(statement.words))
        for word in words:
            option, equals, value = word.partition("=")
            if option in {"--id", "--class", "--users", "--hotkey", "--source"}:
                value = value if equals else next(words, "")
                name = value if option == "--id" else name
            elif not word.startswith("--") and title is None:
                title = word
        entry = _Entry(
            title=title or "", name=name, script=statement.body, is_submenu=statement.is_submenu
        )
        self._entries.append(entry)

    def _set(self, words: list[str]) -> bool:
        for word in words:
            name, equals, value = word.partition("=")
            if equals:
                self._state.set(name, value)
        return True

    def _unset(self, words: list[str]) -> bool:
        for word in words:
            self._state.variables.pop(word, None)
        return True

    def _linux(self, words: list[str]) -> bool:
        words = [word for number, word in enumerate(words) if number or not word.startswith("--")]
        if not words:
            return False
        place = self._state.place(words[0])
        if place is None:
            raise NoBootConfig(
                f"GRUB loads {words[0]!r}, which is not on the disk that was written"
            )
        self._kernel, self._initrds = place, ()
        self._command_line = " ".join([f"BOOT_IMAGE={words[0]}", *map(_quoted, words[1:])])
        return True

    def _initrd(self, words: list[str]) -> bool:
        places = []
        for word in words:
            place = self._state.place(word)
            if place is None:
                raise NoBootConfig(
                    f"GRUB loads {word!r}, which is not on the disk that was written"
                )
            places.append(place)
        self._initrds = tuple(places)
        return True

    def _boot(self, _words: list[str]) -> bool:
        raise _Starts(self._started())

    def _started(self) -> LinuxBoot:
        if self._kernel is None:
            raise NoBootConfig(f"GRUB starts {self._title!r}, which loads no Linux kernel")
        return LinuxBoot(
            kernel=self._kernel,
            initrds=self._initrds,
            command_line=self._command_line,
            source=f"GRUB, {self._title}",
        )

    def _source(self, words: list[str]) -> bool:
        content = self._state.read(words[0]) if words else None
        if content is None:
            return False
        return self._run(parse_script(content.decode("utf-8", "replace")))

    def _configfile(self, words: list[str]) -> bool:
        """Go on with another configuration; what follows runs only when a person leaves its menu."""
        place = self._state.place(words[0]) if words else None
        if place is None or self._state.read(words[0]) is None:
            return False
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise NoBootConfig("configurations of GRUB lead to each other")
        raise _Starts(self.boot(place))

    def _blscfg(self, _words: list[str]) -> bool:
        """Add the entries of the Boot Loader Specification, newest first."""
        volume = self._state.volume("boot") or self._state.volume("root")
        if volume is None or volume.files is None or any(entry.bls for entry in self._entries):
            return False
        own = self._state.variables.get("blsdir", "")
        for folder in filter(None, (own, "/loader/entries", "/boot/loader/entries")):
            found = by_version(read_entries(volume.files, folder))
            self._entries += [
                _Entry(title=one.title, name=one.name, bls=one, bls_volume=volume) for one in found
            ]
            if found:
                return True
        return False

    def _start_bls(self, entry: _Entry) -> LinuxBoot:
        bls, volume = entry.bls, entry.bls_volume
        if bls is None or volume is None:
            raise NoBootConfig(f"GRUB's entry {entry.title!r} starts nothing")
        own = self._state.variables
        options = bls.options or own.get("kernelopts") or own.get("default_kernelopts", "")
        boot = bls.boot_from(volume, source="GRUB", expand=self._state.expand_text)
        image = f"BOOT_IMAGE=({device_of(volume)}){boot.kernel.path}"
        return replace(boot, command_line=f"{image} {self._state.expand_text(options)}".strip())


def _quoted(word: str) -> str:
    """Return a word as GRUB puts it on the kernel's command line."""
    escaped = "".join(f"\\{letter}" if letter in "\\'\"" else letter for letter in word)
    return f'"{escaped}"' if " " in word else escaped
