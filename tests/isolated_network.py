"""A network of one machine, for one process: every address leads to a server that counts, and names are ours.

The process moves into namespaces of its own (user, mount, network), where a route makes each address of IPv4 and
IPv6 local. So nothing can leave the machine, and whatever a client dials, though nobody ever should, is answered
and written down. `getaddrinfo` asks a real DNS server over UDP. Needs Linux with unprivileged user namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import socket
import socketserver
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

# sched.h, sys/mount.h, linux/if.h, linux/sockios.h, linux/rtnetlink.h
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x0002_0000, 0x1000_0000, 0x4000_0000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
RTM_NEWROUTE, NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE = 24, 0x1, 0x4, 0x400
RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, RTA_OIF = 255, 4, 254, 2, 4

PROXY_PORT = 3128
TYPE_A, TYPE_AAAA = 1, 28

# Said instead of an address: the server cannot answer.
SERVFAIL = "SERVFAIL"

# The answers to one name, in turn; the last one stays. Each is a list of addresses of both families.
Names = Mapping[str, Sequence[Sequence[str]]]


@dataclass
class Seen:
    """What reached the servers: connections as (address dialled, port), and questions by (name, type)."""

    connections: Counter[tuple[str, int]] = field(default_factory=Counter)
    questions: Counter[tuple[str, int]] = field(default_factory=Counter)

    @property
    def addresses(self) -> set[str]:
        return {address for address, _ in self.connections}


def why_not() -> str | None:
    """Enter an isolated network and come back with the reason why that cannot be done here, if there is one."""
    try:
        enter()
    except OSError as error:
        return f"no isolated network here: {error}"
    return None


def enter(*, has_local_ipv6: bool = True) -> None:
    """Move this process, which must have one thread, into namespaces of its own; raises OSError.

    Without local IPv6 there is no route to any IPv6 address, as on a machine with IPv4 only.
    """
    user, group = os.getuid(), os.getgid()
    _system_call("unshare", CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    _system_call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    _replace("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
    if os.path.exists("/etc/nsswitch.conf"):  # without it, the resolver asks DNS first
        _replace("/etc/nsswitch.conf", "hosts: dns\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", IFF_UP | IFF_RUNNING))
    _make_everything_local(socket.AF_INET)
    if has_local_ipv6:
        _make_everything_local(socket.AF_INET6)


def _system_call(name: str, *arguments: Any) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _replace(path: str, text: str) -> None:
    with tempfile.NamedTemporaryFile("w") as file:  # the mount keeps it after its name is gone
        file.write(text)
        file.flush()
        _system_call("mount", file.name.encode(), os.path.realpath(path).encode(), None, MS_BIND, None)


def _make_everything_local(family: int) -> None:
    """Do what `ip route add local default dev lo` does."""
    route = struct.pack("8BI", family, 0, 0, 0, RT_TABLE_LOCAL, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0)
    route += struct.pack("HHI", 8, RTA_OIF, socket.if_nametoindex("lo"))
    flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.bind((0, 0))
        netlink.send(struct.pack("IHHII", 16 + len(route), RTM_NEWROUTE, flags, 1, 0) + route)
        (error,) = struct.unpack_from("i", netlink.recv(4096), 16)
    if error:
        raise OSError(-error, f"route: {os.strerror(-error)}")


@contextlib.contextmanager
def served(names: Names, ports: Sequence[int] = (80, PROXY_PORT)) -> Iterator[Seen]:
    """Serve every address on these ports, and the names, from a process of its own; fill what is yielded at the end.

    `/to?URL` redirects to the text of URL, anything else answers with a few bytes.
    """
    told, tell = os.pipe()
    stopped, stop = os.pipe()
    ready, be_ready = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            # Twice, because the sandbox lets nobody wait for a child.
            if os.fork() == 0:
                os.close(stop)
                _serve(names, ports, stopped, be_ready, tell)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    for end in (tell, stopped, be_ready):
        os.close(end)
    assert os.read(ready, 1) == b"1", "the servers did not start"
    seen = Seen()
    try:
        yield seen
    finally:
        os.close(stop)  # ends the servers, also if this process dies
        with os.fdopen(told) as report:
            connections, questions = json.load(report)
        os.close(ready)
        seen.connections.update({(address, port): count for address, port, count in connections})
        seen.questions.update({(name, kind): count for name, kind, count in questions})


def _serve(names: Names, ports: Sequence[int], stopped: int, be_ready: int, tell: int) -> None:
    seen = Seen()
    name_server = socketserver.UDPServer(("127.0.0.1", 53), _Question)
    name_server.names, name_server.questions = names, seen.questions  # type: ignore[attr-defined]
    servers: list[socketserver.BaseServer] = [name_server]
    for port in ports:
        web = _WebServer(("::", port), _Conversation)
        web.connections = seen.connections
        servers.append(web)
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    os.write(be_ready, b"1")
    os.read(stopped, 1)
    for server in servers:
        server.shutdown()
        _take_what_waits(server)
    with os.fdopen(tell, "w") as report:
        json.dump(
            [[[*key, count] for key, count in found.items()] for found in (seen.connections, seen.questions)], report
        )


def _take_what_waits(server: Any) -> None:
    """Serve what was dialled or sent before the end: on a busy machine it may still lie in the socket."""
    server.socket.setblocking(False)
    while True:
        try:
            request, client = server.get_request()
        except BlockingIOError:
            return
        if isinstance(server, socketserver.UDPServer):
            server.finish_request(request, client)
        else:
            request.close()


class _WebServer(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128
    connections: Counter[tuple[str, int]]

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        request, client = super().get_request()
        dialled = ip_address(request.getsockname()[0].split("%")[0])
        dialled = getattr(dialled, "ipv4_mapped", None) or dialled
        self.connections[str(dialled), self.server_address[1]] += 1
        return request, client


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        target = self.rfile.readline().split(b" ")[1].decode("latin-1")
        while self.rfile.readline().strip():
            pass
        path, _, query = target.partition("?")
        if path == "/to":
            head = f"HTTP/1.1 302 Found\r\nLocation: {unquote(query)}\r\nContent-Length: 0"
        elif path == "/links":
            body = "<!DOCTYPE html>" + "".join(f'<a href="/to?{one}">x</a>' for one in query.split("&"))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(body)}"
        else:
            body = "reached"
            head = "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 7"
        self.wfile.write(f"{head}\r\nConnection: close\r\n\r\n{body if path != '/to' else ''}".encode())


class _Question(socketserver.BaseRequestHandler):
    """RFC 1035, as much as getaddrinfo needs: one question, A and AAAA records, no time to live."""

    def handle(self) -> None:
        message, transport = self.request
        labels, place = [], 12
        while length := message[place]:
            labels.append(message[place + 1 : place + 1 + length].decode("ascii").lower())
            place += 1 + length
        name = ".".join(labels)
        (kind,) = struct.unpack_from("!H", message, place + 1)
        question = message[12 : place + 5]
        server: Any = self.server
        turn = server.questions[name, kind]
        server.questions[name, kind] += 1
        answers = server.names.get(name)
        records = b""
        count = 0
        answer = answers[min(turn, len(answers) - 1)] if answers else ()
        for text in answer:
            if text == SERVFAIL:
                continue
            address = ip_address(text)
            if kind == (TYPE_A if address.version == 4 else TYPE_AAAA):
                records += struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(address.packed)) + address.packed
                count += 1
        flags = 0x8582 if SERVFAIL in answer else 0x8580 if answers else 0x8583  # no such name
        head = message[:2] + struct.pack("!HHHHH", flags, 1, count, 0, 0)
        transport.sendto(head + question + records, self.client_address)
