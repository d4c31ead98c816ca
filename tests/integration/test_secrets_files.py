"""Secrets in files and in the environment: which goes first, and what is said of those that cannot be used."""

from pathlib import Path

import pytest

from baton.core import InvalidValue, NotFound, declared, redact, secret


def test_a_file_of_the_folder_is_a_secret_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_SECRETS_DIR", str(tmp_path))
    (tmp_path / "unit_file").write_text("value of a file\n")
    assert secret("unit_file").reveal() == "value of a file"
    assert redact("the value of a file.") == "the [secret:unit_file]."
    monkeypatch.setenv("unit_file", "value of the environment")
    assert secret("unit_file").reveal() == "value of the environment"


def test_what_is_missing_is_told_by_name_and_where_to_put_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_SECRETS_DIR", str(tmp_path))
    with pytest.raises(NotFound, match=r"UNIT_NOWHERE.*environment variable UNIT_NOWHERE"):
        secret("UNIT_NOWHERE").reveal()
    monkeypatch.setenv("UNIT_SHORT", "1234567")
    with pytest.raises(InvalidValue, match="8 characters or more") as short:
        secret("UNIT_SHORT").reveal()
    assert "1234567" not in str(short.value)
    (tmp_path / "UNIT_BINARY").write_bytes(b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe")
    secret("UNIT_BINARY")  # whoever only refers to it is not stopped
    problems = declared()
    assert problems["UNIT_NOWHERE"] == "it is missing"
    assert "8 characters" in (problems["UNIT_SHORT"] or "")
    assert "UTF-8" in (problems["UNIT_BINARY"] or "")
    monkeypatch.setenv("UNIT_THERE", "value-that-is-there")
    secret("UNIT_THERE")
    assert declared()["UNIT_THERE"] is None
