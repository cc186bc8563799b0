"""``handoff serve``: programs say that something changed at a vendor, and that vendor is read again.

What is asked over HTTP, by whom and how often is ``app.py``; what was asked for and not read yet ``waiting.py``, in files, so that a
restart forgets nothing; one sync at a time for everything that waits ``reading.py``.
"""
