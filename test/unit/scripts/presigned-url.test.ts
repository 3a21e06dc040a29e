import { expect, it } from 'vitest';
import { presignedUrl } from '../../../scripts/media-upload/presigned-url.ts';

/** Amazon's own example key, from the documentation of S3. */
const key = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const store = { ...key, endpoint: 'https://s3.example.com', region: 'us-east-1', bucket: 'media' };
const request = {
  method: 'PUT',
  key: 'ann/1',
  now: new Date('2013-05-24T00:00:00Z'),
  expiresInSeconds: 300,
} as const;
const signatureOf = (url: string): string | null => new URL(url).searchParams.get('X-Amz-Signature');

it('signs as the example in the documentation of S3 does', () => {
  // There the bucket is in the name of the host.
  const example = { ...store, endpoint: 'https://examplebucket.s3.amazonaws.com', bucket: '' };
  const url = presignedUrl(example, { ...request, method: 'GET', key: 'test.txt', expiresInSeconds: 86_400 });
  expect(signatureOf(url)).toBe('aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404');
});

it('is good for one method, object and time only', () => {
  const changes = [{}, { method: 'GET' }, { key: 'ann/2' }, { expiresInSeconds: 301 }] as const;
  const signatures = changes.map((change) => signatureOf(presignedUrl(store, { ...request, ...change })));
  expect(new Set(signatures).size).toBe(changes.length);
});

it('escapes what a key may have in it', () => {
  expect(presignedUrl(store, { ...request, key: "a b/ü'(1)*" })).toContain(
    '/media/a%20b/%C3%BC%27%281%29%2A?',
  );
});
