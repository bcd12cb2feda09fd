// Between Haraka and Redis, in a process of its own: passes on what Redis answers, as late as it is told to.
// Started with fork and the port of Redis; says its own port, and takes a number of milliseconds.
'use strict';
const net = require('node:net');

const redisPort = Number(process.argv[2]);
let delay = 0;

const server = net.createServer((client) => {
  const redis = net.connect(redisPort, '127.0.0.1');
  const end = () => {
    client.destroy();
    redis.destroy();
  };
  for (const socket of [client, redis]) {
    socket.setNoDelay(true);
    socket.on('error', end);
    socket.on('close', end);
  }
  client.on('data', (chunk) => redis.write(chunk));
  redis.on('data', (chunk) => {
    if (delay === 0) client.write(chunk);
    else setTimeout(() => client.writable && client.write(chunk), delay);
  });
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('message', (ms) => {
  delay = ms;
});
process.on('disconnect', () => process.exit());
