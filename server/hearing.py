"""What of the text of a turn a client has been given: each part once, and in the end all of it. No I/O."""


class Hearing:
    """Takes a turn's text as it comes, perhaps from its start again, and gives what the client does not have yet."""

    def __init__(self, given: int = 0) -> None:
        """Begin a turn of whose text a client has been `given` so many characters before."""
        self._skip, self._sent, self._heard = given, "", ""

    @property
    def given(self) -> int:
        """How many characters of the turn's text the client has."""
        return self._skip or len(self._sent)

    def piece(self, text: str) -> str:
        """What to give of a piece; empty text says that it begins again."""
        self._heard = self._heard + text if text else ""
        if self._skip and len(self._heard) > self._skip:
            self._sent, self._skip = self._heard[: self._skip], 0
        if self._skip or not self._heard.startswith(self._sent):
            return ""  # it begins again: what is the same is not given twice, what differs comes as a whole
        return self._give(self._heard[len(self._sent) :])

    def whole(self, text: str) -> str:
        """What to give once the whole text is known; then the next turn begins."""
        sent, self._sent, self._heard = text[: self._skip] if self._skip else self._sent, "", ""
        self._skip = 0
        return text[len(sent) :] if text.startswith(sent) else f"\n\n{text}"

    def _give(self, text: str) -> str:
        if not self._sent and not text.strip():
            return ""
        self._sent += text
        return text
