"""Tools that come with Baton: HTTP, files and mail, each confined to what the operator names."""

from baton.agents.shipped.files import file_tools
from baton.agents.shipped.http import http_tools
from baton.agents.shipped.mail import mail_tools
from baton.agents.shipped.settings import ShippedTools

__all__ = [
    "ShippedTools",
    "file_tools",
    "http_tools",
    "mail_tools",
]
