"""Who is told what, and by which way: what a project says of notices."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from baton.core import InvalidValue, Secret
from baton.core.post import Server, is_mail_address
from baton.core.web import Hosts, read_url

Kind = Literal["review.requested", "review.decided", "review.late", "run.finished", "flow.alert"]

KINDS: tuple[Kind, ...] = get_args(Kind)

MAIL = "mail"
"""The name of the channel by which mails go."""

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,49}")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A receiver over HTTP.

    Attributes:
        name: What it is called here.
        url: Where it is; https, or http where it is private.
        secrets: What its messages are signed with, the newest first; several while one takes another's place.
        kinds: What it is told.
        private: Whether its host may have addresses that are not public.
        timeout: Seconds that it may take to answer.
    """

    name: str
    url: str
    secrets: tuple[Secret, ...]
    kinds: tuple[Kind, ...] = KINDS
    private: bool = False
    timeout: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a name, a URL, secrets, kinds or a time-out that cannot be one.
        """
        if not _NAME.fullmatch(self.name) or self.name == MAIL:
            raise InvalidValue("name of a webhook", self.name, f"a-z, then a-z, 0-9, _ or -, and not {MAIL}")
        try:
            scheme = read_url(self.url).url.scheme
        except ValueError as error:
            raise InvalidValue(f"url of webhook {self.name}", self.url, f"a URL ({error})") from error
        if scheme != "https" and not self.private:
            allowed = "https, or http to a host that is private: true"
            raise InvalidValue(f"url of webhook {self.name}", self.url, allowed)
        if not self.secrets:
            raise InvalidValue(f"secrets of webhook {self.name}", [], "one secret or more to sign with")
        _check_kinds(f"events of webhook {self.name}", self.kinds)
        if not 0 < self.timeout <= 30:
            raise InvalidValue(f"timeout of webhook {self.name}", self.timeout, "seconds above 0, up to 30")

    @property
    def hosts(self) -> Hosts:
        """The one host that is asked, as a list."""
        target = read_url(self.url)
        return Hosts(f"url of webhook {self.name}", [target.name])


@dataclass(frozen=True, kw_only=True)
class AddressBook:
    """Who is written to.

    Attributes:
        people: The address of each.
        roles: Who has each of them.
        anybody: Who is written to about what anybody may answer, and where nobody who may has an address.
    """

    people: Mapping[str, str]
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    anybody: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for an address that is none, or that two people share: whose answer a link brings must be
                clear; and for a role or `anybody` that names somebody without an address.
        """
        owners: dict[str, str] = {}
        for name, address in self.people.items():
            if not is_mail_address(address):
                raise InvalidValue(f"address of {name}", address, "an address such as ann@shop.example, without a name")
            other = owners.setdefault(address.lower(), name)
            if other != name:
                raise InvalidValue(f"address of {name}", address, f"an address of their own; {other} has this one")
        known = f"people with an address: {', '.join(self.people) or 'there is none'}"
        for what, names in (*((f"role {role}", them) for role, them in self.roles.items()), ("anybody", self.anybody)):
            for name in names:
                if name not in self.people:
                    raise InvalidValue(what, name, known)

    def reviewers(self, named: Sequence[str]) -> list[str]:
        """The people who are written to about a question that these roles or names may answer."""
        found = [person for name in named for person in (*self.roles.get(name, ()), name) if person in self.people]
        return list(dict.fromkeys(found or self.anybody))


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """How mails go out.

    Attributes:
        sender: The address that they come from.
        server: What takes them.
        book: Who is written to.
        kinds: What they are told.
        digest: Seconds in which questions for the same person are gathered into one mail.
    """

    sender: str
    server: Server
    book: AddressBook
    kinds: tuple[Kind, ...] = ("review.requested", "review.late", "flow.alert")
    digest: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a sender, kinds or a time that cannot be one.
        """
        if not is_mail_address(self.sender):
            raise InvalidValue("sender of mail", self.sender, "an address such as baton@shop.example")
        _check_kinds("events of mail", self.kinds)
        if not 0 <= self.digest <= 86_400:
            raise InvalidValue("digest of mail", self.digest, "a time up to a day")


@dataclass(frozen=True, kw_only=True)
class Notices:
    """What is told to whom.

    Attributes:
        webhooks: Receivers over HTTP.
        mail: How mails go out; None sends none.
        base_url: Where the pages of this deployment are, for links; None for none: mails then name the command.
        soon: Seconds before its deadline from which a question is urgent: its mail goes out at once, and before it is
            late there is a word that it soon will be.
    """

    webhooks: tuple[Webhook, ...] = ()
    mail: Mailbox | None = None
    base_url: str | None = None
    soon: float = 3600.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: if two webhooks have one name, or the base URL or the time cannot be one.
        """
        names = [webhook.name for webhook in self.webhooks]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValue("name of a webhook", name, "names that are given once")
        if self.base_url is not None:
            try:
                target = read_url(self.base_url)
            except ValueError as error:
                raise InvalidValue("base_url", self.base_url, f"a URL ({error})") from error
            if target.url.query:
                raise InvalidValue("base_url", self.base_url, "a URL without what stands behind a question mark")
        if not 0 <= self.soon <= 604_800:
            raise InvalidValue("soon", self.soon, "a time up to a week")

    @property
    def kinds(self) -> frozenset[Kind]:
        """What anybody is told."""
        told = [webhook.kinds for webhook in self.webhooks] + ([self.mail.kinds] if self.mail else [])
        return frozenset(kind for kinds in told for kind in kinds)


def _check_kinds(what: str, kinds: Collection[str]) -> None:
    for kind in kinds:
        if kind not in KINDS:
            raise InvalidValue(what, kind, f"some of: {', '.join(KINDS)}")
    if not kinds:
        raise InvalidValue(what, [], f"some of: {', '.join(KINDS)}")
