"""What holds for every test: no example is judged by its time, because machines are busy."""

from hypothesis import settings

settings.register_profile("ingot", deadline=None)
settings.load_profile("ingot")
