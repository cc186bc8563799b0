"""A sign of life for a monitor that notices when it stays away: ``/start``, then the exit code with the summary as body.

The protocol is that of healthchecks.io (https://healthchecks.io/docs/http_api/), which others speak as well. A monitor that does not answer
costs five seconds and never a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pipelines.errors import VendorError
from pipelines.transport import Transport

if TYPE_CHECKING:
    from pipelines.settings import Settings

_SECONDS: Final = 5
_BODY_BYTES: Final = 10_000  # of the body healthchecks.io keeps so much


def beat(settings: Settings, what: str, body: str = "") -> str | None:
    """Tell the monitor ``start``, or an exit code; return why it did not hear it, without its address, which is a secret."""
    if settings.heartbeat_url is None:
        return None
    url = settings.heartbeat_url.get_secret_value().rstrip("/")
    parts = urlsplit(url)
    transport = Transport("heartbeat", base_url=f"{parts.scheme}://{parts.netloc}", deadline_seconds=_SECONDS, max_tries=1)
    try:
        transport.request("POST", f"{url}/{what}", content=body.encode()[:_BODY_BYTES], expect="bytes")
    except VendorError as error:
        return f"The heartbeat was not heard ({type(error).__name__}). The run is not affected; look at HEARTBEAT_URL and its server."
    finally:
        transport.close()
    return None
