"""The tables that only a Postgres record has: the words by which facts are found there, and their vectors.

Both are made from the facts, and go with them. Stems are those of Snowball's English, and no word is left out: which
words count for nothing is the question's affair. So a configuration of our own stands beside the tables.
"""

from sqlalchemy import DDL, BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, event
from sqlalchemy.types import UserDefinedType

from baton.ledger.schema_memory import facts


class ServerType(UserDefinedType[str]):
    """A type of the server's own, written as text."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_options: object) -> str:
        """Its name."""
        return self.name


server_metadata = MetaData()

fact_words = Table(
    "fact_words",
    server_metadata,
    Column("fact", Text, ForeignKey(facts.c.id, ondelete="CASCADE"), primary_key=True),
    # A is of the subject, B of the text, C of those beside it, D of those next but one; without a letter is its place
    Column("words", ServerType("tsvector"), nullable=False),
    Column("length", Integer, nullable=False),  # words of all of these
    Column("answers", Boolean, nullable=False),  # whether it follows a question
)
Index("fact_words_words", fact_words.c.words, postgresql_using="gin", postgresql_with={"fastupdate": "off"})
Index("fact_words_length", fact_words.c.length)

_TOKENS = "asciiword, word, numword, int, uint, float, sfloat, version"
_CONFIGURATION = f"""DO $do$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_ts_dict WHERE dictname = 'baton_stem' AND pg_ts_dict_is_visible(oid)) THEN
        CREATE TEXT SEARCH DICTIONARY baton_stem (TEMPLATE = snowball, LANGUAGE = english);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_ts_config WHERE cfgname = 'baton_words' AND pg_ts_config_is_visible(oid)) THEN
        CREATE TEXT SEARCH CONFIGURATION baton_words (PARSER = "default");
        ALTER TEXT SEARCH CONFIGURATION baton_words ADD MAPPING FOR {_TOKENS} WITH baton_stem;
    END IF;
END $do$"""
event.listen(fact_words, "before_create", DDL(_CONFIGURATION))  # type: ignore[no-untyped-call]


vector_metadata = MetaData()
"""Made when vectors are first used, where the server has the extension."""

fact_vectors = Table(
    "fact_vectors",
    vector_metadata,
    Column("embedder", Text, primary_key=True),
    Column("fact", Text, ForeignKey(facts.c.id, ondelete="CASCADE"), primary_key=True),
    Column("size", Integer, nullable=False),
    Column("vector", ServerType("vector"), nullable=False),
)
Index("fact_vectors_fact", fact_vectors.c.fact)

fact_vector_marks = Table(
    "fact_vector_marks",
    vector_metadata,
    Column("embedder", Text, primary_key=True),
    Column("xact", BigInteger, nullable=False),
    Column("id", BigInteger, nullable=False),
)
