"""Which names are those of secrets, and what is shown in a secret's place. Pure."""

import re
from collections.abc import Callable
from functools import lru_cache

MASK = "******"
Replace = Callable[[str], str]
"""Returns what stands in the place of a secret."""

_SECRET_KEY = re.compile(
    r"passw|passphrase|pwd|secret|token|credential|authorization|cookie|community|snmp.*key"
    r"|(private|api|auth|access|hexkg|account|shared|signing|encryption|master|ssh|ssl|tls|client|server|session"
    r"|storage|hmac|luks|psk|kg|gpg|rsa|wep|wpa|root|host|user|admin|ipmi|bmc|license)key$"
    r"|(private|api|auth|access|hexkg)key|key(contents?|data|material)$"
    r"|(store|key|user|root|admin|bmc|ipmi|login|smtp|ldap|snmp|db)pass$"
    r"|^(amz|goog|oss|x).*signature$|^(googleaccessid|awsaccesskeyid|ossaccesskeyid)$"
)
"""Found in a key without its separators: ``ssh_private_key``, ``X-Api-Key``, ``rootpwd``."""
_SECRET_WORDS = frozenset({"pem", "kg", "psk", "sig", "cred", "creds", "pass", "passcode"})
"""Short words, secret only where they stand alone in a key: ``ssl_pem``, ``ipmi-kg``; not in ``signal``."""
_SECRET_NAMES = frozenset({"configdrive", "image_url", "user_data"})
_PUBLIC_NAMES = frozenset({"sshkey", "ssh_host_key", "redfish_console_host_key"})
"""Public keys: the kernel argument, and those of hosts in ``driver_info``; ``ssh_key`` holds private ones."""
_SEPARATORS = re.compile(r"[ ._-]")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


@lru_cache(maxsize=4096)
def is_secret(key: str) -> bool:
    """Say whether the value under ``key`` must never be shown."""
    if key in _SECRET_NAMES:
        return True
    if key in _PUBLIC_NAMES:
        return False
    plain = _SEPARATORS.sub("", key.lower()).replace("publickey", "")
    words = (word.lower() for word in _WORDS.findall(key))
    return _SECRET_KEY.search(plain) is not None or not _SECRET_WORDS.isdisjoint(words)
