"""A program for the driver_type "command": access ports on kernels without VLAN filtering, where each VLAN is a bridge of its own.

``python -m tests.integration.bridge_per_vlan``; the option ``namespace`` says in which network namespace the ports are.
"""

import json
import subprocess
import sys
from typing import Any


def ip(namespace: str, *words: str) -> str:
    """Run ``ip`` in the namespace; its words are those of a failure."""
    argv = ["ip", "-n", namespace, *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def read(namespace: str, port: str) -> dict[str, Any] | None:
    """Return what the port is set to."""
    (found,) = json.loads(ip(namespace, "-json", "link", "show", "dev", port))
    bridge = found.get("master")
    return bridge and {"mode": "access", "native_vlan": int(bridge.removeprefix("vlan"))}


def attach(namespace: str, port: str, wanted: dict[str, Any]) -> None:
    """Put the port into the bridge of its VLAN."""
    if wanted["mode"] != "access":
        sys.exit("only access ports are possible")
    bridge = f"vlan{wanted['native_vlan']}"
    known = {one.get("ifname") for one in json.loads(ip(namespace, "-json", "link", "show"))}
    if bridge not in known:
        ip(namespace, "link", "add", bridge, "type", "bridge")
        ip(namespace, "link", "set", bridge, "up")
    ip(namespace, "link", "set", port, "master", bridge, "up")


def main() -> None:
    """Do what is asked for on the standard input."""
    order = json.load(sys.stdin)
    namespace, port = order["switch"]["namespace"], order["port"]
    if order["action"] == "read":
        json.dump({"switchport": read(namespace, port)}, sys.stdout)
    elif order["action"] == "attach":
        attach(namespace, port, order["switchport"])
    else:
        ip(namespace, "link", "set", port, "nomaster")


if __name__ == "__main__":
    main()
