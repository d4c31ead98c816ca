"""BFCL's multi-turn tasks as an evaluation: `baton eval run bench/bfcl_suite.py`. BFCL_STRIDE=13 plays 64 of 800."""

import os

from baton.evals.importing.bfcl import bfcl_suite

SUITE = bfcl_suite(stride=int(os.environ.get("BFCL_STRIDE", "1")))
