import { createHash, createHmac } from 'node:crypto';
import { SaxesParser } from 'saxes';
import { fetchText, type RequestOptions } from './download.ts';
import { refuse } from './refusal.ts';

export interface S3Credentials {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const EMPTY_HASH = createHash('sha256').update('').digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** RFC 3986, as the signature wants it: also `!'()*` are written in hex. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * Headers that sign a GET without a body.
 * @source AWS Signature Version 4, “Signature Calculations for the Authorization Header”
 */
export function signS3(
  url: URL,
  credentials: S3Credentials,
  extra: Readonly<Record<string, string>>,
  now: Date,
): Record<string, string> {
  const stamp = now.toISOString().replace(/[:-]|\.\d{3}/g, '');
  const day = stamp.slice(0, 8);
  const headers: Record<string, string> = {
    ...extra,
    host: url.host,
    'x-amz-content-sha256': EMPTY_HASH,
    'x-amz-date': stamp,
  };
  const names = Object.keys(headers).sort();
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&');
  const canonical = [
    'GET',
    url.pathname
      .split('/')
      .map((part) => encode(decodeURIComponent(part)))
      .join('/'),
    query,
    ...names.map((name) => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    names.join(';'),
    EMPTY_HASH,
  ].join('\n');
  const scope = `${day}/${credentials.region}/s3/aws4_request`;
  const toSign = [
    'AWS4-HMAC-SHA256',
    stamp,
    scope,
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const key = [day, credentials.region, 's3', 'aws4_request'].reduce<string | Buffer>(
    (previous, part) => hmac(previous, part),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = hmac(key, toSign).toString('hex');
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

/** Address of an object, or of the bucket itself for an empty key, in path style (MinIO and AWS both know it). */
export function s3Url(endpoint: string, bucket: string, key: string): URL {
  const base = endpoint.endsWith('/') ? endpoint.slice(0, -1) : endpoint;
  return new URL(`${base}/${encode(bucket)}${key === '' ? '' : `/${key.split('/').map(encode).join('/')}`}`);
}

/** A page of the keys under a prefix, in order. @throws LoadRefused */
export async function listS3Page(
  endpoint: string,
  bucket: string,
  prefix: string,
  token: string | undefined,
  options: RequestOptions,
): Promise<{ readonly keys: readonly string[]; readonly next: string | undefined }> {
  const url = s3Url(endpoint, bucket, '');
  url.searchParams.set('list-type', '2');
  url.searchParams.set('prefix', prefix);
  if (token !== undefined) url.searchParams.set('continuation-token', token);
  const answer = await fetchText(url, options);
  try {
    return parseListing(answer);
  } catch {
    return refuse(
      'not_delivered',
      options.place,
      `${url.host} answers no list of ${bucket}. Does the endpoint of the connection speak S3?`,
    );
  }
}

/** Keys under a prefix, in order, over as many pages as there are. @throws LoadRefused */
export async function listS3(
  endpoint: string,
  bucket: string,
  prefix: string,
  options: RequestOptions,
): Promise<string[]> {
  const keys: string[] = [];
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const page = await listS3Page(endpoint, bucket, prefix, token, options);
    keys.push(...page.keys);
    token = page.next;
  }
  return keys;
}

export function parseListing(xml: string): {
  readonly keys: readonly string[];
  readonly next: string | undefined;
} {
  const keys: string[] = [];
  let next: string | undefined;
  let text = '';
  const parser = new SaxesParser();
  parser.on('opentag', () => {
    text = '';
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  let root: string | undefined;
  parser.on('closetag', ({ name }) => {
    root = name;
    if (name === 'Key') keys.push(text);
    if (name === 'NextContinuationToken') next = text;
    text = '';
  });
  parser.write(xml).close();
  if (root !== 'ListBucketResult') throw new Error(`<${root ?? ''}> is no listing.`);
  return { keys, next };
}
