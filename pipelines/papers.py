"""``handoff packet`` and ``handoff brief``: finds the deal or community, and prints its page."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

from pipelines import clock
from pipelines.acceptances import acceptances, record_acceptance
from pipelines.briefs import brief_document, find_community, read_brief
from pipelines.documents import PageFormat
from pipelines.errors import ConfigurationError
from pipelines.packet_pages import packet_document, packet_json
from pipelines.packets import find_deal, read_packet
from pipelines.reporting import current_snapshot, write_file
from pipelines.reports import as_json

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from pipelines.documents import Side
    from pipelines.settings import Settings


def print_packet(
    err: Console,
    settings: Settings,
    deal: str,
    *,
    output_format: PageFormat,
    output: Path | None,
    accept: bool,
    by: str | None,
    side: Side | None,
) -> None:
    """Print the packet of a deal, after recording its acceptance if that is asked for. Raises HandoffError."""
    if accept != (by is not None and side is not None) or (not accept and (by or side)):
        raise ConfigurationError(
            "An acceptance needs all three: --accept, --by NAME and --side sales or delivery. Nothing was recorded."
        )
    with current_snapshot(settings) as snapshot:
        packet = read_packet(snapshot, find_deal(snapshot, deal))
    if by is not None and side is not None:
        record_acceptance(settings.handoff_home, packet, side, by, at=clock.now(), operator=getpass.getuser())
        err.print(f"Recorded in the ledger: accepted for {side.value}, hash {packet.sha256}.", markup=False, soft_wrap=True)
    accepted = acceptances(settings.handoff_home, packet)
    if output_format is PageFormat.json:
        _write(as_json(packet_json(packet, accepted)) + "\n", output)
    else:
        _write(packet_document(packet, accepted).written_as(output_format), output)


def print_brief(settings: Settings, community: str, *, output_format: PageFormat, output: Path | None) -> None:
    """Print the check-in pack of a community. Raises HandoffError."""
    with current_snapshot(settings) as snapshot:
        brief = read_brief(snapshot, find_community(snapshot, community))
        document = brief_document(snapshot, brief)
    if output_format is PageFormat.json:
        _write(as_json(brief) + "\n", output)
    else:
        _write(document.written_as(output_format), output)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
    else:
        write_file(output, text.encode("utf-8", "backslashreplace"))
