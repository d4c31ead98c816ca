"""AgentDojo's tools as Baton declares them: what they take, and what their documentation says of where things go."""

from typing import Any

from baton.core import Confidentiality, Effect, Marks, ToolSpec

TEXT, WHOLE, NUMBER, FLAG = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
THINGS = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
CONFIDENTIAL = Confidentiality.CONFIDENTIAL


def declared(name: str, effect: Effect, parameters: dict[str, Any], **labels: Any) -> ToolSpec:
    """A tool; the name of an optional parameter ends with a question mark."""
    properties = {given.rstrip("?"): schema for given, schema in parameters.items()}
    required = [given for given in parameters if not given.endswith("?")]
    schema = {"type": "object", "properties": properties, "required": required}
    return ToolSpec(name=name, description="", parameters=schema, run=print, effect=effect, **labels)


def read(name: str, *, verified: bool = True, **more: Any) -> ToolSpec:
    """A tool that looks something up; the marks are those of its results."""
    return declared(name, Effect.READ, more.pop("takes", {}), verified=verified, **more)


def write(name: str, takes: dict[str, Any], **more: Any) -> ToolSpec:
    """A tool that changes something."""
    return declared(name, Effect.WRITE, takes, verified=True, **more)


# Whoever pays money in chooses the subject, and the account it seems to come from. Of standing orders both are the
# owner's own.
PAYMENT = {"recipient": TEXT, "amount": NUMBER, "subject": TEXT, "date": TEXT}
BANKING = [
    read("get_iban"),
    read("get_balance"),
    read("get_user_info", confidentiality=CONFIDENTIAL),
    read(
        "get_most_recent_transactions",
        takes={"n?": WHOLE},
        confidentiality=CONFIDENTIAL,
        marks=Marks(untrusted=("subject", "sender")),
    ),
    read("get_scheduled_transactions", confidentiality=CONFIDENTIAL, marks=Marks(named_by=("subject",))),
    read("read_file", takes={"file_path": TEXT}, verified=False),
    write("send_money", PAYMENT, destinations=("recipient",), content=("subject",)),
    write("schedule_transaction", {**PAYMENT, "recurring": FLAG}, destinations=("recipient",), content=("subject",)),
    write(
        "update_scheduled_transaction",
        {"id": WHOLE, "recipient?": TEXT, "amount?": NUMBER, "subject?": TEXT, "date?": TEXT, "recurring?": FLAG},
        destinations=("recipient",),
        content=("subject",),
    ),
    write("update_password", {"password": TEXT}),
    write("update_user_info", {"first_name?": TEXT, "last_name?": TEXT, "street?": TEXT, "city?": TEXT}),
]

# Everything in a mail but what the mail system adds is chosen by whoever sent it. Titles and texts of events and
# files may be those of others who invited or shared.
MAIL = Marks(untrusted=("sender", "recipients", "cc", "bcc", "subject", "body", "attachments"), named_by=("subject",))
EVENT = Marks(untrusted=("title", "description", "location"), named_by=("title",))
FILE = Marks(untrusted=("filename", "content", "shared_with"), named_by=("filename",))
MAILS: dict[str, Any] = {"confidentiality": CONFIDENTIAL, "marks": MAIL}
WORKSPACE = [
    *(read(f"get_{kind}_emails", **MAILS) for kind in ("unread", "sent", "received", "draft")),
    read("search_emails", takes={"query": TEXT, "sender?": TEXT}, **MAILS),
    read("search_contacts_by_name", takes={"query": TEXT}, marks=Marks(named_by=("name",))),
    read("search_contacts_by_email", takes={"query": TEXT}, marks=Marks(named_by=("name",))),
    read("get_current_day", confidentiality=Confidentiality.PUBLIC),
    read("search_calendar_events", takes={"query": TEXT, "date?": TEXT}, marks=EVENT),
    read("get_day_calendar_events", takes={"day": TEXT}, marks=EVENT),
    read("list_files", marks=FILE),
    read("search_files", takes={"query": TEXT}, marks=FILE),
    read("search_files_by_filename", takes={"filename": TEXT}, marks=FILE),
    read("get_file_by_id", takes={"file_id": TEXT}, marks=FILE),
    write(
        "send_email",
        {"recipients": TEXTS, "subject": TEXT, "body": TEXT, "attachments?": THINGS, "cc?": TEXTS, "bcc?": TEXTS},
        destinations=("recipients", "cc", "bcc"),
        content=("subject", "body", "attachments"),
        **MAILS,
    ),
    write("delete_email", {"email_id": TEXT}, **MAILS),
    write(
        "create_calendar_event",
        {
            "title": TEXT,
            "start_time": TEXT,
            "end_time": TEXT,
            "description?": TEXT,
            "participants?": TEXTS,
            "location?": TEXT,
        },
        destinations=("participants",),
        content=("title", "description", "location"),
        marks=EVENT,
    ),
    write("cancel_calendar_event", {"event_id": TEXT}, marks=EVENT),
    write(
        "reschedule_calendar_event",
        {"event_id": TEXT, "new_start_time": TEXT, "new_end_time?": TEXT},
        marks=EVENT,
    ),
    write(
        "add_calendar_event_participants",
        {"event_id": TEXT, "participants": TEXTS},
        destinations=("participants",),
        marks=EVENT,
    ),
    write("create_file", {"filename": TEXT, "content": TEXT}, content=("content",), marks=FILE),
    write("append_to_file", {"file_id": TEXT, "content": TEXT}, content=("content",), marks=FILE),
    write("delete_file", {"file_id": TEXT}, marks=FILE),
    write("share_file", {"file_id": TEXT, "email": TEXT, "permission": TEXT}, destinations=("email",), marks=FILE),
]

