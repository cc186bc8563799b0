"""The loaders that are compared, by vendor. Each module is run by its own interpreter as ``python FILE HOME PHASE`` and read from ours.

It has a TITLE, the REQUIREMENTS of its interpreter (None: ours), ``prepare`` (environment of the run) and ``read_copy`` (what it loaded).
"""
