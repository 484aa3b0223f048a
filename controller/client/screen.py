"""What a person sees while nodes change: a line that lives for each on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from controller.client.times import Row

_PLAIN_PROGRESS_INTERVAL_S = 5.0
_BAR_WIDTH = 20
_STEPS = ("clean_step", "deploy_step", "service_step")


class Screen:
    """Shows nodes and says what happens to them. Safe to use from several threads."""

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._started_s = time.monotonic()
        self._lock = Lock()
        self._nodes: dict[str, Mapping[str, Any]] = {name: {} for name in names}
        self._last_said: dict[str, str] = {}
        self._last_progress_s: dict[str, float] = {}
        self._live = Live(
            console=self._console, get_renderable=self._render, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print a line that stays, with the seconds since the start; unbroken, so that commands and URLs can be copied."""
        with self._lock:
            self._console.print(
                Text(f"{time.monotonic() - self._started_s:6.1f} s  {text}", style=style),
                soft_wrap=True,
            )

    def show(self, name: str, node: Mapping[str, Any]) -> None:
        """Show a node as the API returns it; says what changed since the last time."""
        with self._lock:
            self._nodes[name] = node
        state = f"{name}: {node['provision_state']}"
        if step := current_step(node):
            state += f", step {step}"
        if self._last_said.get(name) != state:
            self._last_said[name] = state
            self.say(state)
        if not self._console.is_terminal:
            self._say_progress(name, node)

    def table(self, title: str, rows: Sequence[Row]) -> None:
        """Print a table of times with its sum."""
        self._console.print(times_table(title, rows))

    def _say_progress(self, name: str, node: Mapping[str, Any]) -> None:
        progress = node.get("progress")
        now_s = time.monotonic()
        if not progress or now_s - self._last_progress_s.get(name, 0) < _PLAIN_PROGRESS_INTERVAL_S:
            return
        self._last_progress_s[name] = now_s
        self.say(f"{name}:   {describe(progress)}")

    def _render(self) -> RenderableType:
        with self._lock:
            return Group(*(_line(name, node) for name, node in self._nodes.items()))


def times_table(title: str, rows: Sequence[Row]) -> Table:
    """Return a table of times with its sum; rates stand beside the rows that know their bytes."""
    table = Table(title=title, title_justify="left", show_header=False, box=None, padding=(0, 2))
    table.add_column(justify="left")
    table.add_column(justify="right")
    table.add_column(justify="left")
    for row in rows:
        name = f"  {row.name}" if row.is_part else row.name
        style = "dim" if row.is_part else ""
        table.add_row(name, f"{row.seconds:.1f} s", _amount(row), style=style)
    total_s = sum(row.seconds for row in rows if not row.is_part)
    table.add_row("together", f"{total_s:.1f} s", "", style="bold")
    return table


def _amount(row: Row) -> str:
    if not row.bytes_done:
        return ""
    amount = decimal(row.bytes_done)
    return f"{amount}, {decimal(int(row.bytes_done / row.seconds))}/s" if row.seconds else amount


def describe(progress: Mapping[str, Any]) -> str:
    """Return progress in words: phase, bytes, rate, time left, bytes on the disk, and what the agent says."""
    words = [str(progress.get("phase") or "")]
    done, total = progress.get("bytes_done"), progress.get("bytes_total")
    if done is not None:
        words.append(decimal(done) + (f" of {decimal(total)}" if total else ""))
    if rate := progress.get("rate_bytes_per_s"):
        words.append(f"{decimal(int(rate))}/s")
    if (left_s := progress.get("time_left_s")) is not None:
        words.append(f"{left_s:.0f} s left")
    if on_disk := progress.get("disk_bytes_done"):
        words.append(f"{decimal(on_disk)} on disk")
    words.append(str(progress.get("message") or ""))
    return ", ".join(word for word in words if word)


def current_step(node: Mapping[str, Any]) -> str:
    """Return the name of the step that runs; empty if none does."""
    for kind in _STEPS:
        if node.get(kind):
            return str(node[kind].get("step", ""))
    return ""


def _line(name: str, node: Mapping[str, Any]) -> RenderableType:
    """Return a node as a line, and its progress as a second one; neither is broken in a narrow terminal."""
    progress = node.get("progress") or {}
    words = "" if progress else str(node.get("status_text") or "")
    line = _one_line(
        Text(name, style="bold"),
        Text(str(node.get("provision_state", ""))),
        Text(current_step(node)),
        Text(words),
    )
    if not progress:
        return line
    total = progress.get("bytes_total")
    bar: RenderableType = ""
    if total:
        bar = ProgressBar(total=total, completed=progress.get("bytes_done") or 0, width=_BAR_WIDTH)
    return Group(line, _one_line("", bar, Text(describe(progress))))


def _one_line(*cells: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 2))
    for _ in cells:
        grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row(*cells)
    return grid
