"""What starts runs by itself: times, files, mails, events that were published, and what happens to runs."""

from baton.graph.triggers.mails import Imap
from baton.graph.triggers.settings import TriggerEntry
from baton.graph.triggers.trigger import Cron, Events, Files, Mails, Recorded, Trigger
from baton.graph.triggers.watching import Watchman

__all__ = ["Cron", "Events", "Files", "Imap", "Mails", "Recorded", "Trigger", "TriggerEntry", "Watchman"]
