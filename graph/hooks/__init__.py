"""Webhooks in: signed events from outside that start runs, speak to them, or are what they wait for."""

from baton.graph.hooks.cloud_events import CloudEvent, read_event
from baton.graph.hooks.hook import Happen, Hook, Say, Start
from baton.graph.hooks.settings import HookEntry
from baton.graph.hooks.taking import Taken, take

__all__ = ["CloudEvent", "Happen", "Hook", "HookEntry", "Say", "Start", "Taken", "read_event", "take"]
