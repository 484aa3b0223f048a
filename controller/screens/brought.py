"""The screens that are there now: brought when the first browser wants one, let go of some time after the last has left.

What a provider was told to bring is written down before, so that after a crash of the controller it is told to let go of it.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.errors import Conflict, ControllerError, Invalid
from controller.hardware.screen import ProvidesScreens, Screen, ScreenWish

log = logging.getLogger(__name__)

LINGER_S = 30.0
"""A browser that loads its page anew finds the screen as it was."""
_MOST_STOPS = 3
"""So often a provider is told to let go of a screen; then the controller's next start tells it again."""
_STOP_AGAIN_S = 5.0


@dataclass(eq=False, slots=True)
class Brought:
    """A node's screen and how many use it."""

    wish: ScreenWish
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held while a provider is asked."""
    begun_at: float = 0.0
    brought_at: float = 0.0
    """When its provider had brought it."""
    screen: Screen | None = None
    users: int = 0
    idle_since: float = 0.0
    ends_at: float | None = None
    is_over: bool = False
    """It is to be let go of, and nobody new gets it."""
    is_released: bool = False
    """A thread lets go of it."""
    failed_stops: int = 0
    stop_again_at: float = 0.0
    """When its provider is told once more, after it has failed."""

    @property
    def there(self) -> Screen:
        """The screen. Raises ``Conflict`` when it is not there."""
        if self.screen is None:
            raise Conflict("the screen is gone; try again")
        return self.screen


class BroughtScreens:
    """All of them; for many threads."""

    def __init__(
        self,
        providers: Mapping[str, ProvidesScreens],
        site: str,
        folder: Path,
        *,
        most: int,
        timeout_s: float,
        linger_s: float = LINGER_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without any.

        Args:
            providers: The plug-ins by name.
            site: Which of them brings what names none.
            folder: Where is written down what was brought.
            most: How many are there at a time.
            timeout_s: How long a provider may take.
            linger_s: How long a screen that nobody looks at is kept.
            monotonic: The clock, in seconds.
        """
        self._providers, self._site, self._folder = providers, site, folder
        self._most, self._timeout_s, self._linger_s = most, timeout_s, linger_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._gone = threading.Condition(self._lock)
        """Something was let go of."""
        self._brought: dict[str, Brought] = {}

    def provider_of(self, wish: ScreenWish) -> ProvidesScreens:
        """Return the plug-in that a wish is for.

        Raises:
            Invalid: There is none.
        """
        name = wish.provider or self._site
        if not name:
            raise Invalid(
                f"nothing brings the screens of {wish.application} consoles; set console_screen_provider (installed:"
                f" {', '.join(sorted(self._providers)) or 'none'}), or set console_interface to vnc where the machine's host has VNC"
            )
        found = self._providers.get(name)
        if found is None:
            raise Invalid(
                f"no plug-in {name!r} for screens is installed; installed are {', '.join(sorted(self._providers)) or 'none'}"
            )
        return found

    def hold(self, wish: ScreenWish) -> Brought:
        """Have a screen brought, or use the one that is there, until :meth:`let_go`; waits for its provider.

        Raises:
            ControllerError: It cannot be brought; or there are too many.
        """
        brought = self._place(wish)
        try:
            self._have_brought(brought)
        except BaseException:
            self.let_go(brought)
            raise
        return brought

    def let_go(self, brought: Brought) -> None:
        """Say that one less uses it."""
        with self._lock:
            brought.users -= 1
            brought.idle_since = self._monotonic()

    def tidy(self) -> None:
        """Let go of what nobody has used for some time, and of what is over; waits for nobody."""
        now = self._monotonic()
        with self._lock:
            over = [one for one in self._brought.values() if self._is_due(one, now)]
            for one in over:
                one.is_over = one.is_released = True
        for one in over:
            threading.Thread(
                target=self._release, args=(one,), name="screen-stop", daemon=True
            ).start()

    def end_all_but(self, wishes: Mapping[str, ScreenWish], read_at: float) -> None:
        """Have those end that nobody may look at any more, but not what began after ``read_at``; :meth:`tidy` does it when their sessions have ended."""
        with self._lock:
            for uuid, one in self._brought.items():
                if one.begun_at < read_at and wishes.get(uuid) != one.wish:
                    one.is_over = True

    def release_left(self) -> None:
        """Let go of what a controller before this one has left; waits for the providers."""
        for wish in self._left():
            one = Brought(wish, is_over=True, is_released=True)
            with self._lock:
                if self._brought.setdefault(wish.node_uuid, one) is not one:
                    continue
            log.info("the screen of node %s was left by a controller; it is ended", wish.node_uuid)
            self._release(one)

    def release_all(self) -> None:
        """Let go of all, at the controller's end; waits for the providers, all at once."""
        with self._lock:
            left = list(self._brought.values())
        threads = [threading.Thread(target=self._release, args=(one,), daemon=True) for one in left]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self._timeout_s)

    def _is_due(self, one: Brought, now: float) -> bool:
        if one.users or one.is_released or now < one.stop_again_at:
            return False
        return one.is_over or self._has_lapsed(one) or now - one.idle_since >= self._linger_s

    def _place(self, wish: ScreenWish) -> Brought:
        """Return the place of a node's screen, with one more user; waits until one of before is gone, or another one that nobody looks at."""
        ends_at = self._monotonic() + self._timeout_s
        with self._gone:
            while True:
                found = self._brought.get(wish.node_uuid)
                if found is not None:
                    if found.wish == wish and not found.is_over and not self._has_lapsed(found):
                        break
                    found.is_over = True
                elif len(self._brought) < self._most:
                    found = Brought(wish, begun_at=self._monotonic())
                    self._brought[wish.node_uuid] = found
                    break
                else:
                    self._choose_idle().is_over = True
                if not self._gone.wait(max(0.0, ends_at - self._monotonic())):
                    raise Conflict("a screen of before is still being let go of; try again")
            found.users += 1
            return found

    def _choose_idle(self) -> Brought:
        idle = [one for one in self._brought.values() if not one.users]
        if not idle:
            raise Conflict(
                f"{self._most} screens are open in this controller (console_screen_sessions); try again later"
            )
        return min(idle, key=lambda one: (not one.is_over, one.idle_since))

    def _has_lapsed(self, one: Brought) -> bool:
        return one.ends_at is not None and self._monotonic() >= one.ends_at

    def _have_brought(self, brought: Brought) -> None:
        """Ask the provider, unless somebody else has: then wait for that."""
        if not brought.lock.acquire(timeout=self._timeout_s):
            raise Conflict("the screen is still being brought for somebody else; try again")
        try:
            self._require_there(brought)
        finally:
            brought.lock.release()

    def _require_there(self, brought: Brought) -> None:
        if brought.is_over:
            raise Conflict("the screen is just being let go of; try again")
        if brought.screen is not None:
            return
        try:
            self._bring(brought)
        except BaseException:
            brought.is_over = True
            raise

    def _bring(self, brought: Brought) -> None:
        wish = brought.wish
        provider = self.provider_of(wish)
        self._write_down(wish)
        brought.screen = provider.start(wish, timeout_s=self._timeout_s)
        brought.brought_at = self._monotonic()
        if brought.screen.lifetime_s is not None:
            brought.ends_at = self._monotonic() + brought.screen.lifetime_s

    def _release(self, brought: Brought) -> None:
        uuid = brought.wish.node_uuid
        with brought.lock:
            brought.is_over = True
            if self._brought.get(uuid) is not brought:  # another thread was faster
                return
            has_stopped = self._stop(brought.wish)
            brought.failed_stops += not has_stopped
            is_last = has_stopped or brought.failed_stops >= _MOST_STOPS
            with self._gone:
                if is_last:
                    del self._brought[uuid]
                    self._gone.notify_all()
                else:  # nobody gets the node another one meanwhile: this one's end would be the end of that
                    brought.stop_again_at = self._monotonic() + _STOP_AGAIN_S
                    brought.is_released = False

    def _stop(self, wish: ScreenWish) -> bool:
        """Have a provider let go, and say whether it has; if not, what is written down stays for the next start."""
        try:
            self.provider_of(wish).stop(wish, timeout_s=self._timeout_s)
            (self._folder / wish.node_uuid).unlink(missing_ok=True)
        except ControllerError as error:
            log.warning("the screen of node %s cannot be let go of: %s", wish.node_uuid, error)
            return False
        except Exception:  # a plug-in's, or of the file
            log.exception("the screen of node %s cannot be let go of", wish.node_uuid)
            return False
        return True

    def _left(self) -> Iterator[ScreenWish]:
        """Return what is written down, as far as it is there and can be read when its turn comes."""
        paths: list[Path] = []
        with contextlib.suppress(FileNotFoundError):
            paths = sorted(self._folder.iterdir())
        for path in paths:
            try:
                name, _, application = path.read_text().partition("\n")
            except FileNotFoundError:  # let go of since, by a session that has ended
                continue
            except (OSError, UnicodeError) as error:
                log.warning("whose screen %s was cannot be read: %s; remove it", path, error)
                continue
            yield ScreenWish(node_uuid=path.name, provider=name, application=application)

    def _write_down(self, wish: ScreenWish) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        words = f"{wish.provider or self._site}\n{wish.application}"
        (self._folder / wish.node_uuid).write_text(words)
