"""``make simulate``: thousands of machines in one process against real controllers; writes ``build/bench/simulate.json``."""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.simulate.campaign import simulate
from tests.simulate.options import read_options

_RESULT = Path(__file__).resolve().parents[2] / "build/bench/simulate.json"


def main() -> int:
    """Simulate; 2 = an option is wrong."""
    console = Console(soft_wrap=True, markup=False, highlight=False)
    try:
        options = read_options(os.environ)
    except ValueError as error:
        console.print(str(error))
        return 2
    _RESULT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ingot-simulate-") as name:
        figures = asyncio.run(simulate(Path(name), options, console.print))
    text = json.dumps(figures, indent=1)
    _RESULT.write_text(f"{text}\n")
    console.print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
