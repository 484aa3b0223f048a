"""The error of the rules that agent and controller share; each of them makes an error of its own kind of it."""


class Refusal(ValueError):
    """A value that neither program takes; the message says what, why, and what to write instead, and holds no secret.

    ``field`` is the name of the value where the rule knows it (of ``image_info``, for instance); each program puts the name
    in front that its users know.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
