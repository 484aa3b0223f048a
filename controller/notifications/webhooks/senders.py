"""All webhooks of this controller."""

from collections.abc import Mapping

from sqlalchemy import func, or_, select

from controller.notifications.webhooks.place import begin
from controller.notifications.webhooks.sender import Bounds, Note, WebhookSender
from controller.notifications.webhooks.targets import load_targets
from controller.settings import Settings
from controller.store.database import Store
from controller.store.notifications import NOTIFICATION_TABLE, WebhookPlace


class Webhooks:
    """The targets of the webhook file, a thread each."""

    def __init__(self, store: Store, settings: Settings, note: Note) -> None:
        """Read the webhook file; nothing runs yet.

        Raises:
            SettingsError: It makes no sense.
        """
        self._store = store
        targets = load_targets(settings.webhook_file)
        self.names = tuple(targets)
        bounds = Bounds(timeout_s=settings.webhook_timeout_s, give_up_s=settings.webhook_give_up_s)
        self._senders = [WebhookSender(store, one, bounds, note) for one in targets.values()]

    def begin(self) -> None:
        """Have targets that are new begin with what comes from now on; to be called once, before the threads run.

        Raises:
            SQLAlchemyError: The database fails.
        """
        for name in self.names:
            begin(self._store, name)

    def keep_alive(self) -> None:
        """Start the threads that do not run."""
        for sender in self._senders:
            sender.keep_alive()

    def stop(self) -> None:
        """End them after the calls that they are at, or leave them to their end."""
        for sender in self._senders:
            sender.ask_to_stop()
        for sender in self._senders:
            sender.join()

    def behind(self) -> Mapping[str, int]:
        """Return how many notifications each target has still to be told, those included that are none of its events."""
        if not self.names:
            return {}
        numbers = NOTIFICATION_TABLE.c.number
        left = (
            select(func.count())
            .where(or_(numbers > WebhookPlace.place, numbers.is_(None)))
            .correlate(WebhookPlace)
            .scalar_subquery()
        )
        query = select(WebhookPlace.name, left).where(WebhookPlace.name.in_(self.names))
        with self._store.look() as connection:
            return {name: int(count) for name, count in connection.execute(query)}
