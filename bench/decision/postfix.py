"""Runs the daemon of postfix-mta-sts-resolver with one policy in its cache, so that it asks neither DNS nor a policy host.

Usage: postfix.py DOMAIN [options of mta-sts-daemon]
"""

import sys
import time

from postfix_mta_sts_resolver import daemon, utils
from postfix_mta_sts_resolver.base_cache import CacheEntry

domain = sys.argv.pop(1)
policy = {"version": "STSv1", "mode": "enforce", "mx": ["mx." + domain], "max_age": 86400}


create_cache = utils.create_cache


def create_filled_cache(kind, options):
    cache = create_cache(kind, options)
    set_up = cache.setup

    async def fill():
        await set_up()
        await cache.set(domain, CacheEntry(int(time.time()), "1", policy))

    cache.setup = fill
    return cache


utils.create_cache = create_filled_cache
daemon.main()
