"""The kinds of work that go round when an order is exchanged, each with what is said and what comes back."""

from pydantic import BaseModel, Field

from baton import Contract


class Exchange(BaseModel):
    """An article that a customer wants in place of the one that came."""

    order_id: str
    instead_of: str
    wanted: str
    cents: int = Field(ge=0, description="what the customer gets back, as the wanted one costs less")


class Exchanged(BaseModel):
    """Whether it was done, and what the customer was told."""

    done: bool
    told: str


class Reserve(BaseModel):
    """An article to set aside for an order."""

    order_id: str
    article: str


class Reference(BaseModel):
    """What is referred to: a piece set aside, a parcel, a payment."""

    reference: str


class Settle(BaseModel):
    """Money to pay back."""

    order_id: str
    customer: str
    cents: int
    reason: str


class Charge(BaseModel):
    """Money to take once more."""

    order_id: str
    cents: int
    reason: str


class Look(BaseModel):
    """An article to take from the shelf."""

    order_id: str
    article: str


class Seen(BaseModel):
    """Whether it was there."""

    there: bool


class Ship(BaseModel):
    """A parcel to send, to where the order went."""

    order_id: str
    article: str


EXCHANGE = Contract(name="exchange", version=1, payload=Exchange, answer=Exchanged)
RESERVE = Contract(name="reserve", version=1, payload=Reserve, answer=Reference)
RELEASE = Contract(name="release", version=1, payload=Reference, answer=Reference)
SETTLE = Contract(name="settle", version=1, payload=Settle, answer=Reference)
CHARGE = Contract(name="charge", version=1, payload=Charge, answer=Reference)
LOOK = Contract(name="look", version=1, payload=Look, answer=Seen)
SHIP = Contract(name="ship", version=1, payload=Ship, answer=Reference)
