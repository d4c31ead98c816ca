"""HTTP to addresses that were checked: which are public, what a URL asks for, and how it is asked."""

from baton.core.web.asking import Answered, Headers, Web
from baton.core.web.network import NotPublic, Resolve, Unreachable, resolve
from baton.core.web.urls import PORTS, Hosts, Target, check_host, read_url

__all__ = [
    "PORTS",
    "Answered",
    "Headers",
    "Hosts",
    "NotPublic",
    "Resolve",
    "Target",
    "Unreachable",
    "Web",
    "check_host",
    "read_url",
    "resolve",
]
