declare module 'nodemailer/lib/mime-node' {
  /** One node of a MIME tree. */
  export default class MimeNode {
    constructor(contentType: string, options?: { filename?: string });
    createChild(contentType: string, options?: { filename?: string }): MimeNode;
    setHeader(key: string, value: unknown): this;
    setContent(content: string | Uint8Array): this;
    /** The message, CRLF at line ends. */
    build(): Promise<Buffer>;
  }
}

declare module 'nodemailer/lib/dkim' {
  import type { Readable } from 'node:stream';
  /** Signs with rsa-sha256, relaxed/relaxed. */
  export default class Dkim {
    constructor(options: {
      domainName: string;
      keySelector: string;
      privateKey: string;
      headerFieldNames: string;
    });
    sign(input: Uint8Array): Readable;
  }
}
