"""Which arguments of the shipped tools say where something goes, and which what goes there."""

from collections.abc import Mapping

DESTINATIONS: Mapping[str, tuple[str, ...]] = {
    "fetch_url": ("url",),
    "send_http": ("url",),
    "write_file": ("path",),
    "delete_file": ("path",),
    "send_mail": ("to",),
}
"""By tool, the parameters that name a place or a person."""

CONTENT: Mapping[str, tuple[str, ...]] = {
    "send_http": ("body",),
    "write_file": ("text",),
    "send_mail": ("subject", "body"),
}
"""By tool, the parameters that hold what goes there."""

EGRESS = ("fetch_url", "send_http", "send_mail")
"""Tools whose arguments leave this machine; `fetch_url` too, although it is a read."""
