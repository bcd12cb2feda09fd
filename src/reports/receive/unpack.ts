/** The text of a report, whatever it is packed in and whatever the message calls it: gzip, zip, or as it is. */
import { promisify } from 'node:util';
import { gunzip, inflateRaw } from 'node:zlib';
import { receivedBounds } from '../../tlsrpt/received';
import { messageOf } from '../../text';

const ungzipped = promisify(gunzip);
const inflated = promisify(inflateRaw);

/** One within the other. */
const mostLayers = 3;

/** @throws Error where it is damaged, or more than is taken */
export async function unpack(packed: Uint8Array): Promise<string> {
  let octets = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  for (let layer = 0; layer < mostLayers; layer++) {
    const next = await unpackOnce(octets);
    if (next === undefined) return asText(octets);
    octets = next;
  }
  throw new Error('it is packed too often');
}

async function unpackOnce(octets: Buffer): Promise<Buffer | undefined> {
  const limit = { maxOutputLength: receivedBounds.bytes };
  try {
    if (octets[0] === 0x1f && octets[1] === 0x8b) return await ungzipped(octets, limit);
    if (octets.length < 30 || octets.readUInt32LE(0) !== localHeader) return undefined;
    const { method, data } = firstFileOf(octets);
    return method === 'stored' ? data : await inflated(data, limit);
  } catch (error) {
    const isLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw new Error(
      isLarge ? 'it is too large once it is unpacked' : `it cannot be unpacked: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

const localHeader = 0x04034b50;
const centralHeader = 0x02014b50;
const endOfDirectory = 0x06054b50;

/** By the directory at the end of the archive: the headers before the files may leave their sizes out (APPNOTE.TXT, 4.3). */
function firstFileOf(zip: Buffer): { readonly method: 'stored' | 'deflated'; readonly data: Buffer } {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end === -1 || zip.readUInt32LE(end) !== endOfDirectory) throw new Error('the archive has no directory');
  const directory = zip.readUInt32LE(end + 16);
  if (zip.readUInt32LE(directory) !== centralHeader) throw new Error('the directory is damaged');
  const method = zip.readUInt16LE(directory + 10);
  const size = zip.readUInt32LE(directory + 20);
  const local = zip.readUInt32LE(directory + 42);
  if (zip.readUInt32LE(local) !== localHeader) throw new Error('the first file is damaged');
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  if (start + size > zip.length) throw new Error('the first file is cut off');
  if (method !== 0 && method !== 8) throw new Error('the archive is packed in a way that is not read');
  return { method: method === 0 ? 'stored' : 'deflated', data: zip.subarray(start, start + size) };
}

function asText(octets: Buffer): string {
  if (octets.length > receivedBounds.bytes) throw new Error('it is too large');
  // Of those who write UTF-16, and say so.
  if (octets[0] === 0xff && octets[1] === 0xfe) return octets.subarray(2).toString('utf16le');
  return octets.toString('utf8');
}
