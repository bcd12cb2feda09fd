"""Runs the daemon of postfix-mta-sts-resolver with one policy in its cache, so that it asks neither DNS nor a policy host.

Usage: postfix.py DOMAIN [options of mta-sts-daemon]
"""

import sys
import time

from postfix_mta_sts_resolver import daemon
from postfix_mta_sts_resolver.base_cache import CacheEntry
from postfix_mta_sts_resolver.internal_cache import InternalLRUCache

domain = sys.argv.pop(1)
policy = {"version": "STSv1", "mode": "enforce", "mx": ["mx." + domain], "max_age": 86400}


async def setup(cache):
    await cache.set(domain, CacheEntry(time.time(), "1", policy))


InternalLRUCache.setup = setup
daemon.main()
