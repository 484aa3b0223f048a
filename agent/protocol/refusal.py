"""The error of the rules that agent and controller share; each of them makes an error of its own kind of it."""


class Refusal(ValueError):
    """A value that neither program takes; the message says what, why, and what to write instead, and holds no secret."""
