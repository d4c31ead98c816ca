"""Mails: how one is written, so that no part can become another, and the server that takes it."""

from baton.core.post.letters import Mail, Rules, is_mail_address, mail_id
from baton.core.post.server import Security, Server

__all__ = ["Mail", "Rules", "Security", "Server", "is_mail_address", "mail_id"]
