"""An SMTP server that mails go out by."""

import contextlib
import smtplib
import ssl
from dataclasses import dataclass
from typing import Literal

from baton.core.errors import TryAgain
from baton.core.post.letters import Mail
from baton.core.secrets import Secret

Security = Literal["starttls", "tls", "none"]


@dataclass(frozen=True, kw_only=True)
class Server:
    """An SMTP server.

    Attributes:
        host: Its name or address.
        port: Its port.
        security: How the connection is encrypted: `tls` at once, `starttls`, or `none`.
        user: Who logs in; None for nobody.
        password: The user's password, by reference.
        timeout: Seconds for each of its answers.
        tls: What it is verified with; None is the system's certificate authorities.
    """

    host: str
    port: int
    security: Security
    user: str | None
    password: Secret | None
    timeout: float
    tls: ssl.SSLContext | None

    def send(self, mail: Mail) -> None:
        """Hand a mail over, to all of its recipients or to none.

        Raises:
            TryAgain: if the server did not take it, and may later.
            ValueError: if the server refuses it.
            ConnectionError: if the connection broke when it may have been taken.
        """
        with contextlib.ExitStack() as stack:
            try:
                server = stack.enter_context(contextlib.closing(self._connected(mail)))
                self._address(server, mail)
            except smtplib.SMTPResponseException as error:
                raise self._refusal(error.smtp_code, error.smtp_error) from error
            except smtplib.SMTPNotSupportedError as error:
                raise ValueError(f"{self.host} cannot do that: {error}") from error
            except OSError as error:
                raise TryAgain(f"{self.host} does not answer: {error}") from error
            try:
                code, said = server.data(mail.raw)
                server.putcmd("quit")  # its answer is not waited for: the mail is taken or not
            except smtplib.SMTPDataError as error:
                raise self._refusal(error.smtp_code, error.smtp_error) from error
            except OSError as error:
                raise ConnectionError(f"{self.host} may have taken the mail: {error}") from error
            if code != 250:
                raise self._refusal(code, said)

    def _connected(self, mail: Mail) -> smtplib.SMTP:
        name = mail.sender.rpartition("@")[2]  # without one, Python asks the network what this machine is called
        context = None if self.security == "none" else self.tls or ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, name, timeout=self.timeout, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, name, timeout=self.timeout)
        try:
            server.ehlo_or_helo_if_needed()
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user is not None and self.password is not None:
                server.login(self.user, self.password.reveal())
        except BaseException:
            server.close()
            raise
        return server

    def _address(self, server: smtplib.SMTP, mail: Mail) -> None:
        code, said = server.mail(mail.sender)
        if code != 250:
            raise smtplib.SMTPResponseException(code, said)
        for address in mail.to:
            code, said = server.rcpt(address)
            if code not in (250, 251):
                raise smtplib.SMTPResponseException(code, said)

    def _refusal(self, code: int, said: bytes | str) -> Exception:
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        problem = f"{self.host} answered {code} {words}"
        return TryAgain(problem) if 400 <= code < 500 else ValueError(problem)
