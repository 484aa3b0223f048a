"""A folder with files of sysfs, laid out as a kernel has them."""

from collections.abc import Mapping
from pathlib import Path

from agent.system.sysfs import SysRoot


def kernel_tree(root: Path, files: Mapping[str, str]) -> SysRoot:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return SysRoot(root)
