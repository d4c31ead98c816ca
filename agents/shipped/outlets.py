"""A folder that mails go out into."""

from dataclasses import dataclass

from baton.agents.shipped.folder import Folder
from baton.core.post import Mail, mail_id


@dataclass(frozen=True)
class Outbox:
    """A folder of mails, each `ID.eml`. Whoever picks one up moves it into the folder `sent` in it."""

    folder: Folder

    def send(self, mail: Mail) -> None:
        """Put a mail there, once."""
        if not self.holds(mail.id):
            self.folder.write((f"{mail.id}.eml",), mail.raw)

    def holds(self, id: str) -> bool:
        """Whether a mail was put there, picked up or not."""
        name = f"{id}.eml"
        return self.folder.holds((name,)) or self.folder.holds(("sent", name))

    def find(self, key: str) -> str | None:
        """What there is to say of the mail of an idempotency key after a crash: None if there is none."""
        return f"the mail {mail_id(key)} is in the outbox" if self.holds(mail_id(key)) else None
