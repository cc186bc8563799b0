"""Python runs this first where the folder is on PYTHONPATH: it writes down every host that the process connects to or asks the name of."""

import os
import sys


def _write_down(event, arguments):
    if event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    address = arguments[1] if event == "socket.connect" else arguments[:1]
    host = address[0] if isinstance(address, tuple) else f"file {address!r}"
    descriptor = os.open(os.environ["WATCHED_HOSTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{event} {host}\n".encode())
    os.close(descriptor)


if "WATCHED_HOSTS" in os.environ:
    sys.addaudithook(_write_down)
