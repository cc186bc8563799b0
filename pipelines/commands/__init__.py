"""The commands of ``handoff``, one module for what belongs together; pipelines/cli.py puts them in one program."""
