"""Notices: what happens to reviews and runs, told by webhooks and mail."""

from baton.review.notices.channels import KINDS, AddressBook, Kind, Mailbox, Notices, Webhook
from baton.review.notices.courier import Courier, senders
from baton.review.notices.fanning import tell_alerts
from baton.review.notices.settings import NoticesEntry

__all__ = [
    "KINDS",
    "AddressBook",
    "Courier",
    "Kind",
    "Mailbox",
    "Notices",
    "NoticesEntry",
    "Webhook",
    "senders",
    "tell_alerts",
]
