"""What starts runs by itself: times, files, and events that were published."""

from baton.graph.triggers.settings import TriggerEntry
from baton.graph.triggers.trigger import Cron, Events, Files, Trigger
from baton.graph.triggers.watching import Watchman

__all__ = ["Cron", "Events", "Files", "Trigger", "TriggerEntry", "Watchman"]
