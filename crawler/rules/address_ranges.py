"""Every address range that is not an ordinary host on the internet, by name.

Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890 and updates up to RFC 9780), the
multicast registries, RFC 4291 for what IPv6 has outside 2000::/3, and cloud vendors' manuals for metadata.
Ranges that the registries call globally reachable but where nobody publishes files are here too (AS112, AMT,
PCP, TURN). The list is ours because Python's `is_global` differs between releases: 3.11 takes 64:ff9b:1::/48,
3fff::/20, fec0::/10 and multicast for global. When several ranges hold an address, the one with
the longest prefix names it.
"""

from __future__ import annotations

from typing import Final

SPECIAL_IPV4: Final = (
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared (CGNAT)"),
    ("100.100.100.200/32", "cloud metadata"),  # Alibaba
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),  # Azure's host agent, on a public address
    ("169.254.0.0/16", "link-local"),
    ("169.254.169.254/32", "cloud metadata"),  # AWS, Azure, Google, Oracle, DigitalOcean, OpenStack, ...
    ("169.254.169.253/32", "cloud metadata"),  # AWS resolver
    ("169.254.170.2/32", "cloud metadata"),  # AWS container credentials
    ("169.254.170.23/32", "cloud metadata"),  # AWS pod identity
    ("169.254.42.42/32", "cloud metadata"),  # Scaleway
    ("169.254.0.23/32", "cloud metadata"),  # Tencent
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "IETF protocol assignment"),
    ("192.0.0.0/29", "DS-Lite"),
    ("192.0.0.8/32", "dummy address"),
    ("192.0.0.9/32", "PCP anycast"),
    ("192.0.0.10/32", "TURN anycast"),
    ("192.0.0.170/31", "NAT64 discovery"),
    ("192.0.0.192/32", "cloud metadata"),  # Oracle, classic
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("255.255.255.255/32", "broadcast"),
)

# The ranges whose addresses carry an IPv4 address; crawler.rules.embedded_addresses looks inside them.
IPV4_MAPPED: Final = "::ffff:0:0/96"
IPV4_COMPATIBLE: Final = "::/96"
IPV4_TRANSLATED: Final = "::ffff:0:0:0/96"
NAT64: Final = "64:ff9b::/96"
LOCAL_NAT64: Final = "64:ff9b:1::/48"
SIX_TO_FOUR: Final = "2002::/16"
TEREDO: Final = "2001::/32"

SPECIAL_IPV6: Final = (
    # Only 2000::/3 is handed out to hosts; the rest of the space is reserved where no line below says more.
    ("::/3", "reserved"),
    ("4000::/2", "reserved"),
    ("8000::/1", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    (IPV4_COMPATIBLE, "IPv4-compatible"),
    (IPV4_TRANSLATED, "IPv4-translated"),
    (LOCAL_NAT64, "local NAT64"),
    ("100::/64", "discard"),
    ("100:0:0:1::/64", "dummy address"),
    ("2001::/23", "IETF protocol assignment"),
    (TEREDO, "Teredo"),
    ("2001:1::1/128", "PCP anycast"),
    ("2001:1::2/128", "TURN anycast"),
    ("2001:1::3/128", "DNS-SD anycast"),
    ("2001:2::/48", "benchmarking"),
    ("2001:3::/32", "AMT"),
    ("2001:4:112::/48", "AS112"),
    ("2001:10::/28", "ORCHID"),
    ("2001:20::/28", "ORCHID"),
    ("2001:30::/28", "drone remote ID"),
    ("2001:db8::/32", "documentation"),
    (SIX_TO_FOUR, "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3ffe::/16", "reserved"),  # 6bone, returned in 2006
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "private"),
    ("fd00:ec2::254/128", "cloud metadata"),  # AWS
    ("fd00:ec2::253/128", "cloud metadata"),  # AWS resolver
    ("fd00:ec2::23/128", "cloud metadata"),  # AWS pod identity
    ("fd20:ce::254/128", "cloud metadata"),  # Google
    ("fd00:c1::a9fe:a9fe/128", "cloud metadata"),  # Oracle
    ("fd00:42::42/128", "cloud metadata"),  # Scaleway
    ("fe80::/10", "link-local"),
    ("fe80::a9fe:a9fe/128", "cloud metadata"),  # OpenStack
    ("fec0::/10", "site-local"),
    ("ff00::/8", "multicast"),
)
