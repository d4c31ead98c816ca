"""Reading what a form without a script sends."""

from urllib.parse import parse_qs

from starlette.requests import Request

from baton.core import InvalidValue


async def said_in(request: Request) -> dict[str, str]:
    """The fields of a form, each given once.

    Raises:
        InvalidValue: if it is none, or a field is given twice or has a NUL.
    """
    try:
        fields = parse_qs((await request.body()).decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError as error:
        raise InvalidValue("form", "…", "fields as a browser sends them") from error
    twice = [name for name, values in fields.items() if len(values) > 1 or "\0" in values[0]]
    if twice:
        raise InvalidValue("form", ", ".join(twice), "each field once, without NUL")
    return {name: values[0] for name, values in fields.items()}
