"""What the controller tells others of what happens."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class NotificationSettings:
    """A part of ``Settings``, for event streams and webhooks (``docs/how-to/be-notified.md``)."""

    notification_entries: int = 10000
    """How many notifications are kept; about 2 KiB each, 64 KiB at most. Of more, owners with many lose their oldest. Who reads later than that misses some, and is told so."""
    notification_days: float = 7.0
    """For how many days they are kept at most."""
    notification_streams: int = 64
    """How many event streams of notifications (``GET /v1/notifications/stream``) this controller serves at a time; they take no thread of other requests."""
    webhook_file: str = ""
    """TOML file with whom to tell (``[webhooks.NAME]``); the same for all controllers of a database. Empty: nobody."""
    webhook_timeout_s: float = 10.0
    """Longest time for one call of a webhook, from connecting to the last byte of the answer."""
    webhook_give_up_s: float = 86400.0
    """A notification that a webhook's target has not taken for so long is given up, and the next one is sent."""
