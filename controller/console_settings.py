"""What the controller keeps of machines' consoles."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class ConsoleSettings:
    """A part of ``Settings``, for nodes whose console is switched on (``docs/how-to/use-consoles.md``)."""

    console_limit: int = 64
    """How many consoles this controller keeps open; each is a process of some megabytes and a session at a BMC."""
    console_port_range: str = ""
    """Ports of which each console with the interface ``ipmitool-socat`` gets one, ``first:last``, such as ``10000:10999``; whoever reaches them types, without a password. Empty: none. Ironic's ``[console] port_range``."""
    console_socat_address: str = "127.0.0.1"
    """The address of this machine that they are on; Ironic's ``[console] socat_address``."""
    console_terminal_timeout_s: float = 600.0
    """A connection to such a port, or a browser at a screen, where nothing moves for so long is ended; 0: none is. Ironic's ``[console] terminal_timeout``."""
    console_screen_provider: str = ""
    """What brings the screens of ``redfish-graphical`` and ``fake-graphical``: ``command``, ``vnc`` or a plug-in's name (``docs/how-to/use-graphical-consoles.md``). Empty: nothing. Ironic's ``[vnc] container_provider``."""
    console_screen_program: str = ""
    """The program of the provider ``command``, an absolute path."""
    console_screen_timeout_s: float = 60.0
    """How long a screen may take to be brought, and to be let go of."""
    console_screen_sessions: int = 32
    """How many browsers are at screens at a time; eight of them at one."""
    console_token_s: float = 600.0
    """How long the address of a screen, with the word in it, is good; a page renews it where its browser is logged in. Ironic's ``[vnc] token_timeout``."""
    console_read_only: bool = False
    """Nobody types at screens. Ironic's ``[vnc] read_only``."""
    console_ssh_port: int = 0
    """Port on which all consoles are reached by SSH, ``ssh -p PORT USER+NODE@controller``; 0: none."""
    console_ssh_host: str = "127.0.0.1"
    """Address of that port."""
    console_ssh_authorized_keys: str = ""
    """File of SSH public keys, one a line, whose owners may do everything there; a key's comment is the name. Empty: none."""
    console_ssh_sessions: int = 32
    """How many sessions are open there at a time."""
    console_log_kib: int = 1024
    """How much of what each console has shown is stored, in ``consoles/`` in the state directory; half of it goes at a time."""
