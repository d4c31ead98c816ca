"""The section `notices` of a project file."""

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, model_validator

from baton.core import Duration, secret
from baton.core.entries import SecretEntry
from baton.core.post import Security, Server
from baton.review.notices.channels import KINDS, AddressBook, Kind, Mailbox, Notices, Webhook


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _WebhookEntry(_Entry):
    name: str
    url: str
    secrets: list[SecretEntry]
    events: list[Kind] = list(KINDS)
    private: bool = False
    timeout: float = 10.0

    def made(self) -> Webhook:
        return Webhook(
            name=self.name,
            url=self.url,
            secrets=tuple(secret(one.secret) for one in self.secrets),
            kinds=tuple(self.events),
            private=self.private,
            timeout=self.timeout,
        )


class _MailEntry(_Entry):
    sender: str
    host: str
    port: int = 587
    security: Security = "starttls"
    user: str | None = None
    password: SecretEntry | None = None
    timeout: float = 30.0
    people: dict[str, str]
    roles: dict[str, list[str]] = {}
    anybody: list[str] = []
    events: list[Kind] = ["review.requested", "review.late", "flow.alert"]
    digest: Duration | None = None

    @model_validator(mode="after")
    def _logs_in(self) -> "_MailEntry":
        if (self.user is None) != (self.password is None) or (self.user is not None and self.security == "none"):
            raise ValueError("a user with a password, on a connection that is encrypted")
        return self

    def made(self) -> Mailbox:
        server = Server(
            host=self.host,
            port=self.port,
            security=self.security,
            user=self.user,
            password=secret(self.password.secret) if self.password else None,
            timeout=self.timeout,
            tls=None,
        )
        book = AddressBook(
            people=self.people,
            roles={role: tuple(people) for role, people in self.roles.items()},
            anybody=tuple(self.anybody),
        )
        mailbox = Mailbox(sender=self.sender, server=server, book=book, kinds=tuple(self.events))
        return mailbox if self.digest is None else replace(mailbox, digest=self.digest.total_seconds())


class NoticesEntry(_Entry):
    """What a project says of notices; see `Notices`."""

    base_url: str | None = None
    soon: Duration | None = None
    webhooks: list[_WebhookEntry] = []
    mail: _MailEntry | None = None

    def made(self) -> Notices:
        """Who is told what.

        Raises:
            InvalidValue: if a setting cannot be one.
        """
        notices = Notices(
            webhooks=tuple(webhook.made() for webhook in self.webhooks),
            mail=self.mail.made() if self.mail else None,
            base_url=self.base_url,
        )
        return notices if self.soon is None else replace(notices, soon=self.soon.total_seconds())
