"""Settings for the whole suite."""

from hypothesis import settings

# How long one example takes depends on what else the machine does; what must be fast is measured in benchmarks/.
settings.register_profile("sluice", deadline=None)
settings.load_profile("sluice")
