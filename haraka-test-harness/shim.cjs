/**
 * Loaded with --require into the lab's own child processes, never shipped: it stands for the network. Connections to
 * ports 25 and 443 of the lab's addresses go where the routes file says, those to any other address of the outside are
 * refused, and node:dns asks the lab's DNS server, as if it were the machine's resolver.
 *
 * TLS_PEERS_LAB holds { routes: path of a JSON file, dns: "127.0.0.1:port" }. The file maps "address|port" to
 * { host, port, route }, and is read again whenever it changed.
 */
'use strict';

const dns = require('node:dns');
const fs = require('node:fs');
const net = require('node:net');
const { clearInterval, setInterval } = require('node:timers');
const { late } = require('./late.cjs');

const lab = JSON.parse(process.env.TLS_PEERS_LAB ?? 'null');
if (lab !== null) {
  routeConnections(lab.routes);
  pointResolverAt(lab.dns);
}

// Node writes coverage when a process exits by itself, which a signal alone does not make it do.
if (process.env.NODE_V8_COVERAGE !== undefined) process.on('SIGTERM', () => process.exit(0));

function routeConnections(file) {
  const { TCP } = process.binding('tcp_wrap');
  const v4 = TCP.prototype.connect;
  const v6 = TCP.prototype.connect6;
  const routes = routeTable(file);

  function connectAs(original) {
    return function (request, address, port) {
      if (port === undefined) return original.apply(this, arguments); // a pipe
      const target = routes().get(`${address}|${port}`);
      if (target === undefined) {
        // Nothing may leave the machine, nor reach a mail server that happens to run on it.
        const outside = !/^(127\.|::1$)/.test(address) || port === 25 || port === 443;
        return outside ? v4.call(this, request, '127.0.0.1', 1) : original.call(this, request, address, port);
      }
      if (target.route === 'silent') return pending(this);
      if (target.route === 'refused') return v4.call(this, request, '127.0.0.1', 1);
      if (target.route === 'open') return v4.call(this, request, target.host, target.port);
      late(target.route.delayMs, () => {
        const error = v4.call(this, request, target.host, target.port);
        if (error !== 0) request.oncomplete(error, this, request, false, false);
      });
      return 0;
    };
  }

  TCP.prototype.connect = connectAs(v4);
  TCP.prototype.connect6 = connectAs(v6);
}

/** As a connection that nobody answers: under way, and keeping the process alive, until the socket is closed. */
function pending(handle) {
  const alive = setInterval(() => {}, 2 ** 30);
  const { close } = handle;
  handle.close = function (callback) {
    clearInterval(alive);
    return close.call(this, callback);
  };
  return 0;
}

function routeTable(file) {
  let read = -1;
  let table = new Map();
  return () => {
    const { mtimeMs } = fs.statSync(file);
    if (mtimeMs !== read) {
      table = new Map(Object.entries(JSON.parse(fs.readFileSync(file, 'utf8'))));
      read = mtimeMs;
    }
    return table;
  };
}

function pointResolverAt(server) {
  const aimed = (Resolver) =>
    class extends Resolver {
      constructor(options) {
        super(options);
        this.setServers([server]);
      }
    };
  dns.setServers([server]);
  dns.Resolver = aimed(dns.Resolver);
  dns.promises.Resolver = aimed(dns.promises.Resolver);

  const lookup = dns.lookup;
  dns.lookup = function (hostname, options, callback) {
    if (typeof options === 'function') [options, callback] = [{}, options];
    if (typeof options === 'number') options = { family: options };
    if (net.isIP(hostname) || hostname === 'localhost' || !hostname)
      return lookup(hostname, options ?? {}, callback);
    addressesOf(hostname, options?.family ?? 0).then(
      (found) => (options?.all ? callback(null, found) : callback(null, found[0].address, found[0].family)),
      (error) => callback(error),
    );
    return {};
  };
}

/** What getaddrinfo would say, in its order: the families that were asked for, or ENOTFOUND. */
async function addressesOf(hostname, family) {
  const asked = family === 0 ? [6, 4] : [Number(family) || 4];
  const settled = await Promise.allSettled(
    asked.map(async (one) => {
      const addresses =
        one === 6 ? await dns.promises.resolve6(hostname) : await dns.promises.resolve4(hostname);
      return addresses.map((address) => ({ address, family: one }));
    }),
  );
  const found = settled.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  if (found.length > 0) return found;
  throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
    code: 'ENOTFOUND',
    errno: -3008,
    syscall: 'getaddrinfo',
    hostname,
  });
}
