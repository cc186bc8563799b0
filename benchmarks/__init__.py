"""Measures handoff beside its peers on one sandbox in one run; not part of the tests. Started by ``make bench``."""
