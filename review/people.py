"""Who may decide: people, and never an agent. See invariant 6."""

from baton.core import Forbidden


def need_person(by: str, what: str, agent: str | None = None) -> None:
    """Refuse an agent, whatever it calls itself.

    Args:
        by: Who wants to do it.
        what: What that is.
        agent: The agent that it is about; None where it is about none.

    Raises:
        Forbidden: if it is an agent.
    """
    if by == agent or by.startswith("agent:"):
        raise Forbidden(by, what, "an agent never decides; a person does")
