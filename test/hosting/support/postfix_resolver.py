"""Asks postfix-mta-sts-resolver for the policies of some domains, as its daemon would.

Arguments: the port of a DNS server on 127.0.0.1, the port where HTTPS is served there, domains. Prints one JSON object
per domain. The package's own resolver does all the work; only where DNS and port 443 are is told to it.
"""

import asyncio
import json
import socket
import sys

import aiodns
import aiohttp
from postfix_mta_sts_resolver.resolver import STSResolver

dns_port, https_port = int(sys.argv[1]), int(sys.argv[2])
DNSResolver, ClientSession = aiodns.DNSResolver, aiohttp.ClientSession


class EverythingHere(aiohttp.abc.AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": https_port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self):
        pass


def local_dns(**options):
    return DNSResolver(nameservers=["127.0.0.1"], udp_port=dns_port, tcp_port=dns_port, **options)


def local_session(**options):
    return ClientSession(connector=aiohttp.TCPConnector(resolver=EverythingHere()), **options)


aiodns.DNSResolver, aiohttp.ClientSession = local_dns, local_session


async def main():
    resolver = STSResolver(loop=asyncio.get_running_loop(), timeout=5)
    for domain in sys.argv[3:]:
        result, policy = await resolver.resolve(domain)
        print(json.dumps({"domain": domain, "result": result.name, "policy": policy}))


asyncio.run(main())
