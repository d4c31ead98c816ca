"""Which addresses of a network are public: anything else is somebody's own, and no place for an agent to ask.

The lists are IANA's special-purpose address registries (RFC 6890 and its successors), kept here because `ipaddress`
knows them only as well as the Python at hand does. Of IPv6 only what is assigned for general use counts as public.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_RESERVED_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network: Linux takes it for this host
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' own, and where some clouds keep their metadata
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host, seen from a machine on it
        "169.254.0.0/16",  # link-local: the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

_ASSIGNED_6 = IPv6Network("2000::/3")
_RESERVED_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, Teredo among them, which hides an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which hides one too
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an address, in the form that a resolver gives, is one of the public internet.

    An IPv4 address inside an IPv6 one (mapped, or by NAT64) counts for what it is itself.
    """
    try:
        found = ip_address(address)
    except ValueError:  # with a zone, or no address at all
        return False
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _RESERVED_4)
    inner = _inner(found)
    if inner is not None:
        return not any(inner in network for network in _RESERVED_4)
    return found in _ASSIGNED_6 and found.scope_id is None and not any(found in network for network in _RESERVED_6)


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped
