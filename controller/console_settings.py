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
    """A connection to such a port on which nothing moves for so long is ended; 0: none is. Ironic's ``[console] terminal_timeout``."""
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
