import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface S3Server {
  readonly endpoint: string;
  readonly host: string;
  /** Objects of the one bucket, by key. */
  readonly objects: Map<string, { body: Buffer; encoding?: string }>;
  /** Pages of listings that were answered. */
  readonly pages: number;
  stop(): Promise<void>;
}

/**
 * A bucket on the loopback interface that checks Signature Version 4 and answers ListObjectsV2 in pages and GetObject.
 * The signature is worked out anew from the raw request, so that it checks the signer rather than sharing its code.
 */
export async function startS3Server(options: {
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly pageSize: number;
}): Promise<S3Server> {
  const objects: S3Server['objects'] = new Map();
  let pages = 0;

  const handle = (request: IncomingMessage, response: ServerResponse): ServerResponse => {
    const fault = signatureFault(request, options);
    if (fault) return refuse(response, 403, fault);
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const [, bucket = '', ...parts] = path.split('/').map(decodeURIComponent);
    if (bucket !== options.bucket) return refuse(response, 404, 'NoSuchBucket');
    const key = parts.join('/');
    if (key !== '') {
      const found = objects.get(key);
      if (!found) return refuse(response, 404, 'NoSuchKey');
      response.writeHead(200, {
        'content-length': found.body.length,
        etag: `"${createHash('md5').update(found.body).digest('hex')}"`,
        ...(found.encoding === undefined ? {} : { 'content-encoding': found.encoding }),
      });
      return response.end(found.body);
    }
    const asked = new URLSearchParams(query);
    if (asked.get('list-type') !== '2') return refuse(response, 400, 'InvalidArgument');
    const after = asked.get('continuation-token') ?? '';
    const all = [...objects.keys()]
      .filter((name) => name.startsWith(asked.get('prefix') ?? '') && name > after)
      .sort();
    const page = all.slice(0, options.pageSize);
    const isCut = page.length < all.length;
    pages++;
    response.writeHead(200, { 'content-type': 'application/xml' });
    return response.end(
      `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>${bucket}</Name>${page
        .map((name) => `<Contents><Key>${escaped(name)}</Key><Size>1</Size></Contents>`)
        .join(
          '',
        )}<IsTruncated>${isCut}</IsTruncated>${isCut ? `<NextContinuationToken>${escaped(page.at(-1) ?? '')}</NextContinuationToken>` : ''}</ListBucketResult>`,
    );
  };

  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('The bucket has no address.');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    host: `127.0.0.1:${address.port}`,
    objects,
    get pages() {
      return pages;
    },
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

function refuse(response: ServerResponse, status: number, code: string): ServerResponse {
  response.writeHead(status, { 'content-type': 'application/xml' });
  return response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}

function signatureFault(
  request: IncomingMessage,
  options: { accessKeyId: string; secretAccessKey: string; region: string },
): string | undefined {
  const given =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    );
  if (!given) return 'MissingSecurityHeader';
  const [, accessKeyId = '', day = '', region = '', signed = '', signature = ''] = given;
  if (accessKeyId !== options.accessKeyId) return 'InvalidAccessKeyId';
  if (region !== options.region) return 'AuthorizationHeaderMalformed';
  if (!signed.split(';').includes('host') || !signed.split(';').includes('x-amz-date')) return 'AccessDenied';
  const stamp = String(request.headers['x-amz-date']);
  const sentAt = Date.parse(stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(Date.now() - sentAt) < 15 * 60_000)) return 'RequestTimeTooSkewed';
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const body = String(request.headers['x-amz-content-sha256']);
  const canonical = [
    request.method,
    path,
    query === ''
      ? ''
      : query
          .split('&')
          .map((pair) => pair.replaceAll('+', '%20'))
          .sort()
          .join('&'),
    ...signed.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    signed,
    body,
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const sign = (key: string | Buffer, message: string): Buffer =>
    createHmac('sha256', key).update(message).digest();
  const dayKey = sign(`AWS4${options.secretAccessKey}`, day);
  const key = sign(sign(sign(dayKey, region), 's3'), 'aws4_request');
  return timingSafeEqual(sign(key, text), Buffer.from(signature, 'hex'))
    ? undefined
    : 'SignatureDoesNotMatch';
}
