"""The SSH key that the demonstration sends through the config drive and looks for in the deployed system."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from tests.lab.program import run


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """A key pair; ``public`` is one line as in ``authorized_keys``, ``fingerprint`` as ``ssh-keygen -l`` shows it."""

    private_file: Path
    public: str

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def make_key(folder: Path) -> SshKey:
    """Make a new ed25519 key pair in ``folder``."""
    private = folder / "demo_key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ingot-demo", "-f", str(private))
    return SshKey(private_file=private, public=private.with_suffix(".pub").read_text().strip())
