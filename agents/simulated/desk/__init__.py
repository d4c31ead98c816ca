"""The simulated mind of the desk example: rules that read mails the way a not too careful clerk would."""

from baton.agents.simulated.desk.mind import DeskMind

__all__ = ["DeskMind"]
