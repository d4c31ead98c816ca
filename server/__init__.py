"""The server: one application with accounts, the JSON API of runs and reviews, and links."""

from baton.server.app import make_app
from baton.server.passwords import SHORTEST, hash_password
from baton.server.service import Service
from baton.server.serving import Server
from baton.server.signing_in import link_for, local_key

__all__ = ["SHORTEST", "Server", "Service", "hash_password", "link_for", "local_key", "make_app"]
