"""What people may do who have accounts: roles, each of which may what those before it may."""

from enum import IntEnum

from baton.core.errors import InvalidValue

AGENT = "agent"
"""The scope of a key that an agent or a program of its uses: it may ask for work, and never decide."""

LONGEST_TENANT = 200
"""Characters of a tenant's name."""

LOCAL = "local"
"""The scope of a session or key of whoever works alone: it may do everything, until somebody has an account."""


def check_tenant(name: str) -> None:
    """Refuse what could not be a tenant's name.

    Raises:
        InvalidValue: if it is empty, too long, or not on one line.
    """
    if not name.strip() or len(name) > LONGEST_TENANT or not name.isprintable():
        raise InvalidValue("tenant", name[:LONGEST_TENANT], f"1 to {LONGEST_TENANT} characters on one line")


class Role(IntEnum):
    """What an account may do; the higher includes the lower."""

    VIEWER = 1  # sees runs and reviews
    REQUESTER = 2  # asks for runs; speaks to them, ends and forks them
    REVIEWER = 3  # answers questions
    OWNER = 4  # speaks to, ends and forks anybody's runs
    ADMIN = 5  # sees who signed in and decided

    @property
    def word(self) -> str:
        """As people write it."""
        return self.name.lower()


def read_role(word: str) -> Role:
    """The role of a word.

    Raises:
        InvalidValue: if there is no such role.
    """
    try:
        return Role[word.upper()]
    except KeyError as error:
        raise InvalidValue("role", word, " or ".join(role.word for role in Role)) from error