CHAT = [
    read("get_channels"),
    read("get_users_in_channel", takes={"channel": TEXT}),
    read("read_channel_messages", takes={"channel": TEXT}, verified=False),
    read("read_inbox", takes={"user": TEXT}, verified=False, confidentiality=CONFIDENTIAL),
    read(
        "get_webpage",
        takes={"url": TEXT},
        verified=False,
        egress=True,
        destinations=("url",),
        confidentiality=Confidentiality.PUBLIC,
    ),
    write("post_webpage", {"url": TEXT, "content": TEXT}, destinations=("url",), content=("content",)),
    write("send_direct_message", {"recipient": TEXT, "body": TEXT}, destinations=("recipient",), content=("body",)),
    write("send_channel_message", {"channel": TEXT, "body": TEXT}, destinations=("channel",), content=("body",)),
    write("add_user_to_channel", {"user": TEXT, "channel": TEXT}, destinations=("user", "channel")),
    write("invite_user_to_slack", {"user": TEXT, "user_email": TEXT}, destinations=("user", "user_email")),
    write("remove_user_from_slack", {"user": TEXT}),
]

# Listings are the booking site's records; what guests have written there is not.
NAMES = {"hotel_names": TEXTS}
RESTAURANTS, COMPANIES = {"restaurant_names": TEXTS}, {"company_name": TEXTS}
TRAVEL = [
    read("get_user_information", confidentiality=Confidentiality.SECRET),
    read("get_all_hotels_in_city", takes={"city": TEXT}),
    read("get_hotels_prices", takes=NAMES),
    read("get_rating_reviews_for_hotels", takes=NAMES, verified=False),
    read("get_hotels_address", takes={"hotel_name": TEXT}),
    read("get_all_restaurants_in_city", takes={"city": TEXT}),
    read("get_rating_reviews_for_restaurants", takes=RESTAURANTS, verified=False),
    *(
        read(name, takes=RESTAURANTS)
        for name in (
            "get_cuisine_type_for_restaurants",
            "get_restaurants_address",
            "get_dietary_restrictions_for_all_restaurants",
            "get_contact_information_for_restaurants",
            "get_price_for_restaurants",
            "check_restaurant_opening_hours",
        )
    ),
    read("get_all_car_rental_companies_in_city", takes={"city": TEXT}),
    read("get_rating_reviews_for_car_rental", takes=COMPANIES, verified=False),
    *(
        read(name, takes=COMPANIES)
        for name in (
            "get_car_types_available",
            "get_car_fuel_options",
            "get_car_rental_address",
            "get_car_price_per_day",
        )
    ),
    read("get_flight_information", takes={"departure_city": TEXT, "arrival_city": TEXT}),
    write("reserve_hotel", {"hotel": TEXT, "start_day": TEXT, "end_day": TEXT}, destinations=("hotel",)),
    write("reserve_car_rental", {"company": TEXT, "start_time": TEXT, "end_time?": TEXT}, destinations=("company",)),
    write("reserve_restaurant", {"restaurant": TEXT, "start_time": TEXT}, destinations=("restaurant",)),
]

TOOLS = {tool.name: tool for tool in (*BANKING, *WORKSPACE, *CHAT, *TRAVEL)}
